"""Shapes are written down where other tools than LiteRT look for them.

    RESHAPE(x, [1, -1])       →  the same with the option newShape, its result's shape
    shape_signature [-1, 10]  →  none, where every size is fixed

LiteRT takes the shape from the second input, and a signature for a hint. Compilers of third parties read the options
alone, and refuse files with an open size. What is behind an op whose result has a size of its own, such as WHERE or a
loop, stays as it is.
"""

from __future__ import annotations

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.serialization import options


def write_static_shapes(graph: Graph) -> None:
    """Give reshapes their option, and take sizes that are fixed out of signatures.

    Args:
        graph: The main graph of a file, whose inputs are of fixed size.
    """
    is_open: set[Value] = set()
    for op in graph.ops:
        if op.is_custom or op_spec(op.kind).open_size or _follows_numbers(op) or is_open & {*filter(None, op.inputs)}:
            is_open |= set(op.outputs)
    for value in graph.values:
        if value not in is_open:
            value.shape_signature = None
    for op in graph.ops:
        if op.kind == "RESHAPE" and op.outputs[0] not in is_open and op.outputs[0].shape:
            op.options = options("Reshape", newShape=list(op.outputs[0].shape))


def _follows_numbers(op: Op) -> bool:
    """Tell whether numbers that are computed decide the shape of a result."""
    first = op_spec(op.kind).shape_from
    return first is not None and any(value is not None and not value.is_constant for value in op.inputs[first:])
