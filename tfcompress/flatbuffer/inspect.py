"""What a .tflite file is made of: ops, types, sizes, zeros, multiplications, and what is left in float.

In: a `TFLiteModel`, from tfcompress or from elsewhere. Out: an `Inspection`. Runs nothing.
"""

from __future__ import annotations

import math
from os import PathLike

import numpy as np

from tfcompress.flatbuffer.inspection import Inspection, OpRow
from tfcompress.flatbuffer.model import Op, TFLiteModel, load
from tfcompress.flatbuffer.naming import layer_of

BORDER = {"QUANTIZE": "inputs", "DEQUANTIZE": "outputs"}
WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"}
RANKS = {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 4, "TRANSPOSE_CONV": 4, "FULLY_CONNECTED": 2, "CONV_3D": 5}
"""Axes of the kernel of each op whose multiplications are counted."""

CASTS = {"QUANTIZE", "DEQUANTIZE"}


def inspect(tflite: TFLiteModel | str | PathLike[str]) -> Inspection:
    """Read a .tflite file, from tfcompress or from elsewhere, op by op.

    Args:
        tflite: The file, as a `TFLiteModel` or as a path.

    Raises:
        FileError: no readable .tflite file.

    Example:
        >>> facts = tfcompress.inspect("model.tflite")
        >>> facts.rows[0].name, facts.rows[0].layer, facts.float_ops
        ('CONV_2D', 'conv', ())
    """
    tflite = tflite if isinstance(tflite, TFLiteModel) else load(tflite)
    floats = {op.index for op in float_ops(tflite)}
    rows = tuple(_row(tflite, op, floats) for op in tflite.ops)
    return Inspection(tflite, rows, tuple(op.name for op in float_ops(tflite)), _kind(tflite))


def float_ops(tflite: TFLiteModel) -> list[Op]:
    """List the ops that read or write floats, without the casts at the model's own inputs and outputs."""
    ends = {index for index, _ in (*tflite.bound_inputs, *tflite.bound_outputs)}

    def at_border(op: Op) -> bool:
        side = BORDER.get(op.name)
        return side is not None and op.subgraph == 0 and all(tensor.index in ends for tensor in getattr(op, side))

    return [
        op for op in tflite.ops if any(tensor.is_float for tensor in (*op.inputs, *op.outputs)) and not at_border(op)
    ]


def _kind(tflite: TFLiteModel) -> str:
    """Say what a file is by what it computes in and what its weights are; the words are those of `convert`."""
    floats = [op for op in float_ops(tflite) if op.name not in CASTS]
    computing = [op for op in tflite.ops if op.name not in CASTS]
    dequantized = {
        (op.subgraph, tensor.index): op.inputs[0].dtype
        for op in tflite.ops
        if op.name == "DEQUANTIZE" and op.inputs and op.inputs[0].bytes
        for tensor in op.outputs
    }
    if not floats:
        wide = any(tensor.dtype == "int16" and tensor.scales for op in computing for tensor in op.outputs)
        return "integer, with int16 activations" if wide else "integer"
    if any(tensor.scales and not tensor.bytes for op in computing for tensor in op.outputs):
        return f"mixed: {len(floats)} of {len(computing)} ops in float"
    if any(tensor.bytes and tensor.scales for op in floats for tensor in op.inputs):
        return "dynamic: integer weights, float activations"
    stored = {dequantized[key] for op in floats for t in op.inputs if (key := (op.subgraph, t.index)) in dequantized}
    if stored:
        return f"weights in {' and '.join(sorted(stored))}, computed with in float32"
    return "float32"


def _row(tflite: TFLiteModel, op: Op, floats: set[int]) -> OpRow:
    out = op.outputs[0] if op.outputs else None
    return OpRow(
        name=op.name,
        version=op.version,
        layer=layer_of(tflite, op),
        dtype=out.dtype if out else "",
        shape=out.shape if out else (),
        constant_bytes=sum(tensor.bytes for tensor in op.inputs),
        zeros=_zeros(tflite, op),
        macs=_macs(op),
        in_float=op.index in floats,
    )


def _zeros(tflite: TFLiteModel, op: Op) -> float | None:
    if op.name not in WEIGHTED or len(op.inputs) < 2:
        return None
    kernel = tflite.constant(op.inputs[1], op.subgraph)
    if kernel is None:
        return None
    zero = np.asarray(op.inputs[1].zero_points or (0,)).reshape(-1)[0]
    return float((kernel == zero).mean())


def macs(tflite: TFLiteModel) -> int:
    """Count the multiplications with accumulation of a whole file, for one sample."""
    return sum(map(_macs, tflite.ops))


def _macs(op: Op) -> int:
    """Count multiplications; open sizes count as one, and ops whose shapes make no sense as none."""
    if len(op.inputs) < 2 or not op.outputs:
        return 0
    if op.name == "BATCH_MATMUL":
        return _product(op.outputs[0].shape) * _product(op.inputs[0].shape[-1:])
    if op.name not in RANKS:
        return 0
    kernel, outputs = [size or 1 for size in op.inputs[1].shape], _product(op.outputs[0].shape)
    if len(kernel) != RANKS[op.name]:
        return 0
    if op.name == "CONV_3D":
        return outputs * math.prod(kernel[:4])
    if op.name == "CONV_2D":
        return outputs * math.prod(kernel[1:])
    if op.name == "DEPTHWISE_CONV_2D":
        return outputs * math.prod(kernel[1:3])
    if op.name == "TRANSPOSE_CONV":
        return _product(op.inputs[2].shape) * math.prod(kernel[:3]) if len(op.inputs) > 2 else 0
    return outputs * kernel[-1]


def _product(shape: tuple[int | None, ...]) -> int:
    return math.prod(size or 1 for size in shape)
