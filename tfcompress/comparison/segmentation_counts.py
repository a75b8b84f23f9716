"""Segmentation: a class for each pixel, counted over batches.

In: scores and class numbers of a pixel each. Out: pixel accuracy and mean intersection over union, for model and file.
"""

from __future__ import annotations

import numpy as np

from tfcompress.comparison.grouped_sums import GroupedSums
from tfcompress.comparison.kept_outputs import KeptMasks, MaskPair
from tfcompress.comparison.labels import classes
from tfcompress.comparison.statistics import PairedDifference, jackknife

Found = tuple[tuple[float, float], PairedDifference | None]
"""A metric of the model and of the file, and their paired difference."""


class SegmentationCounts:
    """The confusion tables of model and file, by groups of images."""

    def __init__(self) -> None:
        self.same = {0.5: 0, 0.0: 0}
        """By threshold of an output of one value, the pixels of one class in both: 0.5 is for probabilities, 0 for
        logits, and which one it is shows only when all outputs were seen."""
        self.pixels = self._classes = 0
        self._tables: dict[float, GroupedSums] = {}
        self._masks = {threshold: KeptMasks() for threshold in self.same}
        self._low, self._high, self._width = np.inf, -np.inf, 1

    def add(self, keras: np.ndarray, file: np.ndarray, labels: np.ndarray) -> None:
        """Add one batch: scores of shape (samples, …, classes), labels of shape (samples, …) or one-hot.

        Raises:
            DataError: the labels are no class numbers, or out of range.
        """
        self._width = width = keras.shape[-1]
        many = self._classes = max(width, 2)
        one_hot = labels.shape == keras.shape and width > 1
        truth = classes(labels.reshape(-1, width) if one_hot else labels.reshape(-1), width).reshape(len(labels), -1)
        self._tables = self._tables or {threshold: GroupedSums(many * many) for threshold in self.same}
        self._low, self._high = min(self._low, keras.min()), max(self._high, keras.max())
        self.pixels += truth.size
        for threshold, tables in self._tables.items():
            first, second = (_chosen(scores, threshold) for scores in (keras, file))
            self.same[threshold] += int((first == second).sum())
            if keras.ndim == 4:
                self._masks[threshold].add(*(each.reshape(keras.shape[:3]) for each in (truth, first, second)))
            for group, rows in tables.groups.split(len(labels)):
                counts = (
                    np.bincount((truth[rows] * many + chosen[rows]).reshape(-1), minlength=many * many)
                    for chosen in (first, second)
                )
                tables.add(group, *counts)
            if width > 1:
                self._tables = {threshold: tables}  # the largest score needs no threshold
                break

    @property
    def threshold(self) -> float:
        """Above it an output of one value is class 1."""
        if self._width > 1:
            return next(iter(self._tables))
        return 0.0 if self._low < 0 or self._high > 1 else 0.5

    @property
    def agreement(self) -> float:
        """The share of pixels that model and file put into one class."""
        return self.same[self.threshold] / self.pixels

    @property
    def masks(self) -> tuple[MaskPair, ...]:
        """The images in which model and file differ in most pixels; none where samples are no images."""
        return tuple(self._masks[self.threshold].pairs)

    def results(self) -> dict[str, Found]:
        """Pixel accuracy and mean intersection over union."""
        tables = self._tables[self.threshold]
        left_out = [*tables.left_out()] if len(tables.sizes) > 1 else []
        found = {}
        for name, metric in (("pixel accuracy", self._accuracy), ("mean IoU", self._iou)):
            keras, file = map(metric, tables.whole)
            first, second = (np.array([metric(both[side]) for both in left_out]) for side in (0, 1))
            paired = jackknife(first, second, (keras, file), tables.sizes, tables.same)
            found[name] = ((keras, file), paired)
        return found

    def _accuracy(self, counts: np.ndarray) -> float:
        return float(np.trace(counts.reshape(self._classes, -1)) / counts.sum())

    def _iou(self, counts: np.ndarray) -> float:
        """Mean over the classes that occur, in labels or in answers."""
        table = counts.reshape(self._classes, -1)
        both = np.diag(table)
        either = table.sum(axis=0) + table.sum(axis=1) - both
        return float((both[either > 0] / either[either > 0]).mean())


def _chosen(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return the class of each pixel, of shape (samples, pixels)."""
    chosen = scores.argmax(-1) if scores.shape[-1] > 1 else scores[..., 0] > threshold
    return chosen.reshape(len(scores), -1).astype(np.int64)
