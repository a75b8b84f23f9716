"""Layers that go through a sequence step by step: in integers one fused op for an LSTM, or one step after the other.

In: a layer, a `Quantizer`, a sequence of known length. Out: their specs; what the layer returns. The steps are computed
in int16, as a state that is rounded to int8 at every step drifts.
"""

from __future__ import annotations

from typing import Any

from tfcompress.console import say
from tfcompress.errors import ModelError
from tfcompress.layers import fused_lstm
from tfcompress.layers.channel_rules import recurrent_rules
from tfcompress.layers.example import LINE, Example, layer
from tfcompress.layers.layer_spec import CallInfo, KernelLayout, LayerSpec
from tfcompress.layers.quantizer import Quantizer, mask_of, read_in_int16
from tfcompress.layers.recurrent_cells import CELLS, Cell, trains
from tfcompress.layers.sequences import Sequence, scanned, unrolled

MAX_STEPS = 512
BYTES_AN_OP = 300
STATE = "state_{}"
"""The names of the ranges of the states that a layer gives out."""


def recurrent(quantizer: Quantizer, layer: Any, x: Any, *more: Any, **kwargs: Any) -> Any:
    """LSTM, GRU, SimpleRNN, or an RNN with one of their cells.

    Args:
        quantizer: It knows the path of the layer, and whether the fused op will do.
        layer: The layer.
        x: The sequence, and its first state after it where tf_keras passes both together.
        more: Nothing; what Keras passes has names.
        kwargs: `mask` and `initial_state`, as for the layer.
    """
    x, state, mask = arguments(x, **kwargs)
    fuses = state is None and mask is None and fused_lstm.is_plain(layer)
    _require_possible(layer, quantizer.path, x, more, fuses)
    if fuses and quantizer.may_fuse:
        return fused_lstm.form(quantizer, layer, x)
    cell = Cell(quantizer, layer)
    with quantizer.int16_scope():
        if quantizer.unrolls:
            ops = cell.ops * x.shape[1]
            say(
                f"{quantizer.path}: {type(layer).__name__} in {x.shape[1]} steps becomes about {ops} ops, "
                f"{ops * BYTES_AN_OP // 1000 + 1} kB"
            )
        x, *state = (read_in_int16(quantizer, tensor) for tensor in (x, *(state or [])))
        sequence = Sequence(quantizer, cell, layer, x, mask)
        shown, state = (unrolled if quantizer.unrolls else scanned)(sequence, state or None)
    result = quantizer.activation(shown, "result")
    if not layer.return_state:
        return result
    states = [quantizer.activation(part, STATE.format(place)) for place, part in enumerate(state)]
    return [result, *states]


def arguments(x: Any, mask: Any = None, initial_state: Any = None, **_: Any) -> tuple[Any, list[Any] | None, Any]:
    """Return sequence, first state and mask of a call of either Keras."""
    state = initial_state
    if isinstance(x, (list, tuple)):
        x, *state = x
    mask = mask[0] if isinstance(mask, (list, tuple)) else mask
    mask = mask_of(x) if mask is None else mask
    if state is not None and not isinstance(state, (list, tuple)):
        state = [state]
    return x, list(state) if state else None, mask


def by_cell(spec: LayerSpec, layer: Any) -> LayerSpec:
    """Leave an RNN with another cell as Keras computes it."""
    known = type(layer.cell).__name__ in CELLS and type(layer.cell).__module__.startswith(spec.homes)
    return spec if known else spec.stays_float(f"no rule for the cell {type(layer.cell).__name__}")


def by_call(spec: LayerSpec, layer: Any, call: CallInfo) -> LayerSpec:
    """Keep in float what cannot become integer ops, and tell the ranges of what a call returns."""
    fuses = len(call.shapes) == 1 and not call.masked and fused_lstm.is_plain(layer)
    steps = call.shapes[0][1]
    if reason := _obstacle(layer, steps, fuses) or trains(layer.cell):
        return spec.stays_float(reason)
    states = len(CELLS[type(layer.cell).__name__].state) if layer.return_state else 0
    results = ("result", *(STATE.format(place) for place in range(states)))
    cells = (("", fused_lstm.CELL),) if fuses else ()
    return spec.but(results=results, cells=cells)


def _obstacle(layer: Any, steps: int | None, fuses: bool) -> str:
    """Tell what keeps a layer from becoming integer ops; nothing if nothing does."""
    if getattr(layer, "stateful", False):
        return "stateful=True: a .tflite keeps no state from one call to the next"
    if steps is None:
        return "a sequence of open length"
    if steps > MAX_STEPS and not fuses:
        return f"{steps} steps, each with ops of its own"
    return "time_major=True" if getattr(layer, "time_major", False) else ""


def _require_possible(layer: Any, path: str, x: Any, more: tuple[Any, ...], fuses: bool) -> None:
    problem = _obstacle(layer, x.shape[1], fuses) or ("arguments without a name" if more else "")
    if problem:
        raise ModelError(
            f"In an integer file {type(layer).__name__} takes sequences of known length, {MAX_STEPS} steps at most, "
            "and starts anew with each.",
            received=f"layer {path}: {problem}",
            hint="Use LSTM for long sequences, which is one op, or cut them; pass states as inputs and outputs.",
        )


def _passed_on(k: Any, x: Any) -> Any:
    whole, *state = k.layers.LSTM(5, return_sequences=True, return_state=True)(x)
    return k.layers.LSTM(5, return_sequences=True)(whole, initial_state=state)


def _masked(k: Any, x: Any) -> Any:
    masked = k.layers.Masking()(k.layers.ReLU()(x))
    return k.layers.Dense(3)(k.layers.GRU(5, return_sequences=True)(masked))


KERNELS = {"kernel": KernelLayout(scales=()), "recurrent_kernel": KernelLayout(scales=())}
SEQUENCE = LayerSpec(
    kernels=KERNELS,
    bias=True,
    channels=recurrent_rules.recurrent,
    int8=recurrent,
    note="int8 weights, int16 steps",
    trained_since=3,
    of_call=by_call,
)

SPECS = (
    SEQUENCE.but(
        names=("LSTM",),
        examples=(
            layer("LSTM", 5, shape=LINE),
            layer("LSTM", 5, return_sequences=True, shape=LINE, title="LSTM, sequences"),
            layer("LSTM", 5, activation="relu", shape=LINE, title="LSTM, unrolled"),
            Example("LSTM, states passed on", _passed_on, LINE),
        ),
    ),
    SEQUENCE.but(names=("GRU",), examples=(layer("GRU", 5, shape=LINE), Example("GRU, masked", _masked, LINE))),
    SEQUENCE.but(names=("SimpleRNN",), examples=(layer("SimpleRNN", 5, shape=LINE),)),
    SEQUENCE.but(
        names=("RNN",),
        examples=(Example("RNN", lambda k, x: k.layers.RNN(k.layers.GRUCell(4))(x), LINE),),
        kernels={},
        channels=None,
        of_settings=by_cell,
    ),
    LayerSpec(("LSTMCell", "GRUCell", "SimpleRNNCell"), kernels=KERNELS, note="", trained_since=None),
)
