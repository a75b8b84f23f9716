"""Ops of an int8 file that int8 cannot do, and int16 can; the rest of the file stays in int8.

DIV(x, y)              the kernel fails where a divisor is rounded to 0
POW(x, n)              no kernel, while forms of it have some
TOPK_V2(x)             where the places alone are read, the quantizer leaves it in float
SOFTMAX, LOGISTIC, …   the result has a fixed step, 1 / 256: over hundreds of positions a softmax is all zeros

In int16 such a result has steps of 1 / 32768, and becomes int8 in the range that was measured.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.serialization import options

MIN_SQNR = 20.0
"""Decibels of signal to quantization noise below which int8 keeps too little."""

ARITHMETIC = ("ADD", "MAXIMUM", "MINIMUM", "MUL", "SELECT", "SELECT_V2", "SUB")

MARK = "/in_fixed_steps"
"""What the names of results end with whose scale stays fixed."""

MIN_GAIN = 6.0
"""Decibels that another scale must bring: one bit."""


def beyond_int8(graph: Graph, drawn: Mapping[Value, np.ndarray]) -> list[Op]:
    """List the ops that are better in int16.

    Args:
        graph: A float graph with ranges.
        drawn: Some of the numbers of each activation.
    """
    found = []
    for op in graph.ops:
        result = op.outputs[0] if op.outputs else None
        if result is None or result.dtype != "float32":
            continue
        fixed = op_spec(op.kind).int8_scale
        if _has_no_kernel(graph, op) or (fixed and result in drawn and _is_lost(drawn[result], fixed)):
            found.append(op)
    return found


def _has_no_kernel(graph: Graph, op: Op) -> bool:
    if op.kind == "TOPK_V2":
        return not op.outputs[0].readers and op.outputs[0] not in graph.outputs
    return (op.kind == "DIV" and not op.inputs[1].is_constant) or (op.kind == "POW" and op.inputs[1].is_constant)


def with_arithmetic(graph: Graph, ops: list[Op]) -> list[Op]:
    """Add to some ops the sums, products and choices that are made of their results.

        SELECT_V2(x > 0, x, EXP(x) - 1)   EXP, SUB and SELECT_V2, as exp(x) is wide where it is not chosen

    Args:
        graph: A float graph, in the order in which it is computed.
        ops: Ops that are to be in int16.
    """
    found = dict.fromkeys(ops)
    for op in graph.ops:
        if op.kind in ARITHMETIC and any(value is not None and value.producer in found for value in op.inputs):
            found[op] = None
    return [*found]


def free_scales(graph: Graph, ops: list[Op]) -> list[str]:
    """Let results with a fixed scale be read in another; return the names of ops that have to be in int16 with them.

        y = SOFTMAX(x)  →  z = SOFTMAX(x);  y = MAXIMUM(z, -1)

    The quantizer gives what a softmax puts out its fixed scale, whatever the softmax is in, and folds a product with 1.
    `read_directly` takes the maximum out again.

    Args:
        graph: A float graph with ranges.
        ops: Ops that `beyond_int8` has found.
    """
    names = []
    for op in [op for op in ops if op_spec(op.kind).int8_scale]:
        result = op.outputs[0]
        fixed = graph.new_like(result, result.name + MARK)
        fixed.range = result.range
        least = graph.constant(-1.0, "float32")
        copy = Op("MAXIMUM", [fixed, least], [result], options("MaximumMinimum"))
        graph.replace(op, Op(op.kind, op.inputs, [fixed], op.options, op.version, rest=op.rest), copy)
        names += [fixed.name, result.name]
    return names


def read_directly(graph: Graph) -> None:
    """Take out the ops of `free_scales`: what they copied is requantized by those who read it.

    Args:
        graph: An integer graph.
    """
    for op in [op for op in graph.ops if op.kind == "MAXIMUM" and op.inputs[0] is not None]:
        source, result = op.inputs[0], op.outputs[0]
        if not source.name.endswith(MARK) or source.dtype != "int16" or result in graph.outputs:
            continue
        for reader in [each for each in result.readers if each.kind in ("QUANTIZE", "DEQUANTIZE")]:
            graph.set_input(reader, 0, source)
        if not result.readers:
            graph.remove(op)


def _is_lost(values: np.ndarray, step: float) -> bool:
    """Tell whether a fixed step takes most of some values, and a step that follows their range would not."""
    span = float(values.max() - min(values.min(), 0.0)) if values.size else 0.0
    if not span:
        return False
    fixed = sqnr(values, step)
    return fixed < MIN_SQNR and sqnr(values, span / 255) > fixed + MIN_GAIN


def sqnr(values: np.ndarray, step: float) -> float:
    """Return the signal to quantization noise of rounding to multiples of a step, in decibels."""
    values = values.astype(np.float64)
    noise = np.square(np.rint(values / step) * step - values).mean()
    signal = np.square(values).mean()
    return float(10 * np.log10(signal / noise)) if noise > 0 and signal > 0 else np.inf
