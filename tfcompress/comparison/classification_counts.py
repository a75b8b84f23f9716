"""The classes that a model and its file choose, and which of them are right, counted over batches.

In: rows of scores, class numbers. Out: counts, and the samples in which the two chose otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfcompress.comparison.labels import predicted

TOP = 5


class Flip(NamedTuple):
    """A sample in which the file chose another class than the model."""

    sample: int
    keras: int
    file: int
    label: int | None


class ClassificationCounts:
    """Running counts for one threshold of an output of one value.

    Args:
        threshold: Above it class 1 is chosen; outputs of several values choose the largest.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self.samples = self.same = self.in_top = self.labelled = 0
        self.right = np.zeros((2, 2), np.int64)
        """[Keras right, file right]"""
        self.flips: list[Flip] = []

    def add(self, keras: np.ndarray, file: np.ndarray, truth: np.ndarray | None) -> None:
        """Add the scores of one batch, each of shape (samples, classes)."""
        first, second = predicted(keras, self._threshold), predicted(file, self._threshold)
        same = first == second
        self.same += int(same.sum())
        for row in np.flatnonzero(~same):
            label = None if truth is None else int(truth[row])
            self.flips.append(Flip(self.samples + int(row), int(first[row]), int(second[row]), label))
        scores = file.reshape(len(file), -1)
        if scores.shape[1] > TOP:
            # The rank of a class is the number of classes above it: ties count for it.
            chosen = scores[np.arange(len(scores)), first]
            self.in_top += int(((scores > chosen[:, np.newaxis]).sum(axis=1) < TOP).sum())
        self.samples += len(first)
        if truth is not None:
            np.add.at(self.right, ((first == truth).astype(int), (second == truth).astype(int)), 1)
            self.labelled += len(truth)

    @property
    def disagreements(self) -> tuple[int, int]:
        """How many samples only the model got right, and how many only the file."""
        return int(self.right[1, 0]), int(self.right[0, 1])

    @property
    def accuracies(self) -> tuple[float, float]:
        """Accuracy of the model and of the file; there must be labels."""
        return float(self.right[1].sum() / self.labelled), float(self.right[:, 1].sum() / self.labelled)
