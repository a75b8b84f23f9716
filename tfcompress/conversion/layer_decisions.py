"""What became of each layer: in what its weights are and in what it computes, for the manifest.

In: a converted file, and how its ops are called. Out: a row for each op with weights, and for each that is in float
in a file that is integer elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tfcompress.litert.inspect import CASTS, float_ops
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.tflite_model import OpFacts, TFLiteModel


def layer_of(op: OpFacts, layers: Mapping[str, str]) -> str:
    """Return the layer of an op, or the name of what it writes where none is known."""
    tensors = (*op.outputs, *op.inputs)
    return next((str(layers[tensor.name]) for tensor in tensors if tensor.name in layers), _written(op))


def _written(op: OpFacts) -> str:
    return op.outputs[0].name if op.outputs else op.name


def decisions(tflite: TFLiteModel, layers: Mapping[str, str], asked: Collection[str] = ()) -> dict[str, dict[str, str]]:
    """Return "op", "computes_in", "weights" and "because" by layer.

    Args:
        tflite: The file.
        layers: Layer by tensor name.
        asked: Names of tensors whose ops are in float because the user said so.
    """
    floats = {op.index for op in float_ops(tflite)}
    unpacked = {
        (op.subgraph, tensor.index): op.inputs[0].dtype
        for op in tflite.ops
        if op.name == "DEQUANTIZE" and op.inputs
        for tensor in op.outputs
    }
    integer_elsewhere = any(op.index not in floats for op in tflite.ops if op.name not in CASTS)
    rows: dict[str, dict[str, str]] = {}
    for op in tflite.ops:
        weighted = op_spec(op.name).weights and len(op.inputs) > 1
        if op.name in CASTS or not op.outputs or not (weighted or (op.index in floats and integer_elsewhere)):
            continue
        row = {"op": op.name, "computes_in": op.outputs[0].dtype}
        if weighted:
            kernel = op.inputs[1]
            row["weights"] = unpacked.get((op.subgraph, kernel.index), kernel.dtype)
        name = layer_of(op, layers)
        if op.index in floats and any(tensor.name in asked for tensor in op.outputs):
            row["because"] = "keep_float"
        rows.setdefault(name if name not in rows or rows[name] == row else f"{name} ({op.name})", row)
    return rows
