"""Which kernels of TFLM a model needs, and the C++ that registers them and no others.

In: a `TFLiteModel`. Out: the text of a header.
Source of the interface: TensorFlow Lite Micro, tensorflow/lite/micro/micro_mutable_op_resolver.h.
"""

from __future__ import annotations

from collections.abc import Iterable

from tfcompress.deployment.c_text import header
from tfcompress.errors import RunError
from tfcompress.litert.op_facts import OpFacts
from tfcompress.litert.ops.op_catalogue import op_spec, weights
from tfcompress.litert.tflite_model import TFLiteModel


def ops_header(tflite: TFLiteModel, name: str) -> str:
    """Return the header that registers the ops of a file."""
    used: dict[str, list[OpFacts]] = {}
    for op in tflite.ops:
        used.setdefault(op.name, []).append(op)
    lines = "\n".join(
        f"  if (resolver.{adder(op)}({registration(op, used[op])}) != kTfLiteOk) return kTfLiteError;"
        for op in sorted(used)
    )
    return header(
        name,
        "OPS",
        '#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"\n',
        f"""
using Resolver = tflite::MicroMutableOpResolver<{len(used)}>;

// Registers the ops of the model and no others, so that the linker leaves out all other kernels. Where TFLM names a
// kernel for the one type that an op has here, it is that, such as Register_ADD_INT8: CMSIS-NN has one without the code
// for other types, and where there is none the name stands for the kernel of all types.
inline TfLiteStatus AddOps(Resolver& resolver) {{
{lines}
  return kTfLiteOk;
}}
""",
    )


def adder(op: str) -> str:
    """Return the name of the function of `MicroMutableOpResolver` that registers an op.

    Raises:
        RunError: TFLM has none.
    """
    name = op_spec(op).tflm
    if name is None:
        raise RunError(
            "TFLM must have a function that registers each op of the file.",
            received=repr(op),
            hint="Replace the layer that makes it; a custom op of your own is registered with AddCustom, by hand.",
        )
    return name


def registration(name: str, ops: Iterable[OpFacts]) -> str:
    """Return the call that makes the kernel of an op for one type; empty where the one for all types is needed.

    Args:
        name: The op.
        ops: Every op of that name in the file: their types must be the same.
    """
    kinds = {_kind(op) for op in ops}
    typed = kinds & set(op_spec(name).typed)
    return f"tflite::Register_{name}_{typed.pop()}()" if kinds == typed and len(typed) == 1 else ""


def _kind(op: OpFacts) -> str:
    """Return how TFLM calls the types of an op; empty where it has no name for them."""
    spec = op_spec(op.name)
    place = spec.weights.data if spec.weights else 0
    data = op.operands[place] if place < len(op.operands) else None
    if data is None or not op.outputs:
        return ""
    reads, writes = data.dtype, op.outputs[0].dtype
    kernels = {tensor.dtype for tensor in weights(op)}
    if kernels == {"int4"} and reads == writes == "int8":
        return "INT4"
    if kernels - {"int8"} or (not kernels and {tensor.dtype for tensor in op.inputs} != {reads}):
        return ""
    return reads.upper() if reads == writes else f"{reads}_{writes}".upper()
