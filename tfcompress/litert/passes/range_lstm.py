"""The values inside a fused LSTM get ranges, which its kernel needs and no fake quant can reach.

h = UNIDIRECTIONAL_SEQUENCE_LSTM(x, …, state, cell)   →   the same with five intermediates;
                                                          state and hidden value have the range of h, cell its own
"""

from __future__ import annotations

from collections.abc import Callable

from tfcompress.litert.graph import Graph, Value
from tfcompress.litert.passes.tie_ranges import CELL, HIDDEN, STATE

LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"

CellRange = Callable[[str], tuple[float, float]]
"""Returns the range of the cell of an LSTM by the name of its result."""


def range_lstm(graph: Graph, cell_range: CellRange) -> None:
    """Give each LSTM that writes a value with a range the ranges of its inner values; others stay in float.

    Args:
        graph: A float graph with ranges.
        cell_range: Returns the range of a cell.
    """
    for op in graph.ops:
        if op.kind != LSTM or op.outputs[0].range is None:
            continue
        for number in range(len(op.intermediates), HIDDEN + 1):
            op.intermediates.append(graph.add(Value(f"{op.name}/intermediate_{number}", ())))
        op.inputs[CELL].range = cell_range(op.name)
        op.intermediates[HIDDEN].range = op.inputs[STATE].range = op.outputs[0].range
