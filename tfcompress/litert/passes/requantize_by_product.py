"""Int8 values go to another int8 scale by a product with 1, which kernels round without a bias.

    QUANTIZE(x)   int8 → int8   →   MUL(x, 1)

The reference kernels' QUANTIZE, as TFLM's, rounds to an integer before its shift and once more after it: to a scale two
to four times as wide it is a quarter of a step too high. XNNPACK's takes a multiplier of few bits and is up to a fifth
of a step off either way. The product is right to a twentieth on both, and takes as long.
"""

from __future__ import annotations

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.passes.requantize_narrow import MARK
from tfcompress.litert.serialization import options

INT8_VERSION = 2
"""The version of MUL that has a kernel for int8."""

ONE = 127
"""The integer that stands for 1."""


def requantize_by_product(graph: Graph) -> None:
    """Make each QUANTIZE from int8 to another scale of int8 a product, all by one constant.

    Args:
        graph: An integer graph; products of `requantize_narrow` in it take that constant too.
    """
    one: Value | None = None
    for op in [op for op in graph.ops if op.kind in ("QUANTIZE", "MUL")]:
        source, result = op.inputs[0], op.outputs[0]
        if not source.dtype == result.dtype == "int8" or source.scale == result.scale:
            continue
        if op.kind == "MUL" and not (MARK in op.name and op.inputs[1].is_constant):
            continue
        if one is None:
            one = graph.constant(ONE, "int8")
            one.quantize("int8", 1 / ONE)
        graph.replace(op, Op("MUL", [source, one], [result], options("Mul"), INT8_VERSION))
