"""Values between two ops that are not in int8 are no int8 on the way.

    SOFTMAX → QUANTIZE → DEQUANTIZE → MUL, both apart               →   SOFTMAX → MUL
    MUL → QUANTIZE → QUANTIZE → DEQUANTIZE → PACK, both apart       →   MUL → PACK

The quantizer puts such a pair behind each op whose int8 result would have a fixed scale, also where the op stays in
float, and a chain before each op that would have one scale for all that it reads. What was in int8 before it came, such
as what training rounded, stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from tfcompress.litert.graph import Graph, Op, Value


def bypass_int8(graph: Graph, is_apart: Callable[[Op], bool], kept: Collection[str] = ()) -> None:
    """Let ops that are apart read what others that are apart put out, as it is.

    Args:
        graph: A graph as the quantizer gives it back: int8, and float where ops are apart.
        is_apart: Tells whether an op is not to be in int8.
        kept: Names of int8 values that the quantizer has not made.
    """
    for back in [op for op in graph.ops if op.kind == "DEQUANTIZE"]:
        casts = _casts_before(back.inputs[0])
        source = casts[-1].inputs[0] if casts else back.inputs[0]
        made_apart = source.producer is not None and is_apart(source.producer)
        if source.dtype != "float32" or not made_apart or any(cast.outputs[0].name in kept for cast in casts):
            continue
        copy = back.outputs[0]
        graph.read_instead(copy, source, [reader for reader in copy.readers if is_apart(reader)])
        for op in (back, *casts):
            if not any(value.readers or value in graph.outputs for value in op.outputs):
                graph.remove(op)


def _casts_before(value: Value) -> list[Op]:
    """List the QUANTIZE ops that a value comes through, the last one first."""
    found: list[Op] = []
    while value.producer is not None and value.producer.kind == "QUANTIZE":
        found.append(value.producer)
        value = value.producer.inputs[0]
    return found
