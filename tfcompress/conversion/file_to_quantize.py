"""What a .tflite file must be to be quantized: in float, with inputs of numbers where its ranges are measured.

In: a `TFLiteModel`. Out: its inputs, or one error with the way out.
"""

from __future__ import annotations

from dataclasses import replace

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import ModelError
from tfcompress.litert.tflite_model import TFLiteModel


def require_float_file(tflite: TFLiteModel) -> None:
    """Raise `ModelError` for a file that is quantized already."""
    small = [
        tensor
        for graph in tflite.subgraphs
        for tensor in graph
        if tensor.scales or (tensor.bytes and tensor.dtype in {"float16", "bfloat16", "int4"})
    ]
    if small:
        raise ModelError(
            "A float .tflite file is needed.",
            received=f"one with {len(small)} quantized tensors, such as {small[0].name!r} in {small[0].dtype}",
            hint="Take the float32 file it was made from.",
        )


def specs_to_measure(tflite: TFLiteModel) -> list[TensorSpec]:
    """Return the inputs of a file on whose samples ranges are measured; `ModelError` where it has none such."""
    if not tflite.inputs:
        raise ModelError("A file with inputs is needed.", received="none", hint="Ask for 'dynamic', without samples.")
    for spec in tflite.inputs:
        if spec.dtype in ("string", "resource", "variant"):
            raise ModelError("Inputs must be numbers.", received=str(spec), hint="Ask for 'dynamic', without samples.")
        if len(spec.shape) == 0:
            raise ModelError("Inputs must have the batch as their first axis.", received=str(spec))
    return [replace(spec, shape=(None, *spec.shape[1:])) for spec in tflite.inputs]
