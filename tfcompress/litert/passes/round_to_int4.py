"""Weights of four bits beside int8 activations: half the flash once more.

    CONV_2D(x, int8 weights, bias)  →  CONV_2D(x, int4 weights with the scale of least error, the bias in that scale)

First and last layers and depthwise convolutions, which lose most and hold least, stay in int8 unless the user says
which do. Rounding and packing are two steps, as bias correction between them needs the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tfcompress.int4 import least_error_scales, rounded, shares_scales, trained_scales
from tfcompress.litert.constants import packed_int4
from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.correct_biases import FloatLayer, write_bias
from tfcompress.network_ends import first_and_last

Layers = Mapping[str, FloatLayer]

TABLES = ("GATHER", "EMBEDDING_LOOKUP")
"""Ops that read rows of a table."""


def round_to_int4(graph: Graph, layers: Layers, is_kept: Callable[[Op], bool] | None) -> list[Op]:
    """Round weights to -7 … 7, still typed int8, and write the biases in the new scales.

    Args:
        graph: An int8 graph.
        layers: The float weights, by the names of the results.
        is_kept: Whether the weights of an op stay in 8 bits; None: those of first, last and depthwise layers do.

    Returns:
        The ops whose weights fit into four bits now, for `pack_int4`.
    """
    able = int4_able(graph, layers)
    kept = {*map(id, _ends(graph)), *(id(op) for op in able if op.kind == "DEPTHWISE_CONV_2D")}
    chosen = [op for op in able if (id(op) not in kept if is_kept is None else not is_kept(op))]
    return write_int4(graph, layers, chosen)


def int4_able(graph: Graph, layers: Layers) -> list[Op]:
    """Return the ops that may have weights of four bits."""
    return [op for op in graph.ops if _is_able(op) and op.name in layers]


def write_int4(graph: Graph, layers: Layers, ops: list[Op]) -> list[Op]:
    """Round the weights of ops, with the scales of least error; return those whose weights nothing else reads."""
    return _write(graph, layers, ops, least_error_scales)


def use_trained_int4(graph: Graph, layers: Layers) -> list[Op]:
    """Write the weights that training has rounded to four bits on the very grids of training.

    Args:
        graph: An int8 graph.
        layers: The float weights, by the names of the results.

    Returns:
        The ops whose weights fit into four bits now, for `pack_int4`.
    """
    able = int4_able(graph, layers)
    chosen = [op for op in able if trained_scales(layers[op.name].weights, _scale_axes(op)) is not None]
    return _write(graph, layers, chosen, trained_scales)


def pack_int4(ops: list[Op]) -> None:
    """Store weights that fit in four bits, two numbers a byte."""
    for op in ops:
        value = _weights(op)
        if value.dtype != "int4":
            value.content, value.dtype = packed_int4(value.data), "int4"
        op.version = op_spec(op.kind).int4


def _is_able(op: Op) -> bool:
    """Tell whether an op has a kernel for int8 activations and constant weights of four bits."""
    if op_spec(op.kind).int4 is None or op.inputs[0].dtype != "int8":
        return False
    weights, bias = _weights(op), op.input(op_spec(op.kind).weights.bias)
    if bias is not None and bias.data is None:
        return False  # what computes it would have to give it in other steps
    if not shares_scales(weights.shape, _scale_axes(op)):
        return False
    return weights.dtype == "int8" and weights.data is not None and weights.quantization is not None


def _weights(op: Op) -> Value:
    return op.inputs[op_spec(op.kind).weights.kernel]


def _scale_axes(op: Op) -> tuple[int, ...]:
    """Return the axis of the weights that has a scale for each index, as in int16: dense layers have one scale."""
    axis = op_spec(op.kind).weights.scales
    return () if axis is None else (axis,)


def _ends(graph: Graph) -> list[Op]:
    """Return the ops with weights before which there is none, and those behind which there is none."""
    return first_and_last(graph.ops, _holds_weights, _reads, _writes)


def _holds_weights(op: Op) -> bool:
    """Tell whether an op is a layer with weights, whatever its kernel: embeddings and LSTMs are such as well."""
    spec = op_spec(op.kind)
    places = (0,) if op.kind in TABLES else () if callable(spec.multiplied) else spec.multiplied
    held = [value for value in map(op.input, places) if value is not None and value.is_constant]
    if spec.weights is not None:  # a number for each channel is a norm
        held = [value for value in held if shares_scales(value.shape, _scale_axes(op))]
    return bool(held)


def _reads(op: Op) -> list[Value]:
    return [value for value in op.inputs if value is not None and not value.is_constant]


def _writes(op: Op) -> list[Value]:
    return list(op.outputs)


def _write(
    graph: Graph,
    layers: Layers,
    chosen: list[Op],
    scales_of: Callable[[np.ndarray, tuple[int, ...]], np.ndarray],
) -> list[Op]:
    """Round the weights of ops; those that another op reads too, which is not among them, stay as they are."""
    whole = {id(op) for op in chosen}
    done = [op for op in chosen if all(id(reader) in whole for reader in _weights(op).readers)]
    written: set[int] = set()
    for op in done:
        value, axes = _weights(op), _scale_axes(op)
        if id(value) not in written:
            written.add(id(value))
            weights = layers[op.name].weights
            scales = scales_of(weights, axes)
            value.data = rounded(weights, scales).astype(np.int8)
            value.quantize("int8", scales.reshape(-1), axes[0] if axes else 0)
        write_bias(graph, op, layers[op.name].bias)
    return done
