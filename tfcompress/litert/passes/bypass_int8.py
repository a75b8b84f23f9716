"""Values between two ops that are not in int8 are no int8 on the way.

    SOFTMAX → QUANTIZE → DEQUANTIZE → MUL, both apart   →   SOFTMAX → MUL

The quantizer puts such a pair behind each op whose int8 result would have a fixed scale, also where the op stays in
float.
"""

from __future__ import annotations

from collections.abc import Callable

from tfcompress.litert.graph import Graph, Op


def bypass_int8(graph: Graph, is_apart: Callable[[Op], bool]) -> None:
    """Let ops that are apart read what others that are apart put out, as it is.

    Args:
        graph: A graph as the quantizer gives it back: int8, and float where ops are apart.
        is_apart: Tells whether an op is not to be in int8.
    """
    for op in [op for op in graph.ops if op.kind == "QUANTIZE"]:
        value = op.inputs[0]
        if value.dtype != "float32" or value.producer is None or not is_apart(value.producer):
            continue
        for back in [each for each in op.outputs[0].readers if each.kind == "DEQUANTIZE"]:
            copy = back.outputs[0]
            graph.read_instead(copy, value, [reader for reader in copy.readers if is_apart(reader)])
            if not copy.readers and copy not in graph.outputs:
                graph.remove(back)
        if not op.outputs[0].readers and op.outputs[0] not in graph.outputs:
            graph.remove(op)
