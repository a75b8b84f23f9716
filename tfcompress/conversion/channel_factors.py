"""Which factors make channels use the steps of one scale alike: those with the least noise in what is read of them.

In: a float file, samples. Out: for each group of `equalize_channels` the factors of its channels, as exponents.

    noise = Σ steps of activations² · kernels² / factors²  +  Σ steps of kernels² · activations² · factors²

A factor makes the noise of a channel smaller by itself, and the steps of all channels larger once that channel has the
largest numbers of all.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np

from tfcompress.clustered_weights import clustered_scales
from tfcompress.conversion.batch_engine import BatchEngine
from tfcompress.conversion.samples import Calibration
from tfcompress.litert.graph import EditableFile, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.equalize_channels import STEPS, FactorGroup, by_channels_read, channel_groups, factors_of

LEVELS = 255
LARGEST_FACTOR = 16.0
CUT, HEADROOM = 6.0, 1.5
"""Where ReLU6 cuts, and how far below that a factor keeps what samples hold: other inputs may hold more."""
POWERS = np.linspace(0.0, 1.0, 5)
"""Of the ranges of activations and of kernels, whose products are the factors that are tried first."""


class _Channels:
    """The extremes and the mean square of each channel of an activation."""

    def __init__(self, channels: int) -> None:
        self.low, self.high, self._squares, self._rows = np.zeros(channels), np.zeros(channels), np.zeros(channels), 0
        self._lock = threading.Lock()
        self._waiting: dict[int, np.ndarray] = {}
        self._next = 0

    def add(self, number: int, array: np.ndarray) -> None:
        """Take in a batch. Threads add them in any order; sums are made in theirs, as the last digits depend on it."""
        rows = array.reshape(-1, array.shape[-1])
        low, high, squares = rows.min(axis=0), rows.max(axis=0), np.einsum("rc,rc->c", rows, rows, dtype=np.float64)
        with self._lock:
            self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
            self._rows += len(rows)
            self._waiting[number] = squares
            while self._next in self._waiting:
                self._squares = self._squares + self._waiting.pop(self._next)
                self._next += 1

    @property
    def reach(self) -> np.ndarray:
        return np.maximum(self.high, -self.low)

    @property
    def square(self) -> np.ndarray:
        return self._squares / self._rows


def channel_factors(file: EditableFile, calibration: Calibration, largest: int = 127) -> dict[str, list[int]]:
    """Return the exponents of the factors of each group that gains by them, for `equalize`.

    Args:
        file: A float file.
        calibration: The samples.
        largest: The largest integer of weights.
    """
    groups = [each for each in channel_groups(file.main) if not any(map(_is_clustered, each.readers))]
    if not groups:
        return {}
    seen = {value: _Channels(group.channels) for group in groups for value in group.values}
    engine = BatchEngine(file, [*seen], calibration)

    def take(number: int, batch: Mapping[Value, np.ndarray]) -> None:
        for value, channels in seen.items():
            channels.add(number, batch[value])

    engine.run(take, lambda _: None)
    found = {group.name: _best(group, seen, largest) for group in groups}
    return {name: exponents for name, exponents in found.items() if any(exponents)}


def _is_clustered(op: Op) -> bool:
    """Tell whether the kernel of an op has few values, which it would not have with factors."""
    places = op_spec(op.kind).weights
    return clustered_scales(op.inputs[places.kernel].data, places.channels) is not None


def _best(group: FactorGroup, seen: Mapping[Value, _Channels], largest: int) -> list[int]:
    kernels = [by_channels_read(op).astype(np.float64) for op in group.readers]
    outs = [_outs(op) for op in group.readers]
    channels = [seen[value] for value in group.values]
    squares = [seen[op.inputs[0]].square for op in group.readers]
    gains = sum((kernel**2).sum(axis=0) for kernel in kernels)

    def noise(exponents: np.ndarray) -> float:
        factors = factors_of(exponents)
        total = 0.0
        for each in channels:
            step = ((each.high * factors).max() - (each.low * factors).min()) / LEVELS
            total += step**2 * (gains / factors**2).sum()
        for kernel, square, out in zip(kernels, squares, outs, strict=True):
            if out:
                steps = np.abs(kernel / factors).reshape(out, -1).max(axis=1) / largest
                total += (steps**2).sum() * (len(kernel) / out) * (square * factors**2).sum()
        return total

    reach = np.max(
        [np.maximum(each.high, -each.low) / max(each.high.max(), -each.low.min(), 1e-30) for each in channels], axis=0
    )
    weigh = np.sqrt(gains / max(gains.max(), 1e-30))
    reach, weigh = (np.clip(each, 1 / LARGEST_FACTOR, 1.0) for each in (reach, weigh))
    room = [np.log2(CUT / HEADROOM / np.maximum(seen[value].high, 1e-9)) for value in group.cut]
    most = np.maximum(0, np.floor(STEPS * np.min([np.full(group.channels, np.inf), *room], axis=0)))
    best = np.zeros(group.channels, int)
    least = noise(best)
    for one in POWERS:
        for other in POWERS:
            tried = np.rint(STEPS * np.log2(weigh**other / reach**one)).astype(int)
            tried = np.minimum(tried - tried.min(), most).astype(int)
            if (found := noise(tried)) < least:
                best, least = tried, found
    return [int(each) for each in best]


def _outs(op: Op) -> int:
    """How many channels an op writes from those it reads; 0 where each has a scale of its own (depthwise)."""
    return 0 if op.kind == "DEPTHWISE_CONV_2D" else op.outputs[0].shape[-1]
