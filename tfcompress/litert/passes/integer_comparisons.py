"""Comparisons that are left in float between integers compare the integers.

    NOT_EQUAL(DEQUANTIZE(x8), 0.0)  →  NOT_EQUAL(x8, 0 as an integer of x8)
    GREATER(x, y)                   →  GREATER(x8, y8)      where QUANTIZE makes x8 of x, and y8 of y

The mask of a Masking layer is such a comparison with zero, which integers hold exactly.
"""

from __future__ import annotations

import numpy as np

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.integers_in_int32 import widen_operands

INT8_VERSION = 2


def compare_integers(graph: Graph) -> None:
    """Let comparisons read integers where both sides have them.

    Args:
        graph: An integer graph, in which comparisons of floats may be left.
    """
    for op in [op for op in graph.ops if op_spec(op.kind).scale == "compared"]:
        if len(op.inputs) != 2 or any(value is None or value.dtype != "float32" for value in op.inputs):
            continue
        sides = [None if value.is_constant else _integers(value) for value in op.inputs]
        known = [side for side in sides if side is not None]
        if not known or any(side is None and value.data is None for side, value in zip(sides, op.inputs, strict=True)):
            continue
        like = known[0]
        if any(side.dtype != like.dtype for side in known):
            continue
        if like.dtype == "int16" and any(side.scale != like.scale for side in known):
            continue  # whose integers have another order
        for side in known:
            _make_before(graph, side, op)
        for place, (side, value) in enumerate(zip(sides, op.inputs, strict=True)):
            graph.set_input(op, place, _stored(graph, value, like) if side is None else side)
        op.version = INT8_VERSION if like.dtype == "int8" else op_spec(op.kind).in_int32
        if like.dtype == "int16":
            widen_operands(graph, op)
    _drop_dequantize(graph)


def _integers(value: Value) -> Value | None:
    """Return the integers that a float value is made of, or that are made of it before anything else."""
    made = value.producer
    if made is not None and made.kind == "DEQUANTIZE":
        found = made.inputs[0]
    else:
        found = next((op.outputs[0] for op in value.readers if op.kind == "QUANTIZE"), None)
    return found if found is not None and found.dtype in ("int8", "int16") else None


def _make_before(graph: Graph, side: Value, op: Op) -> None:
    """Move the QUANTIZE that makes some integers before the op that will read them."""
    made = side.producer
    if made is not None and graph.ops.index(made) > graph.ops.index(op):
        graph.ops.remove(made)
        graph.ops.insert(graph.ops.index(op), made)


def _stored(graph: Graph, value: Value, like: Value) -> Value:
    limits = np.iinfo(like.dtype)
    steps = np.clip(np.rint(value.data / like.scale) + like.zero_point, limits.min, limits.max)
    copy = graph.add(Value(f"{value.name}_of_{like.name}", value.shape))
    copy.data = steps.astype(like.dtype)
    copy.quantization = like.quantization
    return copy


def _drop_dequantize(graph: Graph) -> None:
    for op in [op for op in graph.ops if op.kind == "DEQUANTIZE"]:
        if not op.outputs[0].readers and op.outputs[0] not in graph.outputs:
            graph.remove(op)
