"""What training rounded becomes ranges: converted without optimizations, a fake quant is a pair of casts.

y = OP(x);  z = DEQUANTIZE(QUANTIZE(y))    →   y = OP(x), whose range is that of the casts; readers of z read y
QUANTIZE to uint16 (num_bits=16)           →   the same, and the value is marked: its op computes in int16
QUANTIZE of a constant                     →   DEQUANTIZE of an int8 constant, so that the quantizer takes this grid
y has another range already                →   the casts stay, in int8: what was rounded twice is rounded twice

A value without a fake quant gets no range, and an op that writes such values stays in float.
"""

from __future__ import annotations

from itertools import accumulate, repeat

import numpy as np

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec

WIDE = ("uint16", "int16")
"""The types of fake quants of more than 8 bits."""

INT8_CASTS = {"QUANTIZE": 1, "DEQUANTIZE": 2}
"""The versions of casts between float and int8."""


def read_fake_quant(graph: Graph) -> None:
    """Turn the fake quants of a quantization-aware model into ranges.

    Args:
        graph: The main graph of a float file that was converted without optimizations.
    """
    for cast in [op for op in graph.ops if _is_fake_quant(graph, op)]:
        value, rounded = cast.inputs[0], cast.outputs[0]
        bounds, wide = _range_of(rounded), rounded.dtype in WIDE
        given_out = any(back.outputs[0] in graph.outputs for back in rounded.readers)
        if value.is_constant:
            _round_constant(graph, cast)
        elif value in graph.inputs and given_out:
            _as_int8(cast, bounds)  # else the model would have an output that no op writes
        elif value.range is None or (value.range == bounds and _is_wide(value) == wide):
            value.range, value.quantization.bits = bounds, 16 if wide else 8
            _bypass(graph, cast)
        else:
            _as_int8(cast, bounds)


def int16_results(graph: Graph) -> set[str]:
    """Return the names of what ops in int16 write: what training rounded to 16 bits, and what goes with it.

    An op that reads such a value is in int16 too, unless it has weights; what it writes is rounded to int8 behind it.
    Ops such as a reshape take part where their result has no range of its own.

    Args:
        graph: A float graph with ranges.
    """
    wide = {value for value in graph.values if _is_wide(value)}
    chosen: set[Op] = set()
    for op in graph.ops:
        spec = op_spec(op.kind)
        ranged = any(value.range is not None for value in op.outputs)
        reads = spec.weights is None and any(value in wide for value in op.inputs)
        writes = any(value in wide for value in op.outputs)
        if spec.int16 and (writes or (reads and (ranged or spec.scale == "shared"))):
            chosen.add(op)
            if spec.scale == "shared":  # of several results those that have no range of their own
                wide |= {value for value in op.outputs if value.range is None}
    for op in reversed(graph.ops):
        readers = [reader for value in op.outputs for reader in value.readers]
        inner = readers and all(value.range is None and value not in graph.outputs for value in op.outputs)
        copies = all(each in chosen and op_spec(each.kind).scale == "shared" for each in readers)
        if op_spec(op.kind).int16 and inner and copies:
            chosen.add(op)
    return {value.name for op in chosen for value in op.outputs}


def _is_fake_quant(graph: Graph, op: Op) -> bool:
    if op.kind != "QUANTIZE" or op.inputs[0].dtype != "float32" or op.outputs[0] in graph.outputs:
        return False
    readers = op.outputs[0].readers
    return bool(readers) and all(reader.kind == "DEQUANTIZE" for reader in readers)


def _is_wide(value: Value) -> bool:
    return value.quantization is not None and value.quantization.bits > 8


def _range_of(rounded: Value) -> tuple[float, float]:
    """Return the range of a fake quant in float32, as a file holds it, from which its very scale is found again."""
    limits = np.iinfo(rounded.dtype)
    low, high = (np.float32((end - rounded.zero_point) * rounded.scale) for end in (limits.min, limits.max))
    nearby = [high]
    for direction in (-np.inf, np.inf):
        nearby += accumulate(repeat(np.float32(direction), 8), np.nextafter, initial=high)
    steps, scale = np.float32(int(limits.max) - int(limits.min)), np.float32(rounded.scale)
    exact = (each for each in nearby if (each - low) / steps == scale)
    return float(low), float(next(exact, high))


def _bypass(graph: Graph, cast: Op) -> None:
    """Have the readers of a fake quant read what it rounds."""
    value = cast.inputs[0]
    for back in list(cast.outputs[0].readers):
        graph.bypass(back, value)
    graph.remove(cast)


def _round_constant(graph: Graph, cast: Op) -> None:
    """Store a constant in the integers of its fake quant, which may have a scale for each channel."""
    rounded = cast.outputs[0]
    if rounded.dtype in WIDE:  # steps too fine to matter
        return _bypass(graph, cast)
    known, numbers = rounded.quantization, cast.inputs[0].data
    known.zero_points = known.zero_points - (128 if rounded.dtype == "uint8" else 0)
    shape = [1] * numbers.ndim
    if len(known.scales) > 1:
        shape[known.axis] = -1
    steps = np.rint(numbers / known.scales.astype(np.float64).reshape(shape)) + known.zero_points.reshape(shape)
    rounded.data = np.clip(steps, -128, 127).astype(np.int8)
    for back in rounded.readers:
        back.version = INT8_CASTS["DEQUANTIZE"]
    graph.remove(cast)


def _as_int8(cast: Op, bounds: tuple[float, float]) -> None:
    rounded = cast.outputs[0]
    scale, zero_point = int8_grid(bounds)
    rounded.dtype = "int8"
    rounded.quantization.scales, rounded.quantization.zero_points = np.float32([scale]), np.int64([zero_point])
    cast.version = INT8_CASTS["QUANTIZE"]
    for back in rounded.readers:
        back.version, back.outputs[0].range = INT8_CASTS["DEQUANTIZE"], bounds


def int8_grid(bounds: tuple[float, float]) -> tuple[float, int]:
    """Return scale and zero point of int8 for a range that holds zero, as the quantizer computes them."""
    scale = float((np.float32(bounds[1]) - np.float32(bounds[0])) / np.float32(255))
    return scale, int(np.clip(np.rint(-128 - bounds[0] / scale), -128, 127))
