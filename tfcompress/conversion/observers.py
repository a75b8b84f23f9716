"""Observers: what the activations of a float file hold on samples.

In: a float .tflite, the activations to watch, samples on disk. Out: an `Observer` for each of them: extremes, values
drawn evenly, means of channels. Runs whole batches on all cores in LiteRT, where the converter's own calibration runs
one sample after the other.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tfcompress.conversion.range_estimators import Method, choose
from tfcompress.conversion.samples import Calibration
from tfcompress.cpu_cores import cores
from tfcompress.litert.graph import EditableFile, Graph, Value
from tfcompress.litert.passes.correct_biases import float_layers
from tfcompress.litert.serialization import write_graph
from tfcompress.litert.write_metadata import opened_batch

VALUES_KEPT = 1 << 16
"""Values of each tensor that are kept for "percentile" and "mse"."""

BYTES_AT_ONCE = 32 * 2**20
"""All activations of one batch together hold this many bytes at most: what leaves the cache costs twice the time."""

BYTES_OF_INTERPRETERS = 256 * 2**20
"""Weights and activations of all interpreters together hold this many bytes at most, if there are several."""

ROWS = 1024
"""Rows of channels in a batch that their means are taken of."""

VALUES_IN_CACHE = 1 << 17
"""Values of which smallest and largest are taken while they are in the cache."""


class _Batch(NamedTuple):
    """What one batch of one activation held."""

    low: float
    high: float
    means: np.ndarray | None
    rows: int


class Observer:
    """Smallest and largest value of one activation, values drawn evenly from it, and the means of its channels.

    Args:
        share: How many values to draw from each batch.
        with_means: Whether to take the means of channels.
    """

    def __init__(self, share: int, with_means: bool) -> None:
        self._share, self._with_means = share, with_means
        self._batches: dict[int, _Batch] = {}
        self._drawn: dict[int, np.ndarray] = {}

    def add(self, array: np.ndarray, number: int | None = None) -> None:
        """Take in one batch; its memory may be used again afterwards.

        Args:
            array: The values.
            number: Which batch it is; threads may add them in any order. Default: the next one.
        """
        flat = array.reshape(-1)
        low, high = _extremes(flat)
        rows = array.reshape(-1, array.shape[-1]) if self._with_means else flat
        means = rows[:: _stride(len(rows), ROWS)].mean(axis=0) if self._with_means else None
        number = len(self._batches) if number is None else number
        self._drawn[number] = flat[:: _stride(flat.size, self._share)].copy()
        self._batches[number] = _Batch(low, high, means, len(rows))

    @property
    def low(self) -> float:
        """The smallest value; NaN if any value is."""
        return float(np.min([batch.low for batch in self._ordered()]))

    @property
    def high(self) -> float:
        """The largest value; NaN if any value is."""
        return float(np.max([batch.high for batch in self._ordered()]))

    @property
    def drawn(self) -> np.ndarray:
        """The values drawn, in the order of the batches; joined, they take the place of the parts."""
        first, *others = [self._drawn[number] for number in sorted(self._drawn)]
        if others:
            self._drawn = {0: np.concatenate([first, *others])}
        return self._drawn[min(self._drawn)]

    @property
    def means(self) -> np.ndarray | None:
        """The mean of each channel, where it was asked for."""
        if not self._with_means:
            return None
        means, rows = zip(*((batch.means, batch.rows) for batch in self._ordered()), strict=True)
        return np.average(means, axis=0, weights=rows)

    def range(self, method: Method) -> tuple[float, float]:
        """Return the range that follows from what was seen."""
        return choose(method, self.low, self.high, self.drawn)

    def _ordered(self) -> list[_Batch]:
        return [self._batches[number] for number in sorted(self._batches)]


def _extremes(flat: np.ndarray) -> tuple[float, float]:
    """Return smallest and largest, both read while they are in the cache; NaN for both if any value is."""
    if flat.size <= VALUES_IN_CACHE:
        return float(flat.min(initial=np.inf)), float(flat.max(initial=-np.inf))
    starts = range(0, flat.size, VALUES_IN_CACHE)
    pairs = [_extremes(flat[start : start + VALUES_IN_CACHE]) for start in starts]
    return float(np.min(pairs)), float(np.max(pairs))


@cache
def _stride(size: int, wanted: int) -> int:
    """Return the stride that takes about so many of some values, and meets every channel, row and column alike."""
    stride = max(1, size // wanted)
    while math.gcd(stride, size) > 1:
        stride += 1
    return stride


def measure(
    file: EditableFile, waiting: list[Value], calibration: Calibration, advance: Callable[[int], None]
) -> dict[Value, Observer]:
    """Run a float file on samples and observe some of its activations.

    Args:
        file: The file; its signature calls inputs input_0, input_1, … in the order of the samples.
        waiting: The activations; constants among them are left out.
        calibration: The samples.
        advance: Called with the number of samples that were run.
    """
    graph = file.main
    activations = [value for value in waiting if not value.is_constant]
    engine = _Engine(file, activations, calibration)
    rounds = -(-calibration.count // engine.batch)
    averaged = {layer.reads for layer in float_layers(graph).values()}
    seen = {value: Observer(max(64, VALUES_KEPT // rounds), value.name in averaged) for value in activations}
    observed = [(engine.places[value], observer) for value, observer in seen.items()]
    numbers, telling = iter(range(rounds)), threading.Lock()

    def run(interpreter: Interpreter | None) -> None:
        interpreter = interpreter or engine.load(engine.batch)
        for number in numbers:  # all threads take from one iterator
            rows = calibration.rows(number * engine.batch, engine.batch)
            count = len(next(iter(rows.values())))
            if count != engine.batch:
                interpreter = engine.load(count)
            engine.fill(interpreter, rows)
            interpreter.reset_all_variables()
            interpreter.invoke()
            for place, observer in observed:
                # A view of the interpreter's memory: a copy would cost as much as reading it.
                observer.add(interpreter.tensor(place)(), number)
            with telling:
                advance(count)

    interpreters = [engine.first, *[None] * (min(engine.lanes, rounds) - 1)]
    with ThreadPoolExecutor(len(interpreters)) as pool:
        list(pool.map(run, interpreters))
    return seen


class _Engine:
    """A file whose activations are all outputs, so that the optimised kernels give them out and keep them.

    One interpreter a thread is quicker than one on all cores, whose threads wait for each other after each op; it
    takes memory for weights and activations once more, so large models have fewer.
    """

    def __init__(self, file: EditableFile, activations: list[Value], calibration: Calibration) -> None:
        graph = file.main
        self.places = {value: place for place, value in enumerate(graph.values)}
        self._indices = {name: self.places[value] for name, value in graph.signatures[0].inputs}
        self._shapes = [spec.shape[1:] for spec in calibration.specs]
        shown = _with_outputs(graph, activations)
        with opened_batch(file):
            self._content = write_graph(replace(file, graphs=[shown, *file.graphs[1:]]))
        sizes = {self.places[value]: math.prod(map(abs, value.shape)) for value in activations}
        values = [value for one in file.graphs for value in one.values]
        has_state = any(value.is_variable or value.dtype == "resource" for value in values)
        most = 1 if has_state else 32  # samples must not share a state, and resource variables cannot be resized
        held = max(1, 4 * sum(sizes.values()))
        batch = int(np.clip(BYTES_AT_ONCE // held, 1, min(most, calibration.count)))
        weight = held * batch + 2 * len(self._content)  # kernels hold the weights packed
        self.lanes = int(np.clip(BYTES_OF_INTERPRETERS // weight, 1, cores()))
        self.first, self.batch = self._first(calibration, batch, sizes)

    def load(self, batch: int) -> Interpreter:
        """Return an interpreter for a batch."""
        interpreter = Interpreter(model_content=self._content, num_threads=max(1, cores() // self.lanes))
        for position, shape in enumerate(self._shapes):
            interpreter.resize_tensor_input(self._indices[f"input_{position}"], (batch, *shape), strict=False)
        interpreter.allocate_tensors()
        return interpreter

    def fill(self, interpreter: Interpreter, rows: dict[str, np.ndarray]) -> None:
        """Give an interpreter a batch."""
        for name, index in self._indices.items():
            interpreter.set_tensor(index, rows[name])

    def _first(self, calibration: Calibration, batch: int, sizes: dict[int, int]) -> tuple[Interpreter, int]:
        """Return an interpreter for the batch, or for single samples where the graph does not keep samples apart."""
        try:
            interpreter = self.load(batch)
            self.fill(interpreter, calibration.rows(0, batch))  # whatever lies in memory may be no index of a table
            interpreter.invoke()
            apart = all(interpreter.get_tensor(index).size == batch * size for index, size in sizes.items())
        except (RuntimeError, ValueError):
            if batch == 1:
                raise
            apart = False
        return (interpreter, batch) if apart or batch == 1 else self._first(calibration, 1, sizes)


def _with_outputs(graph: Graph, activations: list[Value]) -> Graph:
    """Return a graph that gives out some of its activations as well."""
    places = {value: place for place, value in enumerate(graph.values)}
    outputs = {*graph.outputs, *activations} - {value for _, value in graph.signatures[0].inputs}
    return replace(graph, outputs=sorted(outputs, key=places.__getitem__), signatures=[])
