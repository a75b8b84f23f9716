"""Observers: what the activations of a float file hold on samples.

In: a float .tflite, the activations to watch, samples on disk. Out: an `Observer` for each of them: extremes, values
drawn evenly, means of channels. Whole batches run on all cores, where the converter's own calibration runs one sample
after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

from tfcompress.conversion.batch_engine import BatchEngine
from tfcompress.conversion.range_estimators import Method, choose
from tfcompress.conversion.samples import Calibration
from tfcompress.litert.graph import EditableFile, Value
from tfcompress.litert.passes.correct_biases import float_layers

VALUES_KEPT = 1 << 16
"""Values of each tensor that are kept for "percentile" and "mse"."""

ROWS = 1024
"""Rows of channels in a batch that their means are taken of."""

VALUES_IN_CACHE = 1 << 17
"""Values of which smallest and largest are taken while they are in the cache."""


GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it fill the numbers from 0 to 1 evenly, however many there are."""


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
        number = len(self._batches) if number is None else number
        means = _spread(rows, ROWS, number).mean(axis=0) if self._with_means else None
        self._drawn[number] = _spread(flat, self._share, number).copy()
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


def _spread(array: np.ndarray, wanted: int, number: int) -> np.ndarray:
    """Return about so many rows of a batch; batches begin at different ones, or all would tell of the same channels."""
    stride = _stride(len(array), wanted)
    return array[int(number * GOLDEN % 1 * min(stride, len(array))) :: stride]


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
    activations = [value for value in waiting if not value.is_constant]
    engine = BatchEngine(file, activations, calibration)
    averaged = {layer.reads for layer in float_layers(file.main).values()}
    share = max(64, VALUES_KEPT // engine.rounds)
    seen = {value: Observer(share, value.name in averaged) for value in activations}

    def take(number: int, batch: Mapping[Value, np.ndarray]) -> None:
        for value, observer in seen.items():
            observer.add(batch[value], number)

    engine.run(take, advance)
    return seen
