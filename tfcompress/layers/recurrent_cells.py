"""One step of each recurrent cell of Keras, in operations that all have an int16 kernel.

In: the weights of a cell, what the input adds to its gates, the state before. Out: the state after. Every result is
tracked under one name for each kind of value, whatever the step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfcompress.layers import int16_activations
from tfcompress.layers.activations import activation_spec
from tfcompress.layers.quantizer import Quantizer, Unrounded
from tfcompress.layers.rounding import int16_step

State = list[Any]

KERNELS = {"sigmoid": int16_activations.sigmoid, "tanh": int16_activations.tanh}
"""Activations whose int16 kernels are some steps off; their results have a step of their own."""


class Cell:
    """The weights of the cell of a layer as the file has them, and its step.

    Args:
        quantizer: Rounds the weights: an int16 matrix product has one scale for its whole kernel.
        layer: A layer around a cell.
    """

    def __init__(self, quantizer: Quantizer, layer: Any) -> None:
        import tensorflow as tf

        cell = layer.cell
        kind = CELLS[type(cell).__name__]
        self.cell, self.units, self.ops, self.states, self._step = cell, cell.units, kind.ops, kind.state, kind.step
        self.kernel = quantizer.weight(tf.convert_to_tensor(cell.kernel), ())
        recurrent = tf.convert_to_tensor(cell.recurrent_kernel)
        self.reset_after = getattr(cell, "reset_after", True)
        if kind.step is gru and not self.reset_after:
            self.parts = [quantizer.weight(recurrent[:, : 2 * self.units], ())]
            self.parts += [quantizer.weight(recurrent[:, 2 * self.units :], ())]
        else:
            self.parts = [quantizer.weight(recurrent, ())]
        bias = tf.convert_to_tensor(cell.bias) if cell.use_bias else None
        two = bias is not None and len(bias.shape) == 2
        self.bias, self.recurrent_bias = (bias[0], bias[1]) if two else (bias, None)
        training = quantizer.training
        self.dropout, self.recurrent_dropout = (
            float(getattr(cell, name, 0.0) or 0.0) if training else 0.0 for name in ("dropout", "recurrent_dropout")
        )
        self.exact, self.calibrates = quantizer.rounds_as_kernels, type(quantizer) is Unrounded
        self.kept: Any = 1.0
        """What recurrent dropout multiplies the state by, the same in every step."""

    def step(self, quantizer: Any, inputs: Any, state: State | None) -> State:
        """Return the state after a step; `state` is None where it is zero."""
        return self._step(quantizer, self, inputs, state)

    def past(self, quantizer: Any, hidden: Any, part: int = 0, name: str = "recurrent") -> Any:
        """Return what the state before adds to the gates."""
        import tensorflow as tf

        hidden = hidden * self.kept if self.recurrent_dropout else hidden
        sums = tf.matmul(hidden, self.parts[part])
        return quantizer.int16(sums if self.recurrent_bias is None else sums + self.recurrent_bias, name)

    def inner(self, quantizer: Any, x: Any, of: str, name: str) -> Any:
        """Return the activation of a gate, `name`, whose sum is in the range `of`."""
        return self._activated(quantizer, self.cell.recurrent_activation, x, of, name)

    def outer(self, quantizer: Any, x: Any, of: str, name: str) -> Any:
        """Return the activation of what the cell takes in or puts out, `name`, of what is in the range `of`."""
        return self._activated(quantizer, self.cell.activation, x, of, name)

    def _activated(self, quantizer: Any, function: Any, x: Any, of: str, name: str) -> Any:
        kind, spec = getattr(function, "__name__", ""), activation_spec(function)
        if kind == "linear":
            return quantizer.int16(x, name)
        form = spec.int8 if self.calibrates else spec.form
        if self.exact and kind in KERNELS:
            return _as_kernel(function, kind, x, int16_step(*quantizer.range_of(of)))
        result = function(x) if form is None else form(_Within(quantizer, name), function, x)
        return quantizer.int16(result, name)


def _as_kernel(function: Any, kind: str, x: Any, step: Any) -> Any:
    """Return what the kernel of an activation gives; before any data, when no step is known, the activation."""
    import tensorflow as tf

    return tf.where(step > 0.0, KERNELS[kind](x, tf.maximum(step, 1e-30)), function(x))


def lstm(quantizer: Any, cell: Cell, inputs: Any, state: State | None) -> State:
    """LSTM: four gates, and a cell beside the state."""
    import tensorflow as tf

    gates, sums, inner = inputs, "inputs", "new"
    if state is not None:
        gates, sums, inner = quantizer.int16(inputs + cell.past(quantizer, state[0]), "gates"), "gates", "cell"
    enter, forget, candidate, leave = tf.split(gates, 4, axis=-1)
    enter = cell.inner(quantizer, enter, sums, "input_gate")
    inside = quantizer.int16(enter * cell.outer(quantizer, candidate, sums, "candidate"), "new")
    if state is not None:
        kept = quantizer.int16(cell.inner(quantizer, forget, sums, "forget_gate") * state[1], "kept")
        inside = quantizer.int16(inside + kept, "cell")
    shown = cell.outer(quantizer, inside, inner, "shown")
    return [quantizer.int16(cell.inner(quantizer, leave, sums, "output_gate") * shown, "state"), inside]


def gru(quantizer: Any, cell: Cell, inputs: Any, state: State | None) -> State:
    """GRU: the reset gate comes after the product with the state, or before it."""
    import tensorflow as tf

    if state is None:
        return [_first_of_gru(quantizer, cell, inputs)]
    update, reset, candidate = tf.split(inputs, 3, axis=-1)
    if cell.reset_after:
        past_update, past_reset, past = tf.split(cell.past(quantizer, state[0]), 3, axis=-1)
        reset = cell.inner(quantizer, quantizer.int16(reset + past_reset, "reset_sum"), "reset_sum", "reset_gate")
        past = quantizer.int16(reset * past, "reset_past")
    else:
        past_update, past_reset = tf.split(cell.past(quantizer, state[0]), 2, axis=-1)
        reset = cell.inner(quantizer, quantizer.int16(reset + past_reset, "reset_sum"), "reset_sum", "reset_gate")
        past = cell.past(quantizer, quantizer.int16(reset * state[0], "reset_state"), 1, "reset_past")
    new = cell.outer(quantizer, quantizer.int16(candidate + past, "candidate_sum"), "candidate_sum", "candidate")
    keep = cell.inner(quantizer, quantizer.int16(update + past_update, "update_sum"), "update_sum", "update_gate")
    change = quantizer.int16(keep * quantizer.int16(state[0] - new, "difference"), "change")
    return [quantizer.int16(new + change, "state")]


def _first_of_gru(quantizer: Any, cell: Cell, inputs: Any) -> Any:
    import tensorflow as tf

    units, bias = cell.units, cell.recurrent_bias
    sums, last = ("inputs", "inputs") if bias is None else ("first_sum", "candidate_sum")
    if bias is not None:
        inputs = quantizer.int16(inputs + tf.concat([bias[: 2 * units], tf.zeros(units)], 0), "first_sum")
    update, reset, candidate = tf.split(inputs, 3, axis=-1)
    if bias is not None:
        past = quantizer.int16(cell.inner(quantizer, reset, sums, "reset_gate") * bias[2 * units :], "reset_past")
        candidate = quantizer.int16(candidate + past, "candidate_sum")
    new = cell.outer(quantizer, candidate, last, "candidate")
    share = quantizer.int16(1.0 - cell.inner(quantizer, update, sums, "update_gate"), "share")
    return quantizer.int16(new * share, "state")


def simple(quantizer: Any, cell: Cell, inputs: Any, state: State | None) -> State:
    """The simple recurrent cell."""
    if state is None:
        return [cell.outer(quantizer, inputs, "inputs", "state")]
    return [cell.outer(quantizer, quantizer.int16(inputs + cell.past(quantizer, state[0]), "sum"), "sum", "state")]


@dataclass(frozen=True)
class CellKind:
    """One class of cells."""

    step: Callable[[Any, Cell, Any, State | None], State]
    ops: int
    """About how many ops a step becomes."""
    state: tuple[str, ...] = ("state",)
    """The names of the ranges of its states."""


CELLS = {
    "LSTMCell": CellKind(lstm, 13, ("state", "cell")),
    "GRUCell": CellKind(gru, 14),
    "SimpleRNNCell": CellKind(simple, 4),
}


def trains(cell: Any) -> str:
    """Tell why a cell cannot be trained in integers: an activation of unknown ops; nothing if it can."""
    for name in ("activation", "recurrent_activation"):
        function = getattr(cell, name, None)
        if function is not None and activation_spec(function).result == "float":
            return f"no rule for the activation {getattr(function, '__name__', function)}"
    return ""


class _Within:
    """A quantizer for the form of an activation inside a step: all that it rounds is in int16."""

    training = False
    input_step = host = host_step = None

    def __init__(self, quantizer: Any, name: str) -> None:
        self._quantizer, self._name, self.unrolls = quantizer, name, getattr(quantizer, "unrolls", False)

    def int16(self, tensor: Any, name: str) -> Any:
        return self._quantizer.int16(tensor, f"{self._name}_{name}")

    activation = int16

    def fixed(self, tensor: Any, low: float, high: float) -> Any:
        return self.int16(tensor, f"from_{low:g}_to_{high:g}")

    def int16_scope(self) -> Any:
        return self._quantizer.int16_scope()
