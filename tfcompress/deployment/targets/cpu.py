"""The target "cpu": LiteRT's interpreter on a phone or a computer.

In: a `TFLiteModel`. Out: findings, and the oldest release that runs the file.
"""

from __future__ import annotations

from tfcompress.deployment.findings import Finding
from tfcompress.deployment.interpreters import refusals
from tfcompress.deployment.target import Facts, Target
from tfcompress.litert.manifest import text
from tfcompress.litert.runtimes import oldest_runtime
from tfcompress.litert.tflite_model import TFLiteModel


def check(tflite: TFLiteModel) -> tuple[list[Finding], Facts]:
    """Run the file in LiteRT."""
    rows, _ = refusals(tflite, "litert")
    if tflite.packing is not None:
        return rows, {}
    return rows, {"oldest runtime": text(oldest_runtime(tflite), 500)}


TARGETS = (
    Target(
        "cpu",
        asks="LiteRT's interpreter, run",
        stops="an op without a kernel",
        slows="",
        pruning="a smaller download; flash and speed stay",
        check=check,
    ),
)
