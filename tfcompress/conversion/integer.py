"""The proof that an int8 file is int8: every op is read and every float one is named.

In: a `TFLiteModel`. Out: nothing, or a `ConversionError` that lists ops and Keras layers.
Knows nothing of how the file was made.
"""

from __future__ import annotations

from tfcompress.errors import ConversionError
from tfcompress.flatbuffer.model import Op, TFLiteModel

BORDER = {"QUANTIZE": "inputs", "DEQUANTIZE": "outputs"}


def float_ops(tflite: TFLiteModel) -> list[Op]:
    """List the ops that read or write floats, without the casts at the model's own inputs and outputs."""
    ends = {index for index, _ in (*tflite.bound_inputs, *tflite.bound_outputs)}

    def at_border(op: Op) -> bool:
        side = BORDER.get(op.name)
        return side is not None and op.subgraph == 0 and all(tensor.index in ends for tensor in getattr(op, side))

    return [
        op for op in tflite.ops if any(tensor.is_float for tensor in (*op.inputs, *op.outputs)) and not at_border(op)
    ]


def require_integer(tflite: TFLiteModel, io: str, layers: dict[str, str]) -> None:
    """Raise `ConversionError` unless every op is integer and inputs and outputs have the type asked for.

    Args:
        tflite: The file to prove.
        io: "int8", "uint8" or "float32".
        layers: Keras layer by tensor name, for the message.
    """
    left = float_ops(tflite)
    if left:
        rows = [f"{op.name} ({_layer(op, layers)})" for op in left]
        shown = ", ".join(dict.fromkeys(rows[:12])) + (f" and {len(rows) - 12} more" if len(rows) > 12 else "")
        raise ConversionError(
            "Every op of an int8 file must be integer.",
            received=f"{len(left)} of {len(tflite.ops)} ops in float: {shown}",
            todo="Replace these layers by ones with an int8 kernel, or ask for quantization='dynamic'.",
        )
    for spec in (*tflite.inputs, *tflite.outputs):
        if spec.dtype in {"float32", "int8", "uint8"} and spec.dtype != io:
            raise ConversionError(
                f"Inputs and outputs must be {io} as asked for with io.",
                received=str(spec),
                todo="Ask for io='float32', which casts at the border.",
            )


def _layer(op: Op, layers: dict[str, str]) -> str:
    for tensor in (*op.outputs, *op.inputs):
        if tensor.name in layers:
            return f"layer {layers[tensor.name]}"
    return f"tensor {op.outputs[0].name}" if op.outputs else "no layer"
