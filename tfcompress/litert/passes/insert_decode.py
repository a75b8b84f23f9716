"""Constants that an op reads are unpacked by a DECODE op right before it.

conv(x, kernel, bias)   →   kernel' = DECODE(stream, table), conv(x, kernel', bias)

Each op that reads a constant has a DECODE of its own: what is unpacked lies in the arena until it is read, and TFLM may
put the results of all DECODE ops into one place (`SetDecompressionMemory`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tfcompress.litert.decode.encoding import DECODE, Encoding
from tfcompress.litert.graph import Graph, Op, Value


def insert_decode(graph: Graph, packed: Mapping[Value, Encoding]) -> None:
    """Replace constants by what DECODE makes of their encodings, wherever ops read them.

    Args:
        graph: Changed in place.
        packed: The encoding of each constant. What encodings have in common, the file has once.
    """
    held: dict[int, Value] = {}
    for op in [*graph.ops]:
        if here := dict.fromkeys(value for value in op.inputs if value in packed):
            inputs, outputs = [], []
            for value in here:
                encoding, result = packed[value], graph.add(unpacked_like(value))
                inputs += [_constant(graph, held, encoding.stream), _constant(graph, held, encoding.table)]
                outputs.append(result)
                graph.read_instead(value, result, [op])
            graph.insert(Op(DECODE, inputs, outputs, is_custom=True), op)
    graph.drop_unused()


def unpacked_like(value: Value) -> Value:
    """Return the value that DECODE writes for a constant: integers of 4 bits become int8, as DECODE knows no others."""
    known = value.quantization
    if known is not None and len(known.scales) <= 1:  # TFLM asks for an axis that it knows, where there is none
        known = replace(known, axis=0)
    return Value(value.name, value.shape, "int8" if value.dtype == "int4" else value.dtype, quantization=known)


def _constant(graph: Graph, held: dict[int, Value], content: np.ndarray) -> Value:
    if id(content) not in held:
        held[id(content)] = graph.add(Value("", (len(content),), "uint8", content))
    return held[id(content)]
