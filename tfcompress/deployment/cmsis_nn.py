"""What CMSIS-NN, TFLM's kernels for Cortex-M, refuses or computes wrongly though TFLM's reference kernels run it.

In: a `TFLiteModel`. Out: findings. TFLM's interpreter for this computer holds the reference kernels alone, so these
conditions are read from the sources: tflite-micro, tensorflow/lite/micro/kernels/cmsis_nn/*.cc, and CMSIS-NN 6.0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tfcompress.deployment.findings import Finding
from tfcompress.flatbuffer.model import Op, TFLiteModel
from tfcompress.flatbuffer.naming import layer_of, signature


@dataclass(frozen=True)
class Gap:
    """One kind of op that TFLM's reference kernels run and CMSIS-NN does not."""

    ops: frozenset[str]
    applies: Callable[[Op], bool]
    reason: str
    todo: str


def _reads(op: Op, place: int) -> str:
    return op.inputs[place].dtype if len(op.inputs) > place else ""


def _is_per_channel(op: Op) -> bool:
    return len(op.inputs) > 1 and len(op.inputs[1].scales) > 1


def _is_grouped(op: Op) -> bool:
    shapes = [tensor.shape for tensor in op.inputs[:2]]
    return len(shapes) == 2 and all(len(shape) == 4 for shape in shapes) and shapes[0][3] != shapes[1][3]


def _rank(op: Op) -> int:
    return max((len(tensor.shape) for tensor in (*op.inputs, *op.outputs)), default=0)


REPLACE = "Replace the layer by one that works on fewer axes: a Reshape before it, and one behind."
GAPS = (
    Gap(
        frozenset({"FULLY_CONNECTED"}),
        lambda op: _reads(op, 0) == "int16" and _is_per_channel(op),
        "refuses int16 activations with a scale for each output of the weights",
        'Convert the Keras model anew: tfcompress gives these weights one scale. Or convert with "int8".',
    ),
    Gap(
        frozenset({"FULLY_CONNECTED"}),
        lambda op: _reads(op, 1) == "int4" and _is_per_channel(op),
        "refuses int4 weights with a scale for each output",
        "Convert with one scale for the weights (per-tensor), or with int8 weights.",
    ),
    Gap(
        frozenset({"CONV_2D"}),
        lambda op: (_reads(op, 0) == "int16" or _reads(op, 1) == "int4") and _is_grouped(op),
        "computes grouped convolutions in int8 only, and others without a word as if they had one group",
        'Convert with "int8", or split the layer into a convolution for each group and a Concatenate.',
    ),
    Gap(
        frozenset({"TRANSPOSE", "BATCH_MATMUL"}),
        lambda op: _reads(op, 0) == "int8" and _rank(op) > 4,
        "takes at most 4 axes",
        REPLACE,
    ),
    Gap(
        frozenset({"MAXIMUM", "MINIMUM"}),
        lambda op: _reads(op, 0) == "int8" and _rank(op) > 4,
        "aborts on more than 4 axes",
        REPLACE,
    ),
    Gap(
        frozenset({"PAD", "PADV2"}),
        lambda op: _reads(op, 0) == "int8" and _rank(op) > 4,
        "pads the last 4 axes only, without a word",
        REPLACE,
    ),
)
"""The gaps that are known; each was found where the two kernels differ in what they check."""


def gaps(tflite: TFLiteModel) -> list[Finding]:
    """List the ops of a file that CMSIS-NN does not run as the reference kernels do."""
    return [
        Finding(
            signature(op),
            layer_of(tflite, op),
            f"CMSIS-NN, the kernels of Cortex-M, {gap.reason}; TFLM's reference kernels run it.",
            gap.todo,
        )
        for op in tflite.ops
        for gap in GAPS
        if op.name in gap.ops and gap.applies(op)
    ]
