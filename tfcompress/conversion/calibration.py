"""Calibration: a float file runs on samples, and the ranges of its activations are written into it.

In: a float .tflite whose tensors await ranges, samples on disk. Out: the same file with ranges, and the mean of each
channel that a layer with weights reads. Runs whole batches on all cores in LiteRT, where the converter's own
calibration runs one sample after the other. Knows nothing of Keras or of what is quantized.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tfcompress.conversion.ranges import Method, choose
from tfcompress.conversion.samples import Calibration
from tfcompress.cores import cores
from tfcompress.errors import ConversionError
from tfcompress.flatbuffer.graph import EditableFile, Value
from tfcompress.flatbuffer.passes.correct_biases import float_layers
from tfcompress.flatbuffer.passes.tie_ranges import tie_ranges
from tfcompress.flatbuffer.rewrite import open_batch
from tfcompress.flatbuffer.serialization import write_graph

VALUES_KEPT = 1 << 16
"""Values of each tensor that are kept for "percentile" and "mse"."""

BYTES_AT_ONCE = 32 * 2**20
"""All activations of one batch together hold this many bytes at most: what leaves the cache costs twice the time."""

ROWS = 1024
"""Rows of channels in a batch that their means are taken of."""

VALUES_IN_CACHE = 1 << 17
"""Values of which smallest and largest are taken while they are in the cache."""

WIDEST_INVERSE = 32.0
"""The range of an inverse root in int16 ends at this over the root of its input's range. The kernel interpolates 256
entries of a table: below the first of them this end comes closest to the root; the largest one seen is far off."""

LEAST_RANGE = 1e-3
"""The range of what is zero on all samples: runtimes refuse an empty one."""

LEAST_SOFTMAX_RANGE = 1e-3
"""The reference kernels abort on a softmax whose input range is almost nothing, as in an untrained model."""


class _Seen:
    """Smallest and largest value of one tensor, values drawn evenly from it, and the means of its channels."""

    def __init__(self, share: int, with_means: bool) -> None:
        self.low, self.high, self.share = np.inf, -np.inf, share
        self.kept: list[np.ndarray] = []
        self._means: list[np.ndarray] | None = [] if with_means else None
        self._counts: list[int] = []

    def add(self, array: np.ndarray) -> None:
        flat = array.reshape(-1)
        for start in range(0, flat.size, VALUES_IN_CACHE):
            part = flat[start : start + VALUES_IN_CACHE]
            low, high = float(part.min()), float(part.max())
            self.low, self.high = (min(self.low, low), max(self.high, high)) if low == low else (math.nan, math.nan)
        self.kept.append(flat[:: _stride(flat.size, self.share)].copy())
        if self._means is not None:
            rows = array.reshape(-1, array.shape[-1])
            self._means.append(rows[:: _stride(len(rows), ROWS)].mean(axis=0))
            self._counts.append(len(rows))

    def range(self, method: Method) -> tuple[float, float]:
        return choose(method, self.low, self.high, np.concatenate(self.kept))

    @property
    def means(self) -> np.ndarray | None:
        return np.average(self._means, axis=0, weights=self._counts) if self._means else None


def _stride(size: int, wanted: int) -> int:
    """Return the stride that takes about so many of some values, and meets every channel, row and column alike."""
    stride = max(1, size // wanted)
    while math.gcd(stride, size) > 1:
        stride += 1
    return stride


def calibrate(
    file: EditableFile,
    calibration: Calibration,
    method: Method,
    advance: Callable[[int], None] = lambda _: None,
    fine: Callable[[str], bool] = lambda _: False,
    in_float: Callable[[str], bool] = lambda _: False,
) -> dict[str, np.ndarray]:
    """Measure every activation that awaits a range, and give it the range.

    Args:
        file: A float file as the converter gives it when asked to calibrate only.
        calibration: The samples.
        method: How a range follows from the values: see `ranges.choose`.
        advance: Called with the number of samples that were run.
        fine: Tells from a tensor's name whether it has steps enough to keep everything that was seen.
        in_float: Tells from the name of its result whether an op stays in float.

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
    seen = measure(file, waiting, calibration, advance)
    needed = {value for op in graph.ops if not in_float(op.name) for value in (*op.inputs, *op.outputs)}
    seen = {value: values for value, values in seen.items() if _is_finite(value, values, needed)}
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
            high = min(high, WIDEST_INVERSE / np.sqrt(seen[inverses[value]].high))
        if value in before_softmax and high - low < LEAST_SOFTMAX_RANGE:
            low, high = low - LEAST_SOFTMAX_RANGE / 2, high + LEAST_SOFTMAX_RANGE / 2
        value.range = (low, high) if low or high else (low, LEAST_RANGE)
    tie_ranges(graph)
    return {value.name: found for value, values in seen.items() if (found := values.means) is not None}


