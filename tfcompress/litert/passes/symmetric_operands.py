"""The right operand of a product of two activations gets a range around zero, so that its zero point in int8 is 0.

    BATCH_MATMUL(x, y)   range of y, and of what y is a copy of: low … high  →  -largest … largest

XNNPACK of LiteRT 2.0.3 to 2.1.2, and of the `tf.lite` of TensorFlow 2.21, leaves another zero point of that operand
out, and the product of an attention is wrong without a word.
"""

from __future__ import annotations

from collections.abc import Callable

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec


def symmetric_operands(graph: Graph, is_apart: Callable[[Op], bool]) -> None:
    """Widen the ranges of right operands of BATCH_MATMUL.

    Args:
        graph: A float graph with ranges.
        is_apart: Tells whether an op is not to be in int8.
    """
    for op in graph.ops:
        if op.kind != "BATCH_MATMUL" or is_apart(op):
            continue
        copies = _copies(op.inputs[1])
        largest = max((max(map(abs, value.range)) for value in copies), default=0.0)
        for value in copies:
            value.range = (-largest * 128 / 127, largest)


def _copies(value: Value) -> list[Value]:
    """Return a value and those that share its scale, back to where they were computed."""
    waiting, found = [value], []
    while waiting:
        one = waiting.pop()
        if one.range is None or one in found:
            continue
        found.append(one)
        if one.producer is not None and op_spec(one.producer.kind).scale == "shared":
            waiting += [read for read in one.producer.inputs if read is not None]
    return found
