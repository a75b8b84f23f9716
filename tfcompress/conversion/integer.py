"""The proof that an int8 file is int8: every op is read and every float one is named.

In: a `TFLiteModel`. Out: nothing, or a `ConversionError` that lists ops and Keras layers.
Knows nothing of how the file was made.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tfcompress.conversion.advice import advice
from tfcompress.conversion.mixture import Mixture
from tfcompress.errors import ConversionError
from tfcompress.flatbuffer.inspect import float_ops
from tfcompress.flatbuffer.model import OpFacts, TFLiteModel

CASTS = {"QUANTIZE", "DEQUANTIZE"}


def require_builtin(tflite: TFLiteModel, extra_ops: Sequence[str], layers: dict[str, str]) -> None:
    """Raise `ConversionError` for an op that is neither a builtin nor among those asked for."""
    foreign = [op for op in tflite.ops if op.custom and op.name.removeprefix("Flex") not in extra_ops]
    if foreign:
        raise ConversionError(
            "Every op must have a TFLite builtin form, or stand in extra_ops.",
            received=", ".join(dict.fromkeys(f"{op.name} ({_layer(op, layers)})" for op in foreign)),
            todo=" ".join(advice(op.name.removeprefix("Flex") for op in foreign)),
        )


def require_integer(
    tflite: TFLiteModel, io: str, layers: dict[str, str], mixture: Mixture, given: Collection[str] = ()
) -> None:
    """Raise `ConversionError` unless every op is integer and inputs and outputs have the type asked for.

    Args:
        tflite: The file to prove.
        io: "int8", "uint8", "int16" or "float32".
        layers: Keras layer by tensor name, for the message.
        mixture: The layers that are in float on purpose; the ops of those, and the casts around them, are left out.
        given: Types that inputs of the model have of their own, such as the uint8 of an image; they keep them.
    """
    left = _unexpected(float_ops(tflite), mixture)
    if left:
        computing = [op for op in left if op.name not in CASTS]
        rows = [f"{op.name} ({_layer(op, layers)})" for op in computing or left]
        shown = ", ".join(dict.fromkeys(rows[:12])) + (f" and {len(rows) - 12} more" if len(rows) > 12 else "")
        raise ConversionError(
            "Every op of an integer file must be integer.",
            received=f"{len(left)} of {len(tflite.ops)} ops in float: {shown}",
            todo=" ".join([*advice(op.name for op in left), "Or leave the layers in float with keep_float=[…]."]),
        )
    for spec in (*(spec for spec in tflite.inputs if spec.dtype not in given), *tflite.outputs):
        if spec.dtype in {"float32", "int8", "uint8", "int16"} and spec.dtype != io:
            raise ConversionError(
                f"Inputs and outputs must be {io} as asked for with io.",
                received=str(spec),
                todo="Ask for io='float32', which casts at the border.",
            )


def _unexpected(ops: list[OpFacts], mixture: Mixture) -> list[OpFacts]:
    """Return the float ops of layers that are not in float on purpose."""
    meant = [op for op in ops if op.name not in CASTS and op.outputs and mixture.kind(op.outputs[0].name) == "float"]
    around = {(op.subgraph, tensor.index) for op in meant for tensor in (*op.inputs, *op.outputs)}
    expected = {op.index for op in meant}
    for op in ops:
        beside = {(op.subgraph, tensor.index) for tensor in (*op.inputs, *op.outputs) if tensor.is_float}
        if op.name in CASTS and beside <= around:
            expected.add(op.index)
    return [op for op in ops if op.index not in expected]


def _layer(op: OpFacts, layers: dict[str, str]) -> str:
    """Name an op's layer; what it reads was made by the layer before, which is not to blame."""
    made = next((layers[tensor.name] for tensor in op.outputs if tensor.name in layers), None)
    if made is not None:
        return f"layer {made}"
    before = next((layers[tensor.name] for tensor in op.inputs if tensor.name in layers), None)
    name = f"tensor {op.outputs[0].name}" if op.outputs else "no layer"
    return name if before is None else f"{name}, behind the layer {before}"
