"""Float ops without an int16 kernel become float ops that have one and compute the same.

SQRT(x)                   → MUL(x, RSQRT(x))
DIV(x, y)                 → MUL(MUL(x, RSQRT(y)), RSQRT(y))          by RSQRT(y * y) where y has both signs
SQUARED_DIFFERENCE(x, y)  → d = SUB(x, y);  MUL(d, d)
SELECT(c, x, y)           → SELECT_V2(c, x, y)
DEPTH_TO_SPACE(x)         → RESHAPE, TRANSPOSE, RESHAPE              and SPACE_TO_DEPTH alike
LOG_SOFTMAX(x)            → d = x - max(x);  d - log(sum(exp(d)))
GELU(x)                   → MUL(x, LOGISTIC(p(x)))
HARD_SWISH(x)             → MUL(x, MUL(RELU6(x + 3), 1 / 6))
PRELU(x, a)               → r = RELU(x);  r + a * (x - r)
ELU(x)                    → r = RELU(x);  r + exp(x - r) - 1
L2_NORMALIZATION(x)       → MUL(x, RSQRT(sum(x * x)))
RELU_N1_TO_1(x), …        → MINIMUM(MAXIMUM(x, -1), 1)
ONE_HOT(x, n, on, off)    → SELECT_V2(ONE_HOT(x, n, True, False), on, off)
POW(x, n)                 → products, SQRT, RSQRT, EXP(n * LOG(x))    for one constant n

In: a float graph with ranges. Out: new values, which await theirs. An input of RSQRT ends at one step of int16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.passes.op_builder import STEPS, OpBuilder
from tfcompress.litert.serialization import options

GELU_EXACT, GELU_TANH = (1.60031415, 0.06940179), (1.5957691, 0.0713548)
"""GELU is x * sigmoid(a * x + b * x ** 3): to 0.0003 for the one with erf, exactly for the one with tanh."""

GELU_END = 16.0
"""The square from which on the sigmoid of GELU is 0 or 1 anyhow."""

RELU6 = 3
"""The schema's number of the activation RELU6, fused into another op."""


def int16_forms(graph: Graph, is_meant: Callable[[Op], bool]) -> list[Value]:
    """Replace ops that are to be in int16 and have no kernel for it; return the new values, whose range is (0, 0).

    Args:
        graph: A float graph with ranges.
        is_meant: Tells whether an op is to be in int16.
    """
    made: list[Value] = []
    for op in list(graph.ops):
        form = FORMS.get(op.kind)
        if form is None or not op.outputs or op.outputs[0].dtype != "float32" or not is_meant(op):
            continue
        build = OpBuilder(graph, op.outputs[0])
        if form(build, op) is not False:
            graph.replace(op, *build.ops)
            made += build.values
    return made


def _bounds(value: Value) -> tuple[float, float] | None:
    if value.is_constant and value.data is not None and value.data.size:
        return float(value.data.min()), float(value.data.max())
    return value.range


def _sqrt(build: OpBuilder, op: Op) -> bool | None:
    (x,), (y,) = op.inputs, op.outputs
    bounds = _bounds(x)
    if bounds is None:
        return False
    build.mul(x, build.rsqrt(x, *bounds), y)
    return None


def _div(build: OpBuilder, op: Op) -> bool | None:
    (x, y), (result,) = op.inputs, op.outputs
    bounds, fused = _bounds(y), op.options.fusedActivationFunction
    if bounds is None or bounds == (0.0, 0.0):
        return False
    if y.is_constant:
        if y.data is None or (y.data == 0).any():
            return False
        inverse = y.data.dtype.type(1) / y.data
        held = build.graph.add(Value(f"{y.name}/inverse", y.shape))
        held.data = inverse
        build.mul(x, held, result, fused)
        return None
    low, high = bounds
    if low < 0 < high:  # x / y = x * y / (y * y)
        x = build.mul(x, y)
        low, high, y = 0.0, max(low**2, high**2), build.mul(y, y)
    elif low < 0:
        x, low, high, y = build.mul(x, -1.0), -high, -low, build.mul(y, -1.0)
    root = build.rsqrt(y, low, high)
    build.mul(build.mul(x, root), root, result, fused)
    return None


def _squared_difference(build: OpBuilder, op: Op) -> None:
    difference = build.sub(*op.inputs)
    build.mul(difference, difference, op.outputs[0])


def _select(build: OpBuilder, op: Op) -> bool | None:
    condition, x, _ = op.inputs
    if len(condition.shape) == 1 != len(x.shape):  # chooses rows, where the other op would choose columns
        return False
    build.op("SELECT_V2", *op.inputs, to=op.outputs[0], form=options("SelectV2"))
    return None


def _one_hot(build: OpBuilder, op: Op) -> bool | None:
    ids, depth, on, off = op.inputs
    if on.data is None or off.data is None:
        return False
    result = op.outputs[0]
    mask = build.graph.add(Value(f"{result.name}/mask", result.shape, "bool"))
    bools = (build.graph.constant(number, "bool") for number in (True, False))
    build.op("ONE_HOT", ids, depth, *bools, to=mask, form=op.options)
    build.op("SELECT_V2", mask, on, off, to=result, form=options("SelectV2"))
    return None


def _depth_to_space(build: OpBuilder, op: Op) -> bool:
    return _swap_blocks(build, op, op.outputs[0].shape[3])


def _space_to_depth(build: OpBuilder, op: Op) -> bool:
    return _swap_blocks(build, op, op.inputs[0].shape[3])


