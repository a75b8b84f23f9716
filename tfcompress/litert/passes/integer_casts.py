"""Integers that become floats to be quantized are quantized at once.

    QUANTIZE(CAST(x))   x uint8, int8 or int16  →  QUANTIZE(x), where x has the scale 1
                        x int32 or int64        →  QUANTIZE(y), y an int32 copy of x with the scale 1
    CAST(CAST(x))       integers, floats, integers  →  x

An image of uint8 that the model casts, ids that are a feature too, masks as int32: the quantizer leaves such a CAST
and the QUANTIZE behind it in float.
"""

from __future__ import annotations

import numpy as np

from tfcompress.litert.graph import Graph, Op, Quantization, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.integers_in_int32 import cast

SMALL = ("uint8", "int8", "int16")
WIDE = ("int32", "int64")


def quantize_integers(graph: Graph) -> None:
    """Quantize integers without a way over floats.

    Args:
        graph: An integer graph, in which casts from integers to floats may be left.
    """
    for op in [op for op in graph.ops if op.kind == "CAST"]:
        (source,), (floats,) = op.inputs, op.outputs
        if floats.dtype != "float32" or source.dtype not in (*SMALL, *WIDE) or source.is_constant:
            continue
        quantizes = [reader for reader in floats.readers if reader.kind == "QUANTIZE"]
        if not quantizes or (source.quantization is not None and len(source.quantization.scales)):
            continue
        for reader in quantizes:
            graph.set_input(reader, 0, _as_real(graph, source, reader))
        if not floats.readers and floats not in graph.outputs:
            graph.remove(op)


def skip_floats(graph: Graph) -> None:
    """Let integers that become floats and integers again stay integers, as ids that a layer has cast.

    Args:
        graph: A float graph.
    """
    for op in [op for op in graph.ops if op.kind == "CAST"]:
        (floats,), (result,) = op.inputs, op.outputs
        if floats.dtype != "float32" or result.dtype not in WIDE:
            continue
        between: list[Op] = []
        while floats.producer is not None and op_spec(floats.producer.kind).moves and len(floats.readers) == 1:
            between.insert(0, floats.producer)
            floats = floats.producer.inputs[0]
        made = floats.producer
        if made is None or made.kind != "CAST" or made.inputs[0].dtype not in (*SMALL, *WIDE):
            continue
        _stay_integers(graph, made.inputs[0], between, op)
    for op in [op for op in graph.ops if op.kind == "CAST"]:
        if not op.outputs[0].readers and op.outputs[0] not in graph.outputs:
            graph.remove(op)
    graph.drop_unused()  # what nothing makes any more would await a range


def _stay_integers(graph: Graph, source: Value, between: list[Op], op: Op) -> None:
    """Let a cast to integers read integers, and the ops before it that move numbers move those."""
    for moving in between:
        graph.set_input(moving, 0, source)
        source = moving.outputs[0]
        source.dtype, source.quantization = moving.inputs[0].dtype, None
    result = op.outputs[0]
    if source.dtype != result.dtype or result in graph.outputs:
        graph.replace(op, cast(source, result))
        return
    graph.bypass(op, source)


def _as_real(graph: Graph, source: Value, reader: Op) -> Value:
    """Return the integers with a scale of 1, in a type that the QUANTIZE takes."""
    to_int16 = reader.outputs[0].dtype == "int16"
    if source.dtype in SMALL and not (to_int16 and source.dtype != "int16"):
        source.quantization = _one()
        return source
    copy = graph.new_like(source, source.name + "_int32", "int32")
    copy.quantization = _one()
    made = graph.insert(cast(source, copy), reader)
    made.version = op_spec("CAST").int16_border if source.dtype in SMALL else 1
    return copy


def _one() -> Quantization:
    return Quantization(np.ones(1, np.float32), np.zeros(1, np.int64))
