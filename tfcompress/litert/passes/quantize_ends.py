"""Inputs and outputs of a model become int8 where ops that are to be in int16 stand at its ends.

    x, y = OP(x)     →   x8, y = OP(DEQUANTIZE(x8)), y8 = QUANTIZE(y)

`quantize_int16` makes the casts those between int8 and int16.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.passes.int16_scales import Ranges
from tfcompress.litert.passes.read_fake_quant import INT8_CASTS, int8_grid


def quantize_ends(graph: Graph, ranges: Ranges, is_int16: Callable[[Op], bool]) -> None:
    """Quantize float inputs that ops in int16 alone read, and float outputs that they make.

    Args:
        graph: An int8 graph, in which ops that are to be in int16 are in float.
        ranges: Smallest and largest value by name of each float activation.
        is_int16: Tells whether an op is to be in int16.
    """
    for value in [value for value in graph.inputs if value.dtype == "float32" and value.readers]:
        if all(map(is_int16, value.readers)) and value.name in ranges:
            floats, readers = graph.new_like(value, f"{value.name}_float"), list(dict.fromkeys(value.readers))
            for reader in readers:
                for place in [place for place, each in enumerate(reader.inputs) if each is value]:
                    graph.set_input(reader, place, floats)
            _as_int8(value, ranges[value.name])
            graph.insert(Op("DEQUANTIZE", [value], [floats], version=INT8_CASTS["DEQUANTIZE"]), 0)
    for value in list(dict.fromkeys(graph.outputs)):
        made = value.producer
        if value.dtype == "float32" and made is not None and is_int16(made) and value.name in ranges:
            result = graph.new_like(value, f"{value.name}_int8")
            graph.append(Op("QUANTIZE", [value], [result], version=INT8_CASTS["QUANTIZE"]))
            _as_int8(result, ranges[value.name])
            graph.set_output(result, instead_of=value)


def _as_int8(value: Value, bounds: tuple[float, float]) -> None:
    scale, zero_point = int8_grid(bounds)
    value.quantize("int8", scale)
    value.quantization.zero_points = np.array([zero_point], np.int64)
