"""One range for values that have one scale on the device, where the quantizer would take any of several.

z = MINIMUM(x, y)     ranges of x, y and z → their union; a choice by SELECT alike
h = LSTM(…, state)    ranges of h, its state and the hidden value between → that of h
"""

from __future__ import annotations

from collections.abc import Callable

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec

HIDDEN, STATE, CELL = 4, 18, 19
"""Which intermediate of a fused LSTM is its result before projection, and which inputs its state and its cell are."""

MIN_CELL_RANGE = 0.75
"""The kernel's tanh of a cell that stays within half a unit is wrong: it has no step as fine as the range asks for."""


def tie_ranges(graph: Graph, is_apart: Callable[[Op], bool] = lambda _: False) -> None:
    """Give one range to what has one scale.

    Args:
        graph: A float graph with ranges.
        is_apart: Tells whether an op is not to be in int8.

    Ops that keep the scale of what they read, such as a concatenation of two directions of an LSTM, pass the range on:
    they would change that of the LSTM's result alone, and not that of its state.
    """
    fused = [op for op in graph.ops if len(op.intermediates) > HIDDEN]
    groups: list[set[Value]] = [{op.outputs[0]} for op in fused]
    for op in graph.ops:
        spec = op_spec(op.kind)
        if spec.scale != "shared" or is_apart(op):
            continue
        ranged = {value for value in (*op.inputs, *op.outputs) if value is not None and value.range is not None}
        if spec.joins == "choices" and ranged:  # of which the quantizer takes the narrowest range
            groups.append(ranged)
        touched = [group for group in groups if group & ranged]
        if touched:
            groups = [group for group in groups if group not in touched] + [ranged.union(*touched)]
    for group in groups:
        lows, highs = zip(*(value.range for value in group), strict=True)
        for value in group:
            value.range = (min(lows), max(highs))
    for op in fused:
        op.intermediates[HIDDEN].range = op.inputs[STATE].range = op.outputs[0].range
        low, high = op.inputs[CELL].range
        op.inputs[CELL].range = (min(low, -MIN_CELL_RANGE), max(high, MIN_CELL_RANGE))
