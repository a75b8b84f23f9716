"""What a .tflite file is made of: ops, types, sizes, zeros, multiplications, and what is left in float.

In: a `TFLiteModel`, from tfcompress or from elsewhere. Out: an `Inspection`. Runs nothing.
"""

from __future__ import annotations

import math
from os import PathLike

import numpy as np

from tfcompress.litert.inspection import Inspection, OpRow
from tfcompress.litert.op_names import layer_of
from tfcompress.litert.ops.op_catalogue import macs, weights
from tfcompress.litert.subgraph_runs import runs, runs_by_signature
from tfcompress.litert.tflite_model import OpFacts, TFLiteModel, as_tflite

BORDER = {"QUANTIZE": "inputs", "DEQUANTIZE": "outputs"}
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
    tflite = as_tflite(tflite)
    return Inspection(tflite, _rows(tflite), tuple(op.name for op in float_ops(tflite)), _kind(tflite), runs(tflite))


def _rows(tflite: TFLiteModel) -> tuple[OpRow, ...]:
    """Return a row for each op; what several ops or signatures share counts where it is first."""
    floats = {op.index for op in float_ops(tflite)}
    owners = runs_by_signature(tflite)
    held: set[int] = set()
    stored, rows = _stored_types(tflite), []
    for op in tflite.ops:
        signature, times = owners.get(op.subgraph, (None, 0))
        constants = {tensor.buffer: tensor.bytes for tensor in op.inputs if tensor.bytes and tensor.buffer not in held}
        held |= constants.keys()
        out = op.outputs[0] if op.outputs else None
        rows.append(
            OpRow(
                name=op.name,
                version=op.version,
                layer=layer_of(tflite, op),
                dtype=out.dtype if out else "",
                shape=out.shape if out else (),
                constant_bytes=sum(constants.values()),
                zeros=_zeros(tflite, op),
                macs=macs(op) * times,
                in_float=op.index in floats,
                weights=_types(op, stored),
                signature=signature,
            )
        )
    return tuple(rows)


def float_ops(tflite: TFLiteModel) -> list[OpFacts]:
    """List the ops that read or write floats, without the casts at the model's own inputs and outputs."""
    ends = {index for index, _ in (*tflite.bound_inputs, *tflite.bound_outputs)}

    def at_border(op: OpFacts) -> bool:
        side = BORDER.get(op.name)
        return side is not None and op.subgraph == 0 and all(tensor.index in ends for tensor in getattr(op, side))

    return [
        op for op in tflite.ops if any(tensor.is_float for tensor in (*op.inputs, *op.outputs)) and not at_border(op)
    ]


def _types(op: OpFacts, stored: dict[tuple[int, int], str]) -> str:
    return ", ".join(dict.fromkeys(stored.get((op.subgraph, tensor.index), tensor.dtype) for tensor in weights(op)))


def _stored_types(tflite: TFLiteModel) -> dict[tuple[int, int], str]:
    """Return the type in which constants are stored that an op turns into floats, by graph and tensor."""
    return {
        (op.subgraph, tensor.index): op.inputs[0].dtype
        for op in tflite.ops
        if op.name == "DEQUANTIZE" and op.inputs and op.inputs[0].bytes
        for tensor in op.outputs
    }


def _kind(tflite: TFLiteModel) -> str:
    """Say what a file is by what it computes in and what its weights are; the words are those of `convert`."""
    floats = [op for op in float_ops(tflite) if op.name not in CASTS]
    computing = [op for op in tflite.ops if op.name not in CASTS]
    dequantized = _stored_types(tflite)
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


def _zeros(tflite: TFLiteModel, op: OpFacts) -> float | None:
    """Return the share of zeros in the constant weights of an op; what a sparse tensor does not store is zero."""
    counted = total = 0
    for tensor in weights(op):
        values = tflite.constant(tensor, op.subgraph)
        if values is not None and values.size:
            zero = np.asarray(tensor.zero_points or (0,)).reshape(-1)[0]
            size = max(math.prod(size or 1 for size in tensor.shape), values.size)
            counted, total = counted + size - int((values != zero).sum()), total + size
    return counted / total if total else None
