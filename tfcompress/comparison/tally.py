"""Counts and sums over batches, so that no batch has to be kept.

In: the outputs of a model and of its file, batch by batch, and labels. Out: a `Comparison`.
Knows nothing of how the outputs were computed.
"""

from __future__ import annotations

import numpy as np

from tfcompress.comparison.labels import classes, predicted
from tfcompress.comparison.pairing import pair_names
from tfcompress.comparison.result import Comparison
from tfcompress.comparison.statistics import paired_interval
from tfcompress.errors import DataError
from tfcompress.runtime.runner import Runner


class Tally:
    """What was counted so far."""

    def __init__(self, runner: Runner, scored: str | None) -> None:
        self.runner, self.scored = runner, scored
        self.samples = self.labelled = self.values = 0
        # By threshold of an output of one value: 0.5 for probabilities, 0 for logits. Which one it is shows only
        # when all outputs were seen. [Keras right, file right]
        self.right = {threshold: np.zeros((2, 2), np.int64) for threshold in (0.5, 0.0)}
        self.same = dict.fromkeys(self.right, 0)
        self.max_error = self.sum_error = 0.0
        self.low, self.high = np.inf, -np.inf
        self.names: dict[str, str] = {}
        self.one_row = self.all_probabilities = True
        self.scored_low, self.scored_high = np.inf, -np.inf

    def add(
        self,
        keras: dict[str, np.ndarray],
        ours: dict[str, np.ndarray],
        labels: np.ndarray | None,
        all_labels: np.ndarray | None,
    ) -> None:
        if not self.names:
            self._begin(keras, ours, labels, all_labels)
        for name, reference in keras.items():
            self._errors(name, reference, ours[self.names[name]])
        name = self.scored or next(iter(keras))
        first, second = keras[name], ours[self.names[name]]
        flat = first.reshape(len(first), -1).astype(np.float64)
        self.scored_low, self.scored_high = min(self.scored_low, flat.min()), max(self.scored_high, flat.max())
        sums_to_1 = flat.shape[1] > 1 and bool((flat >= 0).all()) and np.allclose(flat.sum(axis=1), 1, atol=1e-3)
        self.all_probabilities = self.all_probabilities and bool(sums_to_1)
        truth = None if labels is None else classes(labels, flat.shape[1])
        if self.one_row:
            for threshold, right in self.right.items():
                answers = predicted(first, threshold), predicted(second, threshold)
                self.same[threshold] += int((answers[0] == answers[1]).sum())
                if truth is not None:
                    hits = (answers[0] == truth).astype(int), (answers[1] == truth).astype(int)
                    np.add.at(right, hits, 1)
        self.labelled += 0 if truth is None else len(truth)
        self.samples += len(first)

    def _begin(
        self,
        keras: dict[str, np.ndarray],
        ours: dict[str, np.ndarray],
        labels: np.ndarray | None,
        all_labels: np.ndarray | None,
    ) -> None:
        self.names = pair_names("outputs", list(keras), list(ours))
        if self.scored is None and len(keras) > 1 and labels is not None:
            raise DataError(
                "For a model of several outputs y must name the one to score.",
                received="labels without a name",
                todo=f"Pass y={{name: labels}} with one of {sorted(keras)}.",
            )
        if self.scored is not None and self.scored not in keras:
            raise DataError(
                "y must name an output of the model.", received=self.scored, todo=f"One of {sorted(keras)}."
            )
        output = keras[self.scored or next(iter(keras))]
        width = int(np.prod(output.shape[1:]))
        self.one_row = output.ndim <= 2 or width == output.shape[-1]
        if labels is not None and not self.one_row:
            raise DataError(
                "Accuracy needs one row of scores for each sample.",
                received=f"an output of shape {output.shape[1:]} for each sample",
                todo="Leave y out: the outputs are then compared by error.",
            )
        if all_labels is not None:
            classes(all_labels, width)  # a wrong label in the last row is told now, not after the whole run

    def _errors(self, name: str, reference: np.ndarray, ours: np.ndarray) -> None:
        if reference.shape != ours.shape:
            raise DataError(
                f"The output {name!r} must have the same shape in the model and in the file.",
                received=f"{reference.shape[1:]} and {ours.shape[1:]}",
                todo="Compare a file with the model that it was made of.",
            )
        for who, array in (("Keras model", reference), ("file", ours)):
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                row = self.samples + int(np.argwhere(~np.isfinite(array.reshape(len(array), -1)))[0, 0])
                raise DataError(f"The outputs of the {who} must be finite.", received=f"{name!r} in sample {row}")
        error = np.abs(reference.astype(np.float64) - ours.astype(np.float64))
        self.max_error = max(self.max_error, float(error.max(initial=0)))
        self.sum_error += float(error.sum())
        self.values += error.size
        self.low, self.high = min(self.low, float(reference.min())), max(self.high, float(reference.max()))

    def result(self, limit: float | None) -> Comparison:
        logits = self.scored_low < 0 or self.scored_high > 1
        threshold = 0.0 if logits else 0.5
        n, right = self.labelled, self.right[threshold]
        has_classes = self.one_row and (n > 0 or self.all_probabilities)
        return Comparison(
            tflite=self.runner.tflite,
            runtime=self.runner.runtime,
            samples=self.samples,
            max_error=self.max_error,
            mean_error=self.sum_error / max(1, self.values),
            output_range=self.high - self.low,
            agreement=self.same[threshold] / self.samples if has_classes else None,
            keras_accuracy=float(right[1].sum() / n) if n else None,
            tflite_accuracy=float(right[:, 1].sum() / n) if n else None,
            difference_interval=paired_interval(int(right[1, 0]), int(right[0, 1]), n) if n else None,
            max_accuracy_drop=limit,
        )