def _swap_blocks(build: OpBuilder, op: Op, channels: int) -> bool:
    """Rows × columns of blocks × rows in them become rows × rows in blocks × columns, or the other way round."""
    (x,), (y,) = op.inputs, op.outputs
    block = op.options.blockSize
    if len(x.shape) != 4:
        return False
    width, row = min(x.shape[2], y.shape[2]), block * channels
    shapes = (-1, width, block, row), (-1, block, width, row)
    first, second = shapes if op.kind == "DEPTH_TO_SPACE" else shapes[::-1]
    rows = int(np.prod(x.shape)) // (width * block * row)
    whole = build.op("RESHAPE", x, build.graph.constant(first), shape=(rows, *first[1:]), form=_reshape(first))
    form = options("Transpose")
    swapped = build.op("TRANSPOSE", whole, build.graph.constant([0, 2, 1, 3]), shape=(rows, *second[1:]), form=form)
    last = (-1, *y.shape[1:])
    build.op("RESHAPE", swapped, build.graph.constant(last), to=y, form=_reshape(last))
    return True


def _reshape(shape: tuple[int, ...]) -> Any:
    return options("Reshape", newShape=list(shape))


def _log_softmax(build: OpBuilder, op: Op) -> None:
    (x,), (y,) = op.inputs, op.outputs
    last = len(x.shape) - 1
    shape, axes = (*x.shape[:-1], 1), build.graph.constant([last])
    largest = build.op("REDUCE_MAX", x, axes, shape=shape, form=options("Reducer", keepDims=True))
    below = build.sub(x, largest)
    total = build.mul(build.mean(build.op("EXP", below, form=options("Exp")), (last,)), float(x.shape[-1]))
    build.sub(below, build.op("LOG", total), y)


def _gelu(build: OpBuilder, op: Op) -> None:
    (x,), (y,) = op.inputs, op.outputs
    first, third = GELU_TANH if op.options.approximate else GELU_EXACT
    square = build.op("MINIMUM", build.mul(x, x), build.constant(GELU_END), form=options("MaximumMinimum"))
    slope = build.add(build.mul(square, third), first)
    build.mul(x, build.op("LOGISTIC", build.mul(x, slope)), y)


def _hard_swish(build: OpBuilder, op: Op) -> None:
    (x,), (y,) = op.inputs, op.outputs
    build.mul(x, build.mul(build.add(x, 3.0, fused=RELU6), 1 / 6), y)


def _prelu(build: OpBuilder, op: Op) -> None:
    x, slope = op.inputs
    positive = build.op("RELU", x)
    build.add(positive, build.mul(build.sub(x, positive), slope), op.outputs[0])


def _elu(build: OpBuilder, op: Op) -> None:
    (x,) = op.inputs
    positive = build.op("RELU", x)
    negative = build.add(build.op("EXP", build.sub(x, positive), form=options("Exp")), -1.0)
    build.add(positive, negative, op.outputs[0])


def _l2_normalization(build: OpBuilder, op: Op) -> bool | None:
    (x,), (y,) = op.inputs, op.outputs
    bounds, last = _bounds(x), len(x.shape) - 1
    if bounds is None:
        return False
    mean = build.mean(build.mul(x, x), (last,))
    scaled = build.mul(x, build.rsqrt(mean, 0.0, max(bounds[0] ** 2, bounds[1] ** 2)))
    build.mul(scaled, x.shape[-1] ** -0.5, y)
    return None


def _clip(build: OpBuilder, op: Op) -> None:
    low, high = (0.0, 1.0) if op.kind == "RELU_0_TO_1" else (-1.0, 1.0)
    form = options("MaximumMinimum")
    raised = build.op("MAXIMUM", op.inputs[0], build.constant(low), form=form)
    build.op("MINIMUM", raised, build.constant(high), to=op.outputs[0], form=form)


def _pow(build: OpBuilder, op: Op) -> bool | None:
    (x, power), (y,) = op.inputs, op.outputs
    bounds = _bounds(x)
    if power.data is None or power.data.size != 1 or bounds is None:
        return False
    exponent = float(power.data.reshape(-1)[0])
    if exponent == 0.5:
        build.mul(x, build.rsqrt(x, *bounds), y)
    elif exponent == -0.5:
        build.rsqrt(x, *bounds, to=y)
    elif exponent in (2.0, 3.0, 4.0):
        square = build.mul(x, x, y if exponent == 2 else None)
        if exponent > 2:
            build.mul(square, x if exponent == 3 else square, y)
    elif bounds[0] >= 0 < bounds[1]:
        step = bounds[1] / STEPS
        base = x if bounds[0] >= step else build.op("MAXIMUM", x, build.constant(step), form=options("MaximumMinimum"))
        build.op("EXP", build.mul(build.op("LOG", base), exponent), to=y, form=options("Exp"))
    else:
        return False
    return None


FORMS: dict[str, Callable[[OpBuilder, Op], bool | None]] = {
    "SQRT": _sqrt,
    "DIV": _div,
    "SQUARED_DIFFERENCE": _squared_difference,
    "SELECT": _select,
    "ONE_HOT": _one_hot,
    "DEPTH_TO_SPACE": _depth_to_space,
    "SPACE_TO_DEPTH": _space_to_depth,
    "LOG_SOFTMAX": _log_softmax,
    "GELU": _gelu,
    "HARD_SWISH": _hard_swish,
    "PRELU": _prelu,
    "ELU": _elu,
    "L2_NORMALIZATION": _l2_normalization,
    "RELU_N1_TO_1": _clip,
    "RELU_0_TO_1": _clip,
    "POW": _pow,
}
"""Forms by the kind of op; one that returns False leaves the op as it is."""
