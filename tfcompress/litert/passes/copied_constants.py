"""Constants that an integer op copies into its result get the result's scale and zero point.

    ONE_HOT(ids, n, on, off)        on and off as integers of a scale each  →  as integers of the result's scale
    SELECT_V2(c, x, 0), PADV2, …    alike

The quantizer gives each constant a scale of its own, while the kernels of these ops copy bytes: the zeros of a one-hot
were read as 0.5.
"""

from __future__ import annotations

import numpy as np

from tfcompress.litert.graph import Graph, Quantization, Value
from tfcompress.litert.ops.op_catalogue import op_spec


def requantize_copied_constants(graph: Graph) -> None:
    """Store constants that are copied in the integers of what they are copied into.

    Args:
        graph: An integer graph.
    """
    for op in graph.ops:
        copied = op_spec(op.kind).copied
        places = range(len(op.inputs)) if copied == "all" else copied
        result = op.outputs[0] if op.outputs else None
        if result is None or not _has_one_scale(result):
            continue
        for place in places:
            value = op.input(place)
            if value is None or value.data is None or not _has_one_scale(value) or value.dtype != result.dtype:
                continue
            if (value.scale, value.zero_point) != (result.scale, result.zero_point):
                graph.set_input(op, place, _requantized(graph, value, result))


def _has_one_scale(value: Value) -> bool:
    known = value.quantization
    return value.dtype in ("int8", "int16", "uint8") and known is not None and len(known.scales) == 1


def _requantized(graph: Graph, value: Value, result: Value) -> Value:
    limits = np.iinfo(result.dtype)
    real = (value.data.astype(np.float64) - value.zero_point) * value.scale
    steps = np.clip(np.rint(real / result.scale) + result.zero_point, limits.min, limits.max)
    copy = graph.add(Value(f"{value.name}_of_{result.name}", value.shape))
    copy.data = steps.astype(result.dtype)
    known = result.quantization
    copy.quantization = Quantization(known.scales.copy(), known.zero_points.copy())
    return copy
