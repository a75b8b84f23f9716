"""Ops get the names that users know: those of their Keras layers.

In: a `TFLiteModel` and one of its ops. Out: texts.
"""

from __future__ import annotations

from tfcompress.litert.tflite_model import OpFacts, TFLiteModel
from tfcompress.printable_names import printable


def layer_of(tflite: TFLiteModel, op: OpFacts) -> str:
    """Return the Keras layer that an op is of, where the manifest knows it; else the name of what the op writes."""
    layers = tflite.manifest.get("layers")
    if isinstance(layers, dict):
        for tensor in (*op.outputs, *op.inputs):
            if tensor.name in layers:
                return str(layers[tensor.name])
    return op.outputs[0].name[:40] if op.outputs else ""


def describe(tflite: TFLiteModel, op: OpFacts) -> str:
    """Return an op as error messages call it: its name, version, place and layer."""
    return f"{printable(op.name)} v{op.version} (op {op.index}, layer {layer_of(tflite, op)!r})"


def signature(op: OpFacts) -> str:
    """Return what a target must have a kernel for: name, version and types."""
    reads, writes = (", ".join(tensor.dtype for tensor in side) for side in (op.inputs, op.outputs))
    return f"{printable(op.name)} v{op.version} ({reads} → {writes})"
