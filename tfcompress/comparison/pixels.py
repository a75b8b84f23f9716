"""Segmentation: a class for each pixel, counted over batches.

In: scores and class numbers of a pixel each. Out: pixel accuracy and mean intersection over union, for model and file.
Knows nothing of models.
"""

from __future__ import annotations

import numpy as np

from tfcompress.comparison.labels import classes


class Pixels:
    """What was counted so far."""

    def __init__(self) -> None:
        self.same = self.count = 0
        self._confusion: list[np.ndarray] = []

    def add(self, keras: np.ndarray, file: np.ndarray, labels: np.ndarray) -> None:
        """Add one batch: scores of shape (samples, …, classes), labels of shape (samples, …) or one-hot.

        Raises:
            DataError: the labels are no class numbers, or out of range.
        """
        width = keras.shape[-1]
        one_hot = labels.shape == keras.shape and width > 1
        truth = classes(labels.reshape(-1, width) if one_hot else labels.reshape(-1), width)
        many = max(width, 2)
        chosen = [
            scores.argmax(-1).reshape(-1) if width > 1 else (scores.reshape(-1) > 0.5).astype(np.int64)
            for scores in (keras, file)
        ]
        self._confusion = self._confusion or [np.zeros((many, many), np.int64) for _ in chosen]
        for table, answers in zip(self._confusion, chosen, strict=True):
            table += np.bincount(truth * many + answers, minlength=many * many).reshape(many, many)
        self.same += int((chosen[0] == chosen[1]).sum())
        self.count += len(truth)

    def results(self) -> dict[str, tuple[float, float]]:
        """Pixel accuracy and mean intersection over union, of the model and of the file."""
        accuracy = [float(np.trace(table) / table.sum()) for table in self._confusion]
        return {"pixel accuracy": (accuracy[0], accuracy[1]), "mean IoU": tuple(map(_iou, self._confusion))}


def _iou(table: np.ndarray) -> float:
    """Mean over the classes that occur, as in labels or in answers."""
    both = np.diag(table)
    either = table.sum(axis=0) + table.sum(axis=1) - both
    return float((both[either > 0] / either[either > 0]).mean())
