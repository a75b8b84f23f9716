"""Calibration: a float file runs on samples, and the ranges of its activations are written into it.

In: a float .tflite whose tensors await ranges, samples on disk. Out: the same file with ranges, and the mean of each
channel that a layer with weights reads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from tfcompress.conversion.observers import Observer, measure
from tfcompress.conversion.range_estimators import Method
from tfcompress.conversion.samples import Calibration
from tfcompress.errors import ConversionError
from tfcompress.layers.quantizer import WIDEST_INVERSE
from tfcompress.litert.graph import EditableFile, Value

MIN_RANGE = 1e-3
"""The range of what is zero on all samples: runtimes refuse an empty one."""

MIN_SOFTMAX_RANGE = 1e-3
"""The reference kernels abort on a softmax whose input range is almost nothing, as in an untrained model."""


def calibrate(
    file: EditableFile,
    calibration: Calibration,
    method: Method,
    advance: Callable[[int], None] = lambda _: None,
    fine: Callable[[str], bool] = lambda _: False,
    in_float: Callable[[str], bool] = lambda _: False,
    only: Collection[Value] | None = None,
    drawn: dict[Value, np.ndarray] | None = None,
    layer: Callable[[str], str] = str,
) -> dict[str, np.ndarray]:
    """Measure every activation that awaits a range, and give it the range.

    Args:
        file: A float file as the converter gives it when asked to calibrate only.
        calibration: The samples.
        method: How a range follows from the values: see `ranges.choose`.
        advance: Called with the number of samples that were run.
        fine: Tells from a tensor's name whether it has steps enough to keep everything that was seen.
        in_float: Tells from the name of its result whether an op stays in float.
        only: The values to measure; default: all that await a range.
        drawn: Takes some of the numbers of each value, drawn evenly.
        layer: Names the layer of an activation, for messages.

    Returns:
        By tensor name the means of the channels that layers with weights read.

    Raises:
        ConversionError: an activation is infinite or NaN.
    """
    graph = file.main
    hidden = {value for op in graph.ops for value in op.intermediates}
    waiting = [
        value for value in graph.values if value.range is not None and value not in hidden and not value.is_variable
    ]
    waiting = waiting if only is None else [value for value in waiting if value in only]
    seen = measure(file, waiting, calibration, advance)
    needed = {value for op in graph.ops if not in_float(op.name) for value in (*op.inputs, *op.outputs)}
    seen = {value: values for value, values in seen.items() if _is_finite(value, values, needed, layer)}
    if drawn is not None:
        drawn |= {value: values.drawn for value, values in seen.items()}
    ends = {*graph.inputs, *graph.outputs}
    before_softmax = {op.inputs[0] for op in graph.ops if op.kind == "SOFTMAX"}
    inverses = {op.outputs[0]: op.inputs[0] for op in graph.ops if op.kind == "RSQRT"}
    named = [*graph.signatures[0].inputs, *graph.signatures[0].outputs]
    all_samples = {value: calibration.ends[name] for name, value in named if name in calibration.ends}
    for value, values in seen.items():
        whole = value in ends or fine(value.name)  # what the user sees is not clipped
        low, high = values.range("minmax" if whole else method)
        if value in all_samples:
            low, high = min(low, all_samples[value][0]), max(high, all_samples[value][1])
        if whole and value in inverses:
            read = inverses[value]
            high = min(high, WIDEST_INVERSE / np.sqrt(seen[read].high if read in seen else read.range[1]))
        if value in before_softmax and high - low < MIN_SOFTMAX_RANGE:
            low, high = low - MIN_SOFTMAX_RANGE / 2, high + MIN_SOFTMAX_RANGE / 2
        value.range = (low, high) if low or high else (low, MIN_RANGE)
    return {value.name: found for value, values in seen.items() if (found := values.means) is not None}


def _is_finite(value: Value, values: Observer, needed: set[Value | None], layer: Callable[[str], str]) -> bool:
    """Tell whether a tensor has a range; raise if it has none and needs one."""
    finite = bool(np.isfinite([values.low, values.high]).all())
    if not finite and value in needed:
        raise ConversionError(
            "What the layers of an integer file put out must be finite on all samples.",
            received=f"from {values.low} to {values.high} in {layer(value.name)}",
            hint="It takes a logarithm or divides by zero, perhaps. keep_float= leaves it and what reads it in float.",
        )
    return finite


def await_ranges(file: EditableFile) -> None:
    """Have every float activation of a file wait for a range."""
    graph = file.main
    for value in (*graph.inputs, *(value for op in graph.ops for value in (*op.inputs, *op.outputs))):
        if value is not None and value.dtype == "float32" and not value.is_constant and not value.is_variable:
            value.range = (0.0, 0.0)


def has_one_graph(file: EditableFile) -> bool:
    """Tell whether a file has no loops or branches, whose bodies are graphs of their own."""
    return len(file.graphs) == 1


def hides_values(file: EditableFile) -> bool:
    """Tell whether values that need a range stay inside an op, as in a fused LSTM."""
    return any(op.intermediates for op in file.main.ops)
