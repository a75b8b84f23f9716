"""The few outputs that a comparison keeps to be looked at: values of a regression, masks of a segmentation.

In: outputs batch by batch. Out: `OutputValues` and `MaskPair`s, bounded whatever the number of samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_VALUES = 1024
MAX_MASKS = 4
MAX_MASK_SIDE = 256
"""Pixels a side; of larger masks every second, third, … row and column is kept."""


@dataclass(frozen=True, eq=False)
class OutputValues:
    """Values of one output, spread evenly over all samples: by the model and by the file, in the same order."""

    keras: np.ndarray
    file: np.ndarray


@dataclass(frozen=True, eq=False)
class MaskPair:
    """The class of each pixel of one sample, as arrays of shape (height, width)."""

    sample: int
    label: np.ndarray
    keras: np.ndarray
    file: np.ndarray
    differing: float
    """The share of pixels that model and file put into different classes."""

    def to_dict(self) -> dict[str, Any]:
        """The facts without the pixels."""
        return {"sample": self.sample, "differing": self.differing}


class KeptValues:
    """An even selection of the values of one output: every one at first, every second when there are too many, …."""

    def __init__(self) -> None:
        self._keras, self._file = np.empty(0), np.empty(0)
        self._step, self._next = 1, 0

    def add(self, keras: np.ndarray, file: np.ndarray) -> None:
        """Add one batch."""
        while len(self._keras) + -(-(keras.size - self._next) // self._step) > MAX_VALUES:
            if len(self._keras) % 2:
                self._next += self._step
            self._keras, self._file = self._keras[::2], self._file[::2]
            self._step *= 2
        chosen = slice(self._next, None, self._step)
        self._keras = np.append(self._keras, keras.reshape(-1)[chosen])
        self._file = np.append(self._file, file.reshape(-1)[chosen])
        self._next = (self._next - keras.size) % self._step

    def values(self) -> OutputValues:
        """Return what was kept."""
        return OutputValues(self._keras, self._file)


class KeptMasks:
    """The samples in which model and file differ in most pixels."""

    def __init__(self) -> None:
        self._samples = 0
        self.pairs: list[MaskPair] = []
        """Most pixels first."""

    def add(self, labels: np.ndarray, keras: np.ndarray, file: np.ndarray) -> None:
        """Add the classes of one batch, each of shape (samples, height, width)."""
        differing = (keras != file).mean(axis=(1, 2))
        for row in np.argsort(-differing, kind="stable")[:MAX_MASKS]:
            label, model, ours = (_thinned(classes[row]) for classes in (labels, keras, file))
            self.pairs.append(MaskPair(self._samples + int(row), label, model, ours, float(differing[row])))
        self._samples += len(keras)
        self.pairs = sorted(self.pairs, key=lambda pair: (-pair.differing, pair.sample))[:MAX_MASKS]


def _thinned(mask: np.ndarray) -> np.ndarray:
    step = -(-max(mask.shape) // MAX_MASK_SIDE)
    return mask[::step, ::step].astype(np.uint16)
