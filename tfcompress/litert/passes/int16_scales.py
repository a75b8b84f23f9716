"""Which scale each value has in int16, and where two meet that have to be requantized.

    CONCATENATION(boxes, SOFTMAX(x))   boxes and the result have one scale; the softmax keeps its own, 1 / 32768, and
                                       what the concatenation reads is a copy of it
    MINIMUM(x, 1e6)                    one scale for x and the result; the constant ends where they end

In: ops that are to be in int16, ranges. Out: a scale for each value, and one for each input of each op.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from tfcompress.errors import ConversionError
from tfcompress.litert.graph import Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec

Ranges = Mapping[str, tuple[float, float]]

MAX_INT16 = 32767
MIN_RANGE = 1e-6
"""No activation's range is narrower than this, so that every scale is above zero."""
FIXED_SCALE = 1 / 32768

MAX_RATIO = 8
"""A value this much smaller than what it becomes a part of keeps its own scale, for the others that read it."""


@dataclass(frozen=True)
class Scales:
    """The scale of each value as it is made, and of each as an op reads it."""

    made: Mapping[Value, float]
    read: Mapping[tuple[Op, Value], float]


def int16_scales(chosen: list[Op], ranges: Ranges, layer: Callable[[str], str] = str) -> Scales:
    """Choose the scales of ops that are to be in int16.

    Args:
        chosen: The ops, all of which have an int16 kernel.
        ranges: Smallest and largest value by name of each float activation.
        layer: Names the layer of an activation, for messages.

    Raises:
        ConversionError: an activation has no range, and shares its scale with none that has.
    """
    groups: dict[Value, set[Value]] = {value: {value} for op in chosen for value in activations(op)}
    sizes = {value: size for value in groups if (size := magnitude(value, ranges)) is not None}
    for op in chosen:
        if _keeps_scale(op):
            _join(op, groups, sizes)
    fixed = {op.outputs[0] for op in chosen if op_spec(op.kind).scale == "fixed"}
    made: dict[Value, float] = {}
    for value, group in groups.items():
        largest = max([MIN_RANGE, *_known(group - fixed, sizes)])
        if value in fixed or (group & fixed and largest <= 1.0):
            made[value] = FIXED_SCALE
        elif known := _known(group, sizes):
            made[value] = max(largest, *known) / MAX_INT16
        else:
            raise _no_range(value, layer)
    read = {(op, value): made[value] for op in chosen for value in activations(op)}
    for op in chosen:
        if _keeps_scale(op):
            read |= {(op, value): made[op.outputs[0]] for value in _inputs(op)}
        elif op_spec(op.kind).scale == "compared":
            coarsest = max((made[value] for value in _inputs(op) if not value.is_constant), default=1.0)
            read |= {(op, value): coarsest for value in _inputs(op)}
    return Scales(made, read)


def activations(op: Op) -> list[Value]:
    """List the values of an op that become int16: all in float but kernels and biases."""
    return [value for value in (*_inputs(op), *op.outputs) if value.dtype in ("float32", "int16")]


def _keeps_scale(op: Op) -> bool:
    """Tell whether results have the scale of what they are made of."""
    return op_spec(op.kind).scale == "shared"


def _inputs(op: Op) -> list[Value]:
    places = op_spec(op.kind).weights
    read = [op.inputs[places.data]] if places else [value for value in op.inputs if value is not None]
    return [value for value in read if value.dtype in ("float32", "int16")]


def _join(op: Op, groups: dict[Value, set[Value]], sizes: dict[Value, float]) -> None:
    """Give an op's results and what they are made of one scale, but for what is so small that it would be lost."""
    results = [value for value in op.outputs if value in groups]
    if not results:
        return
    read = [value for value in _inputs(op) if not value.is_constant]
    largest = max(_known((*read, *results), sizes), default=0.0)
    held = [sizes[value] for value in _inputs(op) if value.is_constant and not _is_guard(op, sizes[value], largest)]
    for value in results if held else ():  # constants are copied in the scale of each op that reads them
        sizes[value] = max(sizes.get(value, 0.0), *held)
    widest = max(_known(results, sizes), default=0.0)
    together = [value for value in read if value not in sizes or sizes[value] * MAX_RATIO >= widest]
    joined = set().union(*(groups[value] for value in (*together, *results)))
    for value in joined:
        groups[value] = joined


def _is_guard(op: Op, size: float, largest: float) -> bool:
    """Tell whether a constant stands so far beyond what was measured that it may end there."""
    return op.kind in ("MAXIMUM", "MINIMUM") or (op.kind == "SELECT_V2" and size > MAX_RATIO * largest)


def _known(values: Iterable[Value], sizes: Mapping[Value, float]) -> list[float]:
    return [sizes[value] for value in values if value in sizes]


def scale_of(value: Value, ranges: Ranges, layer: Callable[[str], str] = str) -> float:
    """Return the scale of a value that shares it with no other."""
    size = magnitude(value, ranges)
    if size is None:
        raise _no_range(value, layer)
    return max(MIN_RANGE, size) / MAX_INT16


def _no_range(value: Value, layer: Callable[[str], str]) -> ConversionError:
    return ConversionError(
        "What is in int16 must have a range.",
        received=f"none for {layer(value.name)}",
        hint="Leave the layer in float: with keep_float=[…], or quantize_aware(model, exclude=[…]).",
    )


def magnitude(value: Value, ranges: Ranges) -> float | None:
    """Return the largest magnitude of a value, as measured, stored, or possible in its integers; None: unknown."""
    if value.is_constant and value.dtype == "float32" and value.data is not None:
        return float(np.abs(value.data).max(initial=0.0))
    if value.name in ranges:
        return max(map(abs, ranges[value.name]))
    if value.producer is not None and value.producer.kind == "DEQUANTIZE":
        return largest_of(value.producer.inputs[0])
    reader = next((op for op in value.readers if op.kind == "QUANTIZE"), None)
    return None if reader is None else largest_of(reader.outputs[0])


def largest_of(value: Value) -> float:
    """Return the largest magnitude that an integer value can hold."""
    limits = np.iinfo(value.dtype)
    return value.scale * max(limits.max - value.zero_point, value.zero_point - limits.min)
