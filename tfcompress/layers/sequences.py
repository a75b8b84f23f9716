"""Going through a sequence with a recurrent cell: written out step by step, as a file has it, or in a loop.

In: a cell, a sequence, perhaps a mask and a first state. Out: what the layer shows, and its last state. Training uses
the loop, which is traced once for any number of steps, and collects the smallest and largest value of each kind in it.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from tfcompress.layers.quantizer import Quantizer
from tfcompress.layers.recurrent_cells import Cell, State


class Sequence:
    """What a cell reads in each step.

    Args:
        quantizer: What it rounds and tracks with.
        cell: The cell.
        layer: The layer around it.
        x: The sequence: (batch, steps, features).
        mask: (batch, steps), or None.
    """

    def __init__(self, quantizer: Quantizer, cell: Cell, layer: Any, x: Any, mask: Any) -> None:
        import tensorflow as tf

        self.quantizer, self.cell, self.layer, self.mask = quantizer, cell, layer, mask
        if cell.dropout:
            x = x * tf.nn.dropout(tf.ones_like(x[:, :1]), cell.dropout)
        if cell.recurrent_dropout:
            cell.kept = tf.nn.dropout(tf.ones([tf.shape(x)[0], cell.units]), cell.recurrent_dropout)
        sums = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), cell.kernel)
        sums = quantizer.int16(sums if cell.bias is None else sums + cell.bias, "inputs")
        batch = -1 if x.shape[0] is None else x.shape[0]
        self.inputs = tf.reshape(sums, [batch, x.shape[1], sums.shape[-1]])

    def after(self, quantizer: Any, inputs: Any, valid: Any, state: State | None, shown: Any) -> tuple[State, Any]:
        """Return the state after a step, and what the layer shows of it.

        Args:
            quantizer: What the step tracks with.
            inputs: What the input adds to the gates.
            valid: (batch, 1), whether the step counts; None if all do.
            state: The state before; None where it is zero.
            shown: What the layer showed the step before; None where that was zero.
        """
        import tensorflow as tf

        new = self.cell.step(quantizer, inputs, state)
        if valid is None:
            return new, new[0]
        old = [tf.zeros_like(part) for part in new] if state is None else state
        chosen = [
            quantizer.int16(tf.where(valid, part, before), name)
            for part, before, name in zip(new, old, self.cell.states, strict=True)
        ]
        zero = getattr(self.layer, "zero_output_for_mask", False)
        if not zero and (shown is old[0] or (shown is None and state is None)):
            return chosen, chosen[0]
        before = tf.zeros_like(new[0]) if zero or shown is None else shown
        return chosen, quantizer.int16(tf.where(valid, new[0], before), "state")


def unrolled(sequence: Sequence, state: State | None) -> tuple[Any, State]:
    """Write the steps out one after the other."""
    import tensorflow as tf

    layer, mask = sequence.layer, sequence.mask
    steps = tf.unstack(sequence.inputs, axis=1)
    masks = [None] * len(steps) if mask is None else tf.unstack(mask[..., tf.newaxis], axis=1)
    results: list[Any] = []
    shown = None
    for inputs, valid in list(zip(steps, masks, strict=True))[:: -1 if layer.go_backwards else 1]:
        state, shown = sequence.after(sequence.quantizer, inputs, valid, state, shown)
        results.append(shown)
    if layer.return_sequences:  # of the range of its parts, so that it is in int16 with them
        return sequence.quantizer.int16(tf.stack(results, axis=1), sequence.cell.states[0]), state
    return results[-1], state


def scanned(sequence: Sequence, state: State | None) -> tuple[Any, State]:
    """Go through the steps in a loop; the first one, which may have no state before it, stands outside."""
    import tensorflow as tf

    layer, quantizer = sequence.layer, sequence.quantizer
    steps = tf.transpose(sequence.inputs, [1, 0, 2])
    masks = None if sequence.mask is None else tf.transpose(sequence.mask)[..., tf.newaxis]
    if layer.go_backwards:
        steps, masks = steps[::-1], None if masks is None else masks[::-1]
    state, shown = sequence.after(quantizer, steps[0], None if masks is None else masks[0], state, None)
    results = shown[tf.newaxis]
    if steps.shape[0] > 1:
        count = len(state)

        def step(before: Any, now: Any) -> Any:
            extremes = Extremes()
            inputs, valid = (now, None) if masks is None else now
            inside = extremes if quantizer.tracks else quantizer
            state, shown = sequence.after(inside, inputs, valid, list(before[:count]), before[count])
            return (*state, shown, extremes.table()) if quantizer.tracks else (*state, shown)

        rest = steps[1:] if masks is None else (steps[1:], masks[1:])
        first = (*state, shown)
        names: list[str] = []
        if quantizer.tracks:
            names = _names(sequence, steps[0], None if masks is None else masks[0], state, shown)
            first = (*first, tf.zeros([len(names), 2]))
        scan = tf.scan(step, rest, first)
        state, results = [part[-1] for part in scan[:count]], tf.concat([results, scan[count]], 0)
        for row, name in enumerate(names):
            table = scan[count + 1][:, row]
            quantizer.int16(tf.stack([tf.reduce_min(table[:, 0]), tf.reduce_max(table[:, 1])]), name)
    return (tf.transpose(results, [1, 0, 2]) if layer.return_sequences else results[-1]), state


class Extremes:
    """Stands in for a quantizer inside a loop and keeps the smallest and largest value of each kind."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[Any, Any]] = {}

    def int16(self, tensor: Any, name: str) -> Any:
        """Note the extremes."""
        import tensorflow as tf

        values = tf.stop_gradient(tensor)
        low, high = tf.reduce_min(values), tf.reduce_max(values)
        if name in self.found:
            low, high = tf.minimum(low, self.found[name][0]), tf.maximum(high, self.found[name][1])
        self.found[name] = (low, high)
        return tensor

    def int16_scope(self) -> Any:
        """Do nothing."""
        return nullcontext()

    def table(self) -> Any:
        """Return a row (smallest, largest) for each name, in the order in which they came up."""
        import tensorflow as tf

        return tf.stack([tf.stack(pair) for pair in self.found.values()])


def _names(sequence: Sequence, inputs: Any, valid: Any, state: State, shown: Any) -> list[str]:
    """Return the kinds of values of a step, from a trace of one."""
    import tensorflow as tf

    extremes = Extremes()

    def trace() -> Any:
        return sequence.after(extremes, inputs, valid, state, shown)[1]

    tf.function(trace, autograph=False).get_concrete_function()
    return list(extremes.found)
