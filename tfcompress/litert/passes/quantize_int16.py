"""Ops that are in float become ops on int16 activations with int8 weights.

    y = OP(x)        →   x16 = QUANTIZE(x);  y16 = OP(x16);  y = DEQUANTIZE(y16)
    where x is int8      x32 = CAST(x);  x16 = QUANTIZE(x32);  …

with the casts at the border of a group of such ops alone. Int8 becomes int16 by way of int32, to the same numbers: the
one QUANTIZE from int8 to int16 is in LiteRT since 2.1.3 alone. An op without an int16 kernel is left as it is, and the
proof of the caller finds it. Source:
https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec, 16x8.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.int16_scales import MAX_INT16, Ranges, Scales, activations, int16_scales, scale_of
from tfcompress.litert.passes.integers_in_int32 import widen_operands
from tfcompress.litert.serialization import TYPE_CODES, options

Known = dict[tuple[bytes, bytes], Value]
"""Quantized constants by their numbers and scales."""

MAX_INT32 = 2**31 - 1


def quantize_int16(
    graph: Graph,
    ranges: Ranges,
    is_meant: Callable[[Op], bool],
    *,
    io: bool = False,
    requantize: bool = False,
    layer: Callable[[str], str] = str,
) -> None:
    """Quantize ops to int16 activations.

    Args:
        graph: A graph with float ops.
        ranges: Smallest and largest value by name of each float activation.
        is_meant: Tells whether an op is to be in int16.
        io: Whether float inputs and outputs of the model become int16 too.
        requantize: Whether int8 becomes int16 in one QUANTIZE.
        layer: Names the layer of an activation, for messages.

    Raises:
        ConversionError: an activation has no range.
    """
    chosen = [op for op in graph.ops if _is_possible(op) and is_meant(op)]
    inside = {value for op in chosen for value in op.outputs}
    if io:
        inside |= {value for value in graph.inputs if value.dtype == "float32" and value.readers}
        _quantize_float_outputs(graph, inside, ranges, layer)
    scales = int16_scales(chosen, ranges, layer)
    floats = {op: list(op.inputs) for op in chosen}
    _insert_quantize(graph, chosen, inside, scales, requantize)
    for value in inside:
        if value.dtype == "float32":
            value.quantize("int16", scales.made.get(value) or scale_of(value, ranges, layer))
    quantized: Known = {}
    for op in chosen:
        _quantize_weights(graph, op, floats[op], quantized)
        op.version = op_spec(op.kind).in_int32 or op_spec(op.kind).int16
        if op.kind in ("ADD", "SUB") and op.options is not None:
            op.options.potScaleInt16 = False  # scales of any kind; old files had powers of two
    _insert_dequantize(graph, set(chosen), inside, io)
    for op in chosen:
        if op_spec(op.kind).in_int32:
            widen_operands(graph, op)
    for op in [op for op in graph.ops if op.kind == "DEQUANTIZE"]:
        if not any(value.readers or value in graph.outputs for value in op.outputs):
            graph.remove(op)


def _quantize_float_outputs(graph: Graph, inside: set[Value], ranges: Ranges, layer: Callable[[str], str]) -> None:
    """Put a QUANTIZE behind outputs of the model that ops in float make, or casts of integers."""
    for value in list(graph.outputs):
        if value.dtype != "float32" or value in inside or value.producer is None:
            continue
        copy = graph.new_like(value, value.name + "_int16")
        graph.append(Op("QUANTIZE", [value], [copy], version=op_spec("QUANTIZE").int16_border))
        copy.quantize("int16", scale_of(value, ranges, layer))
        graph.set_output(copy, instead_of=value)


def _is_possible(op: Op) -> bool:
    spec = op_spec(op.kind)
    held = spec.weights is None or op.inputs[spec.weights.kernel].data is not None
    floats = any(value is not None and value.dtype == "float32" for value in (*op.inputs, *op.outputs))
    return (spec.int16 is not None or spec.in_int32 is not None) and floats and held


def _insert_quantize(graph: Graph, chosen: list[Op], inside: set[Value], scales: Scales, requantize: bool) -> None:
    """Put a QUANTIZE before each value that the ops read from outside, or in another scale than it is made in."""
    copies: dict[tuple[Value, float], Value] = {}
    for op in chosen:
        active = [value for value in activations(op) if (op, value) in scales.read]
        for place, value in enumerate(op.inputs):
            scale = scales.read.get((op, value)) if value in active else None
            if scale is None or (value in inside and scale == scales.made[value]):
                continue
            if (value, scale) not in copies:
                number = sum(other is value for other, _ in copies)
                copies[value, scale] = _int16_copy(graph, value, scale, op, requantize, number)
            graph.set_input(op, place, copies[value, scale])


def _int16_copy(graph: Graph, value: Value, scale: float, reader: Op, requantize: bool, number: int) -> Value:
    copy = graph.new_like(value, f"{value.name}_int16{f'_{number}' if number else ''}")
    made = value.producer
    source = made.inputs[0] if made is not None and made.kind == "DEQUANTIZE" else value
    if source.is_constant:  # in float, or in int8 where training rounded it
        numbers = source.data if source is value else (source.data - np.float64(source.zero_point)) * source.scale
        copy.data = np.clip(np.rint(numbers / np.float64(scale)), -MAX_INT16, MAX_INT16).astype(np.int16)
    else:
        if source.dtype in ("int8", "uint8") and not requantize:
            source = _widened(graph, source, reader)
        graph.insert(Op("QUANTIZE", [source], [copy], version=op_spec("QUANTIZE").int16_border), reader)
    copy.quantize("int16", scale)
    return copy


def _widened(graph: Graph, value: Value, reader: Op) -> Value:
    """Return an int32 copy of an int8 or uint8 value, with its scale and zero point."""
    copy = graph.new_like(value, value.name + "_int32", "int32")
    copy.quantization = value.quantization
    types = {"inDataType": TYPE_CODES[value.dtype], "outDataType": TYPE_CODES["int32"]}
    graph.insert(Op("CAST", [value], [copy], options("Cast", **types), op_spec("CAST").int16_border), reader)
    return copy


def _insert_dequantize(graph: Graph, chosen: set[Op], inside: set[Value], io: bool) -> None:
    """Put a DEQUANTIZE before each float op, and each float output of the model, that reads a value in int16."""
    for value in [value for value in graph.values if value in inside and value.dtype == "int16"]:
        outside = [op for op in graph.ops if op in value.readers and op not in chosen and op.kind != "QUANTIZE"]
        given_out = value in graph.outputs and not io
        if not outside and not given_out:
            continue
        copy = graph.new_like(value, value.name + "_float", "float32")
        dequantize = Op("DEQUANTIZE", [value], [copy], version=op_spec("DEQUANTIZE").int16_border)
        graph.insert(dequantize, outside[0] if outside else len(graph.ops))
        graph.read_instead(value, copy, outside)
        if given_out:
            graph.set_output(copy, instead_of=value)


def _quantize_weights(graph: Graph, op: Op, floats: list[Value | None], known: Known) -> None:
    places = op_spec(op.kind).weights
    if places is None:
        return
    weights, reads = floats[places.kernel], op.inputs[places.data].scale
    bias = floats[places.bias] if len(floats) > places.bias else None
    kernel = weights.data.astype(np.float64)
    others = tuple(axis for axis in range(kernel.ndim) if axis != places.scales)
    scales = np.atleast_1d(np.maximum(np.abs(kernel).max(others), 1e-9) / 127)
    if bias is not None:  # which is in these steps, and must fit into int32
        least = np.abs(bias.data.astype(np.float64)) / (reads * 2**31)
        scales = np.maximum(scales, least if len(scales) > 1 else least.max())
    shape = [-1 if axis == places.scales else 1 for axis in range(kernel.ndim)]
    steps = np.clip(np.rint(kernel / scales.reshape(shape)), -127, 127).astype(np.int8)
    graph.set_input(op, places.kernel, _stored(graph, weights, steps, scales, places.scales or 0, known))
    if bias is not None:
        sums = np.rint(bias.data.astype(np.float64) / (scales * reads)).astype(np.int64)
        graph.set_input(op, places.bias, _stored(graph, bias, sums, scales * reads, 0, known))


def _stored(graph: Graph, like: Value, data: np.ndarray, scales: np.ndarray, axis: int, known: Known) -> Value:
    key = data.tobytes(), scales.tobytes()
    if key not in known:  # one kernel serves all steps of a sequence
        known[key] = value = graph.add(Value(like.name, data.shape))
        value.data = data
        value.quantize(value.dtype, scales, axis)
    return known[key]
