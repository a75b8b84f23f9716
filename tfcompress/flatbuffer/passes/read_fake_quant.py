"""Ranges that training found, which the converter writes as pairs of casts, become ranges of the values.

    x → QUANTIZE → DEQUANTIZE → y, read by OP   →   x with the range that the casts span, read by OP

A fake quant of 16 bits marks what is to be in int16.
"""

from __future__ import annotations

import numpy as np

from tfcompress.flatbuffer.graph import Graph, Op, Value


def read_fake_quant(graph: Graph) -> set[str]:
    """Take the casts of fake quants out of a float graph, and give what they rounded its range.

    Args:
        graph: A float graph of a quantization-aware model.

    Returns:
        The names of the values whose fake quant has 16 bits.
    """
    wide: set[str] = set()
    for op in list(graph.ops):
        if op.kind != "QUANTIZE" or op.inputs[0].dtype != "float32" or op.outputs[0] in graph.outputs:
            continue
        rounded = op.outputs[0]
        casts = [reader for reader in rounded.readers if reader.kind == "DEQUANTIZE"]
        if len(casts) != len(rounded.readers) or not casts:
            continue
        source = op.inputs[0]
        if source.range is not None and rounded.dtype == "uint8":
            rounded.dtype, rounded.quantization.zero_points = "int8", rounded.quantization.zero_points - 128
            continue
        source.range = _span(rounded)
        if np.dtype(rounded.dtype).itemsize == 2:
            wide.add(source.name)
        for cast in casts:
            _bypass(graph, cast, source)
        graph.remove(op)
    graph.drop_unused()
    return wide


def _bypass(graph: Graph, cast: Op, source: Value) -> None:
    """Let everything that reads the result of a cast read its source instead."""
    result = cast.outputs[0]
    for reader in list(dict.fromkeys(result.readers)):
        for place, value in enumerate(reader.inputs):
            if value is result:
                graph.set_input(reader, place, source)
    graph.remove(cast)
    if result in graph.outputs:
        graph.set_output(source, instead_of=result)


def _span(value: Value) -> tuple[float, float]:
    limits = np.iinfo(value.dtype)
    return tuple((float(end) - value.zero_point) * value.scale for end in (limits.min, limits.max))