def _is_finite(value: Value, values: _Seen, needed: set[Value | None]) -> bool:
    """Tell whether a tensor has a range; raise if it has none and needs one."""
    finite = bool(np.isfinite([values.low, values.high]).all())
    if not finite and value in needed:
        raise ConversionError(
            "What the layers of an integer file put out must be finite on all samples.",
            received=f"from {values.low} to {values.high} in {value.name}",
            todo="Find the layer: a logarithm or a division of zero, perhaps. keep_float= leaves it and what reads it "
            "in float.",
        )
    return finite


def has_one_graph(file: EditableFile) -> bool:
    """Tell whether a file has no loops or branches, whose bodies are graphs of their own."""
    return len(file.graphs) == 1


def hides_values(file: EditableFile) -> bool:
    """Tell whether values that need a range stay inside an op, as in a fused LSTM."""
    return any(op.intermediates for op in file.main.ops)


def measure(
    file: EditableFile, waiting: list[Value], calibration: Calibration, advance: Callable[[int], None]
) -> dict[Value, _Seen]:
    """Run a float file on samples and return what was seen of the activations that wait for a range."""
    graph = file.main
    places = {value: place for place, value in enumerate(graph.values)}
    indices = {name: places[value] for name, value in graph.signatures[0].inputs}
    # Every activation becomes an output, so that the optimised kernels give it out and keep it until it is read.
    activations = [value for value in waiting if not value.is_constant]
    outputs = {*graph.outputs, *activations} - {value for _, value in graph.signatures[0].inputs}
    shown = replace(graph, outputs=sorted(outputs, key=places.__getitem__), signatures=[])
    open_model = open_batch(write_graph(replace(file, graphs=[shown, *file.graphs[1:]])))
    sizes = {places[value]: int(np.prod(np.abs(value.shape))) for value in activations}
    values = [value for one in file.graphs for value in one.values]
    has_state = any(value.is_variable or value.dtype == "resource" for value in values)
    most = 1 if has_state else 32  # samples must not share a state, and resource variables cannot be resized
    batch = int(np.clip(BYTES_AT_ONCE // max(1, 4 * sum(sizes.values())), 1, min(most, calibration.count)))
    interpreter, batch = _interpreter(open_model, indices, calibration, batch, sizes)
    rounds = -(-calibration.count // batch)
    averaged = {layer.reads for layer in float_layers(graph).values()}
    seen = {value: _Seen(max(64, VALUES_KEPT // rounds), value.name in averaged) for value in activations}
    with ThreadPoolExecutor(cores()) as pool:
        for rows in calibration.batches(batch):
            count = len(next(iter(rows.values())))
            if count != batch:
                interpreter, _ = _interpreter(open_model, indices, calibration, count, sizes)
            for name, index in indices.items():
                interpreter.set_tensor(index, rows[name])
            interpreter.reset_all_variables()
            interpreter.invoke()
            # Views of the interpreter's memory: a copy would cost as much as reading them.
            list(pool.map(lambda value: seen[value].add(interpreter.tensor(places[value])()), seen))  # noqa: B023
            advance(count)
    return seen


def _interpreter(
    content: bytes, indices: dict[str, int], calibration: Calibration, batch: int, sizes: dict[int, int]
) -> tuple[Interpreter, int]:
    """Return an interpreter for the batch, or for single samples where the graph does not keep samples apart."""
    interpreter = Interpreter(model_content=content, num_threads=cores())
    try:
        for position, spec in enumerate(calibration.specs):
            interpreter.resize_tensor_input(indices[f"input_{position}"], (batch, *spec.shape[1:]), strict=False)
        interpreter.allocate_tensors()
        for name, rows in next(calibration.batches(batch)).items():
            interpreter.set_tensor(indices[name], rows)  # whatever lies in memory may be no index of a table
        interpreter.invoke()
        apart = all(interpreter.get_tensor(index).size == batch * size for index, size in sizes.items())
    except (RuntimeError, ValueError):
        if batch == 1:
            raise
        apart = False
    if not apart and batch > 1:
        return _interpreter(content, indices, calibration, 1, sizes)
    return interpreter, batch
