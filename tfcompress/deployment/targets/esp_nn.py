"""The target "esp-nn": ESP32 chips, with TFLM's interpreter and ESP-NN, Espressif's kernels.

In: a `TFLiteModel`. Out: findings, and the least arena without ESP-NN's scratch memory. Source: esp-tflite-micro,
tensorflow/lite/micro/kernels/esp_nn/*.cc of 2024 and 2025. Runs TFLM's reference kernels, which ESP-NN's stand in for.
"""

from __future__ import annotations

from itertools import dropwhile

from tfcompress.deployment.findings import Finding
from tfcompress.deployment.interpreters import refusals
from tfcompress.deployment.target import Facts, Target
from tfcompress.deployment.targets import tflm
from tfcompress.litert.op_names import layer_of, signature
from tfcompress.litert.tflite_model import OpFacts, TFLiteModel

ELEMENTWISE = ("ADD", "MUL")
POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
FAST = (*WEIGHTED, *POOLS, *ELEMENTWISE, "SOFTMAX")
"""The ops that ESP-NN has, in int8; all others are TFLM's plain C++ in any case."""

KEEP_8_BITS = 'Name the layer in keep_int8 where time counts more than flash, or convert with "int8".'

CHANNELS = 4
"""Pools of the ESP32-S3 take so many channels together."""


def check(tflite: TFLiteModel) -> tuple[list[Finding], Facts]:
    """Run the file in TFLM, and hold its ops against what ESP-NN computes, and computes fast."""
    rows, facts = refusals(tflite, "tflm")
    told = {(row.op, row.layer) for row in rows}
    found = [
        finding for op in tflite.ops if (finding := _finding(tflite, op)) and (finding.op, finding.layer) not in told
    ]
    return [*tflm.open_sizes(tflite), *tflm.behind(tflite), *rows, *found], facts | tflm.unpacked(tflite)


def gaps(tflite: TFLiteModel) -> list[Finding]:
    """List the ops of a file that ESP-NN does not compute as the reference kernels do."""
    found = (_finding(tflite, op) for op in tflite.ops)
    return [finding for finding in found if finding is not None and finding.blocks]


def _finding(tflite: TFLiteModel, op: OpFacts) -> Finding | None:
    if op.name not in FAST or not op.inputs or any(tensor.is_float for tensor in op.inputs[:1]):
        return None  # floats are slow on every microcontroller; TFLM runs them
    if _is_grouped(op):
        return Finding(
            signature(op),
            layer_of(tflite, op),
            "ESP-NN computes grouped convolutions without a word as if they had one group.",
            "Split the layer into a convolution for each group and a Concatenate.",
        )
    if (reason := _slow(op)) is None:
        return None
    why, hint = reason
    return Finding(signature(op), layer_of(tflite, op), f"ESP-NN leaves it to plain C++: {why}.", hint, blocks=False)


def _is_grouped(op: OpFacts) -> bool:
    shapes = [tensor.shape for tensor in op.inputs[:2]]
    is_int8 = [tensor.dtype for tensor in op.inputs[:2]] == ["int8", "int8"]
    return op.name == "CONV_2D" and is_int8 and len(shapes[1]) == 4 and shapes[0][-1] != shapes[1][-1]


def _slow(op: OpFacts) -> tuple[str, str] | None:
    data = op.inputs[0]
    if data.dtype != "int8":
        return f"it has no {data.dtype}", 'Convert with "int8".'
    if op.name in WEIGHTED and op.inputs[1].dtype != "int8":
        return f"it has no {op.inputs[1].dtype} weights", KEEP_8_BITS
    if op.name in ELEMENTWISE and len({_sizes(tensor.shape) for tensor in op.inputs}) > 1:
        return "it has no broadcasting", "Give both operands the shape of the result."
    if op.name in POOLS and (data.shape[-1] or 0) % CHANNELS:
        return f"its pools on the ESP32-S3 take {CHANNELS} channels together", "Give the layer before a multiple of 4."
    return None


def _sizes(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Return a shape without the ones that it begins with, which are no broadcasting."""
    return tuple(dropwhile(lambda size: size == 1, shape))


TARGETS = (
    Target(
        "esp-nn",
        asks="TFLM's interpreter, run (`pip install 'tfcompress[micro]'`), and the sources of Espressif's kernels",
        stops="an op, a version or types without a kernel; open sizes; grouped convolutions",
        slows="an op that ESP-NN has, in a case that it has not",
        pruning="a smaller update over the air; flash and speed stay",
        check=check,
    ),
)
