"""Masks before a softmax end where they change nothing any more, so that the scores beside them keep their steps.

    SOFTMAX(SELECT_V2(mask, scores, -1e9))   →  -1e9 becomes the smallest score - 20
    SOFTMAX(ADD(scores, MUL(mask, -1e9)))    →  the product ends there, and the sum

exp(-20) is less than a step of int16. In a range down to -1e9 no integer stands for a score.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec

BELOW = 20.0
"""What is so far below the smallest score has no share in a softmax."""

RATIO = 16.0
"""A mask stands at least so many times as far out as the scores."""

Drawn = Mapping[Value, np.ndarray]


def limit_masks(graph: Graph, drawn: Drawn) -> None:
    """Narrow the ranges, and move the constants, of masks before softmaxes.

    Args:
        graph: A float graph with ranges.
        drawn: Some of the numbers of each activation.
    """
    for op in graph.ops:
        if op.kind == "SOFTMAX" and (scores := _scores(drawn.get(op.inputs[0]))) is not None:
            _narrow(graph, op.inputs[0], float(scores.min()) - BELOW, np.inf, drawn)


def _scores(numbers: np.ndarray | None) -> np.ndarray | None:
    """Return the numbers that are no mask; None where there is no mask."""
    if numbers is None or not numbers.size:
        return None
    lowest = float(numbers.min())
    rest = numbers[numbers > lowest / 2]
    return rest if rest.size and lowest < 0 and RATIO * np.abs(rest).max() < -lowest and lowest < -BELOW else None


def _narrow(graph: Graph, value: Value, low: float, high: float, drawn: Drawn) -> None:
    """Let a value end at some bounds, and what it is made of at those that follow."""
    if value.range is None or len(value.readers) > 1:
        return
    numbers = drawn.get(value, np.zeros(1))  # a range of least error may leave the scores out
    lowest, highest = min(value.range[0], float(numbers.min())), max(value.range[1], float(numbers.max()))
    value.range = max(lowest, low), min(highest, high)
    made = value.producer
    if made is None:
        return
    if made.kind in ("SELECT", "SELECT_V2"):
        for place in (1, 2):
            _clip_constant(graph, made, place, low, high)
    elif op_spec(made.kind).moves:
        _narrow(graph, made.inputs[0], low, high, drawn)
    elif made.kind in ("ADD", "SUB"):
        left, right = made.inputs
        for place, (each, other) in enumerate(((left, right), (right, left))):
            if (scores := _bounds(other)) is None or (own := _bounds(each)) is None:
                continue
            if max(map(abs, own)) < RATIO * max(map(abs, scores)):
                continue
            if made.kind == "SUB" and place == 1:  # result = other - each
                ends = scores[0] - high, scores[1] - low
            else:
                ends = (
                    (low - scores[1], high - scores[0]) if made.kind == "ADD" else (low + scores[0], high + scores[1])
                )
            _clip_constant(graph, made, place, *ends)
            _narrow(graph, each, *ends, drawn)
            return
    elif made.kind == "MUL":
        _narrow_product(graph, made, low, high, drawn)


def _narrow_product(graph: Graph, op: Op, low: float, high: float, drawn: Drawn) -> None:
    """Let the constant of a product with a mask of 0 and 1 end at some bounds."""
    for place, (each, mask) in enumerate((op.inputs, op.inputs[::-1])):
        numbers = drawn.get(mask)
        if each.is_constant and each.data is not None and numbers is not None and _is_mask(numbers):
            _clip_constant(graph, op, place, min(low, 0.0), max(high, 0.0))


def _is_mask(numbers: np.ndarray) -> bool:
    return bool(np.isin(numbers, (0.0, 1.0)).all())


def _bounds(value: Value) -> tuple[float, float] | None:
    if value.is_constant and value.data is not None and value.data.size:
        return float(value.data.min()), float(value.data.max())
    return value.range


def _clip_constant(graph: Graph, op: Op, place: int, low: float, high: float) -> None:
    value = op.inputs[place]
    if value.is_constant and value.dtype == "float32" and value.data is not None:
        copy = graph.add(Value(f"{value.name}_before_{op.name}", value.shape))
        copy.data = np.clip(value.data, low, high)
        graph.set_input(op, place, copy)
