"""The target "tflm": microcontrollers, with TFLM's interpreter and CMSIS-NN, its kernels for Cortex-M.

In: a `TFLiteModel`. Out: findings, and the least arena. TFLM's interpreter for this computer holds the reference
kernels alone, so what CMSIS-NN refuses or computes wrongly is read from the sources; it stands in the rows of the op
catalogue, each found where the two kernels differ in what they check.
"""

from __future__ import annotations

import math

from tfcompress.deployment.findings import Finding
from tfcompress.deployment.interpreters import refusals
from tfcompress.deployment.target import Facts, Target
from tfcompress.litert.flatbuffer import lies_behind
from tfcompress.litert.op_names import layer_of, signature
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.tflite_model import TFLiteModel

BEHIND = Finding(
    "file",
    "",
    "Constant data or options of custom ops lie behind the flatbuffer, where TFLM does not look for them.",
    "Build firmware of what tfcompress.export_c writes: there they are in the flatbuffer, as checked here.",
)


def check(tflite: TFLiteModel) -> tuple[list[Finding], Facts]:
    """Run the file in TFLM, and hold its ops against what CMSIS-NN takes."""
    rows, facts = refused(tflite)
    return [*open_sizes(tflite), *behind(tflite), *rows], facts | unpacked(tflite)


def refused(tflite: TFLiteModel) -> tuple[list[Finding], Facts]:
    """List what TFLM, or CMSIS-NN instead of its reference kernels, does not run; and tell the arena."""
    rows, facts = refusals(tflite, "tflm")
    told = {(row.op, row.layer) for row in rows}
    return [*rows, *(row for row in gaps(tflite) if (row.op, row.layer) not in told)], facts


def unpacked(tflite: TFLiteModel) -> Facts:
    """Tell of the arena that the reference kernels take to unpack weights of four bits, one op after the other."""
    weights = [op.inputs[1].shape for op in tflite.ops if len(op.inputs) > 1 and op.inputs[1].dtype == "int4"]
    if not weights:
        return {}
    largest = max(math.prod(size or 1 for size in shape) for shape in weights)
    return {"of that to unpack int4 weights at most, and none with CMSIS-NN, bytes": largest}


def behind(tflite: TFLiteModel) -> list[Finding]:
    """Tell of constants where TFLM does not look for them."""
    return [BEHIND] if lies_behind(tflite.content) else []


def gaps(tflite: TFLiteModel) -> list[Finding]:
    """List the ops of a file that CMSIS-NN does not run as the reference kernels do."""
    return [
        Finding(
            signature(op),
            layer_of(tflite, op),
            f"CMSIS-NN, the kernels of Cortex-M, {gap.reason}; TFLM's reference kernels run it.",
            gap.hint,
        )
        for op in tflite.ops
        for gap in op_spec(op.name).cmsis_nn
        if gap.applies(op)
    ]


def open_sizes(tflite: TFLiteModel) -> list[Finding]:
    """Tell of inputs whose size the file leaves open."""
    return [
        Finding(
            "file", spec.name, f"The input {spec} has an open size; TFLM plans its memory once.", "Fix the keras.Input."
        )
        for spec in tflite.inputs
        if None in spec.shape[1:]
    ]


TARGETS = (
    Target(
        "tflm",
        asks="TFLM's interpreter, run (`pip install 'tfcompress[micro]'`), and the sources of CMSIS-NN",
        stops="an op, a version or types without a kernel; open sizes",
        slows="",
        pruning="a smaller update over the air; flash and speed stay",
        check=check,
    ),
)
