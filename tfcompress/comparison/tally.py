"""Everything that is counted over batches, so that no batch has to be kept.

In: the outputs of a model and of its file, batch by batch, and labels. Out: a `Comparison`.
Knows nothing of how the outputs were computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfcompress.comparison.choices import TOP, Choices
from tfcompress.comparison.differences import Differences
from tfcompress.comparison.labels import classes
from tfcompress.comparison.metrics import Metrics
from tfcompress.comparison.pairing import pair_names
from tfcompress.comparison.pixels import Pixels
from tfcompress.comparison.result import Comparison
from tfcompress.comparison.statistics import mcnemar, paired_interval
from tfcompress.errors import DataError
from tfcompress.runtime.runner import Runner

Outputs = dict[str, np.ndarray]


class Tally:
    """What was counted so far.

    Args:
        runner: What ran the file.
        scored: The name of the output that labels are for; None: the only one.
        metrics: Metrics of the user's own.
    """

    def __init__(self, runner: Runner, scored: str | None, metrics: Any = None) -> None:
        self.runner, self.scored = runner, scored
        self.differences, self.metrics, self.pixels = Differences(), Metrics(metrics), Pixels()
        # By threshold of an output of one value: 0.5 for probabilities, 0 for logits. Which one it is shows only
        # when all outputs were seen.
        self.choices = {threshold: Choices(threshold) for threshold in (0.5, 0.0)}
        self.names: dict[str, str] = {}
        self.one_row = self.all_probabilities = True
        self.labelled, self.width = 0, 1
        self.low, self.high = np.inf, -np.inf

    @property
    def samples(self) -> int:
        """How many samples there were so far."""
        return self.differences.samples

    def add(self, keras: Outputs, ours: Outputs, labels: np.ndarray | None, all_labels: np.ndarray | None) -> None:
        """Add one batch; `all_labels` are checked with the first one."""
        if not self.names:
            self._begin(keras, ours, labels, all_labels)
        for name, reference in keras.items():
            self.differences.add(name, reference, ours[self.names[name]])
        name = self.scored or next(iter(keras))
        first, second = keras[name], ours[self.names[name]]
        self.differences.samples += len(first)
        if labels is not None:
            self.labelled += len(labels)
            self.metrics.add(labels, first, second)
        if self.one_row:
            self._choose(first, second, None if labels is None or self.metrics else classes(labels, self.width))
        elif labels is not None and not self.metrics:
            self.pixels.add(first, second, labels)

    def _choose(self, first: np.ndarray, second: np.ndarray, truth: np.ndarray | None) -> None:
        flat = first.reshape(len(first), -1).astype(np.float64)
        self.low, self.high = min(self.low, flat.min()), max(self.high, flat.max())
        sums_to_1 = self.width > 1 and bool((flat >= 0).all()) and np.allclose(flat.sum(axis=1), 1, atol=1e-3)
        self.all_probabilities = self.all_probabilities and bool(sums_to_1)
        for choices in self.choices.values():
            choices.add(first, second, truth)

    def _begin(self, keras: Outputs, ours: Outputs, labels: np.ndarray | None, all_labels: np.ndarray | None) -> None:
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
        self.width = int(np.prod(output.shape[1:]))
        self.one_row = output.ndim <= 2 or self.width == output.shape[-1]
        if labels is None or self.metrics:
            return
        per_pixel = labels.shape[1:] in (output.shape[1:-1], (*output.shape[1:-1], 1), output.shape[1:])
        if not self.one_row and not per_pixel:
            raise DataError(
                "Accuracy needs one row of scores for each label.",
                received=f"outputs of shape {output.shape[1:]} and labels of shape {labels.shape[1:]} for each sample",
                todo="Pass a class number for each pixel, or leave y out: outputs are then compared by error.",
            )
        if all_labels is not None and self.one_row:
            classes(all_labels, self.width)  # a wrong label in the last row is told now, not after the whole run

    def result(self, limit: float | None) -> Comparison:
        """Return what was found."""
        choices = self.choices[0.0 if self.low < 0 or self.high > 1 else 0.5]
        n, right, differences = choices.labelled, choices.right, self.differences
        only_keras, only_file = int(right[1, 0]), int(right[0, 1])
        has_classes = self.one_row and (n > 0 or self.all_probabilities)
        agreement = choices.same / max(1, choices.samples) if has_classes else None
        pixels = self.pixels.results() if self.pixels.count else {}
        return Comparison(
            tflite=self.runner.tflite,
            runtime=self.runner.runtime,
            samples=self.samples,
            max_error=differences.largest,
            mean_error=differences.mean,
            output_range=differences.high - differences.low,
            output_errors=differences.by_output,
            agreement=self.pixels.same / self.pixels.count if pixels else agreement,
            top5_agreement=choices.in_top / choices.samples if has_classes and self.width > TOP else None,
            flips=tuple(choices.flips) if has_classes else (),
            keras_accuracy=float(right[1].sum() / n) if n else None,
            tflite_accuracy=float(right[:, 1].sum() / n) if n else None,
            difference_interval=paired_interval(only_keras, only_file, n) if n else None,
            mcnemar_p=mcnemar(only_keras, only_file) if n else None,
            metrics=pixels | (self.metrics.results() if self.labelled else {}),
            max_accuracy_drop=limit,
        )
