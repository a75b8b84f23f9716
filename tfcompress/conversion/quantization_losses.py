"""Where the ranges that were measured let integers lose what a layer computes, and which layers in float keep it.

    LOG(x), SQRT(x)        x from 1e-6 to 1: what is below a step of x is one and the same
    CONCATENATION(x, y)    x up to 0.01, y up to 800: one scale for both has no step for x

In: a float graph with ranges and some numbers of each activation. Out: a `Loss` each. Nothing is run: the kernels are
computed with, rounding as they round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec

Function = Callable[[np.ndarray], np.ndarray]

MIN_SQNR = 10.0
"""Decibels of signal to quantization noise below which a warning says so."""

MIN_LOG_SQNR = 25.0
"""The same of the logarithm of a value, from which on what is computed of it may be in integers."""

MIN_PART = 1e-6
"""What is smaller than this beside the rest is float noise, and nobody's signal."""

CONSTANT = 1e-4
"""A value whose variance is less than this of its mean square is a constant."""

TABLE = 257
"""The int16 kernels of these functions interpolate a table with so many entries from zero to the end of the range."""


@dataclass(frozen=True)
class Loss:
    """What integers lose at one op."""

    op: str
    """The name of its result."""
    what: str
    """The end of the sentence "int8 keeps … of"."""
    sqnr: float
    keep: tuple[str, ...]
    """Names of the results that must be in float."""
    io: bool
    """Whether inputs or outputs of the model must be too."""

    def to_dict(self) -> dict[str, Any]:
        """What another process needs."""
        return asdict(self)


def quantization_losses(
    graph: Graph, drawn: Mapping[Value, np.ndarray], is_integer: Callable[[Op], bool], *, whole_int16: bool
) -> list[Loss]:
    """List the ops that lose most of what they compute.

    Args:
        graph: A float graph with ranges.
        drawn: Some of the numbers of each activation.
        is_integer: Tells whether an op is to be in the type of most of the file.
        whole_int16: Whether that is int16, and not int8.
    """
    found: list[Loss] = []
    for op in graph.ops:
        if not op.outputs or not is_integer(op):
            continue
        spec = op_spec(op.kind)
        if spec.steep is not None and op.inputs[0] in drawn:
            found += _of_function(graph, op, spec.steep, drawn, whole_int16)
        elif spec.joins == "parts":
            found += _of_parts(graph, op, drawn, whole_int16)
    return found


def _of_function(
    graph: Graph, op: Op, function: Function, drawn: Mapping[Value, np.ndarray], whole_int16: bool
) -> Iterator[Loss]:
    values, bounds = drawn[op.inputs[0]].astype(np.float64), op.inputs[0].range
    values = values[values > 0]
    if bounds is None or not values.size or bounds[1] <= 0:
        return
    right = function(values)
    if np.ptp(right) < 1e-6:
        return
    rounded, step = _rounded(values, bounds, whole_int16)
    if whole_int16:
        entries = np.linspace(0, bounds[1], TABLE)
        table = function(np.maximum(entries, step / 2))
        got = np.interp(rounded, entries, np.clip(table, right.min(), right.max()))
    else:
        got = np.clip(function(np.maximum(rounded, step / 2)), right.min(), right.max())
    sqnr = _decibels(right, got)
    if sqnr < MIN_SQNR:
        keep, io = _upstream(graph, op, drawn, whole_int16)
        decades = np.log10(values.max() / values.min())
        yield Loss(op.name, f"{op.kind} of values over {decades:.0f} decades", sqnr, keep, io)


def _of_parts(graph: Graph, op: Op, drawn: Mapping[Value, np.ndarray], whole_int16: bool) -> Iterator[Loss]:
    result = op.outputs[0]
    if result.range is None:
        return
    largest = max(map(abs, result.range))
    for value in op.inputs:
        if value is None or value.is_constant or value not in drawn:
            continue
        part = drawn[value].astype(np.float64)
        size = float(np.abs(part).max(initial=0.0))
        if size <= MIN_PART * largest:
            continue
        sqnr = _decibels(part, _rounded(part, result.range, whole_int16)[0], around_zero=True)
        if sqnr < MIN_SQNR:
            keep, io = _downstream(graph, op)
            yield Loss(op.name, f"values up to {size:.3g} joined with values up to {largest:.3g}", sqnr, keep, io)
            return


def _rounded(values: np.ndarray, bounds: tuple[float, float], whole_int16: bool) -> tuple[np.ndarray, float]:
    """Return values as integers hold them, and the step."""
    low, high = min(bounds[0], 0.0), max(bounds[1], 0.0)
    step = max(-low, high) / 32767 if whole_int16 else (high - low) / 255
    step = max(step, 1e-30)
    return np.clip(np.rint(values / step) * step, low, high), step


def _decibels(right: np.ndarray, got: np.ndarray, *, around_zero: bool = False) -> float:
    """Return signal to noise; the signal is what changes, but of what hardly does it is the whole."""
    noise, signal = float(np.square(got - right).mean()), float(right.var())
    if around_zero and signal < CONSTANT * np.square(right).mean():
        signal = float(np.square(right).mean())
    return 100.0 if noise <= signal * 1e-10 else 10 * np.log10(max(signal, 1e-300) / noise)


def _upstream(
    graph: Graph, op: Op, drawn: Mapping[Value, np.ndarray], whole_int16: bool
) -> tuple[tuple[str, ...], bool]:
    """Return the results from the function back to what integers hold well, and whether that is past the inputs."""
    names, value = [op.name], op.inputs[0]
    while True:
        numbers = drawn.get(value)
        if numbers is None or value.range is None or _is_held(numbers, value.range, whole_int16):
            return tuple(names), False
        if value.producer is None:
            return tuple(names), value in graph.inputs
        names.append(value.producer.name)
        read = [each for each in value.producer.inputs if each is not None and each in drawn and not each.is_constant]
        if not read:
            return tuple(names), False
        value = read[0]


def _is_held(numbers: np.ndarray, bounds: tuple[float, float], whole_int16: bool) -> bool:
    """Tell whether integers keep the logarithm of a value."""
    numbers = numbers.astype(np.float64)
    floor = max(np.abs(numbers).max(initial=0.0) * MIN_PART, 1e-30)
    rounded, step = _rounded(numbers, bounds, whole_int16)
    right = np.log(np.maximum(np.abs(numbers), floor))
    return _decibels(right, np.log(np.maximum(np.abs(rounded), max(floor, step / 2)))) >= MIN_LOG_SQNR


def _downstream(graph: Graph, op: Op) -> tuple[tuple[str, ...], bool]:
    """Return the results from an op on to the first that are computed, and whether the model gives one out."""
    names, waiting, given_out = [op.name], [op.outputs[0]], False
    while waiting:
        value = waiting.pop()
        given_out = given_out or value in graph.outputs
        for reader in dict.fromkeys(value.readers):
            if reader.name not in names:
                names.append(reader.name)
                waiting += reader.outputs if op_spec(reader.kind).scale == "shared" else []
    return tuple(names), given_out
