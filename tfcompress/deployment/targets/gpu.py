"""The target "gpu": LiteRT's GPU delegate; what it does not take runs on the processor, with copies to and fro.

In: a `TFLiteModel`. Out: findings. Source: the delegate's own test of compatibility, TensorFlow 2.21,
tensorflow/lite/tools/versioning/gpu_compatibility.cc, by op; the conditions it sets on their options are not repeated
here. Runs nothing: there is no such delegate for computers.
"""

from __future__ import annotations

from tfcompress.deployment.findings import Finding
from tfcompress.deployment.target import Facts, Target
from tfcompress.deployment.targets import cpu
from tfcompress.litert.op_names import layer_of, signature
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.tflite_model import OpFacts, TFLiteModel

TYPES = frozenset({"float32", "float16", "int8", "uint8", "int32", "bool"})
"""Quantized files are run in float, from the same weights (`isQuantizedModelsAllowed`, on by default)."""

INSTEAD = 'Name the layer in keep_int8, or convert with "int8"'
"""What to do about weights of four bits."""


def check(tflite: TFLiteModel) -> tuple[list[Finding], Facts]:
    """Hold each op against the delegate; what no delegate takes runs on the processor, if it runs at all."""
    rows, facts = cpu.check(tflite)
    if tflite.packing is not None:
        return rows, facts
    stopped = {(row.op, row.layer) for row in rows}
    return [*rows, *(row for row in left_to_the_processor(tflite) if (row.op, row.layer) not in stopped)], facts


def left_to_the_processor(tflite: TFLiteModel) -> list[Finding]:
    """List the ops that the GPU delegate does not take."""
    found = []
    for op in tflite.ops:
        if reason := _against(op):
            small = any(tensor.dtype == "int4" for tensor in op.inputs)
            hint = f"{INSTEAD if small else 'Replace the layer'}, or run the file on the processor: each change of "
            hint += "sides costs a copy."
            found.append(Finding(signature(op), layer_of(tflite, op), reason, hint, blocks=False))
    return found


def _against(op: OpFacts) -> str | None:
    if op.custom or not op_spec(op.name).gpu:
        return "The GPU delegate has no such op."
    odd = {tensor.dtype for tensor in (*op.inputs, *op.outputs)} - TYPES
    if odd:
        return f"The GPU delegate has no {', '.join(sorted(odd))}."
    axes = max((len(tensor.shape) for tensor in op.outputs), default=0)
    return f"The GPU delegate takes at most 4 axes, not {axes}." if axes > 4 else None


TARGETS = (
    Target(
        "gpu",
        asks="the list in the delegate's own source",
        stops="what the CPU does not run either",
        slows="an op left to the CPU",
        pruning="a smaller download; flash and speed stay",
        check=check,
    ),
)
