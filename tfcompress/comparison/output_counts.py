"""What is counted of one output: classes chosen, metrics, pixels.

In: one output of the model and of the file, batch by batch, and labels. Out: `Score`s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tfcompress.comparison.classification_counts import TOP, ClassificationCounts, Flip
from tfcompress.comparison.kept_outputs import KeptValues, MaskPair, OutputValues
from tfcompress.comparison.labels import classes
from tfcompress.comparison.limits import ACCURACY
from tfcompress.comparison.metric_choice import Measured
from tfcompress.comparison.metric_score import Score, judge
from tfcompress.comparison.metrics import MetricPair
from tfcompress.comparison.segmentation_counts import Found, SegmentationCounts
from tfcompress.comparison.statistics import accuracy_difference, mcnemar
from tfcompress.errors import DataError


class OutputTally:
    """Running totals of one comparison.

    Args:
        name: What the output is called in scores; None: the only one.
        output: Its first batch, for the shape.
        measured: The metrics; without any, only classes that are chosen are compared.
    """

    def __init__(self, name: str | None, output: np.ndarray, measured: Sequence[Measured]) -> None:
        self._name, self._measured = name, measured
        self._width = int(np.prod(output.shape[1:]))
        self._shape = output.shape[1:]
        self._one_row = output.ndim <= 2 or self._width == output.shape[-1]
        self._pairs = {one.name: MetricPair(one.name, one.metric) for one in measured if not one.is_own}
        own = {one.name for one in measured if one.is_own}
        self._by_accuracy = ACCURACY in own and self._one_row
        self._segmentation = SegmentationCounts() if own and not (own == {ACCURACY} and self._one_row) else None
        # By threshold of an output of one value: 0.5 for probabilities, 0 for logits. Which one it is shows only
        # when all outputs were seen.
        self._choices = {threshold: ClassificationCounts(threshold) for threshold in (0.5, 0.0)}
        self._all_probabilities = True
        self._low, self._high = np.inf, -np.inf
        self._samples = 0
        self._values = KeptValues()

    def require_labels(self, labels: np.ndarray, every: np.ndarray | None) -> None:
        """Check the labels of the first batch, and of all where they are known: now, not after the whole run.

        Raises:
            DataError: they do not fit the output.
        """
        if not (self._by_accuracy or self._segmentation):
            return
        per_pixel = labels.shape[1:] in (self._shape[:-1], (*self._shape[:-1], 1), self._shape)
        if not self._one_row and not per_pixel:
            raise DataError(
                "Accuracy needs one row of scores for each label.",
                received=f"outputs of shape {self._shape} and labels of shape {labels.shape[1:]} for each sample",
                hint="Pass a class number for each pixel, or other metrics, or leave y out: outputs are then compared "
                "by error.",
            )
        if every is not None and self._one_row:
            classes(every, self._width)

    def add(self, keras: np.ndarray, file: np.ndarray, labels: np.ndarray | None) -> None:
        """Add one batch."""
        self._samples += len(keras)
        if not (self._by_accuracy or self._segmentation):
            self._values.add(keras, file)
        if labels is not None:
            for pair in self._pairs.values():
                pair.add(labels, keras, file)
            if self._segmentation:
                self._segmentation.add(keras, file, labels)
        if self._one_row:
            counted = self._by_accuracy and labels is not None
            self._choose(keras, file, classes(labels, self._width) if counted else None)

    def _choose(self, keras: np.ndarray, file: np.ndarray, truth: np.ndarray | None) -> None:
        flat = keras.reshape(len(keras), -1).astype(np.float64)
        self._low, self._high = min(self._low, flat.min()), max(self._high, flat.max())
        sums_to_1 = self._width > 1 and bool((flat >= 0).all()) and np.allclose(flat.sum(axis=1), 1, atol=1e-3)
        self._all_probabilities = self._all_probabilities and bool(sums_to_1)
        for choices in self._choices.values():
            choices.add(keras, file, truth)

    @property
    def _chosen(self) -> ClassificationCounts:
        return self._choices[0.0 if self._low < 0 or self._high > 1 else 0.5]

    @property
    def has_classes(self) -> bool:
        """Whether each sample is put into a class."""
        return self._one_row and (self._chosen.labelled > 0 or self._all_probabilities)

    @property
    def agreement(self) -> float | None:
        """Share of samples, or pixels, of one class in both; None where outputs are no classes."""
        if self._segmentation and not self._one_row:
            return self._segmentation.agreement
        return self._chosen.same / max(1, self._chosen.samples) if self.has_classes else None

    @property
    def top5_agreement(self) -> float | None:
        """Share of samples whose class by the model is among the five that the file scores highest."""
        return self._chosen.in_top / self._chosen.samples if self.has_classes and self._width > TOP else None

    @property
    def values(self) -> OutputValues | None:
        """Some values of model and file; None where they are scores of classes."""
        return None if self._by_accuracy or self._segmentation or self.has_classes else self._values.values()

    @property
    def masks(self) -> tuple[MaskPair, ...]:
        """Of a segmentation, the images in which model and file differ in most pixels."""
        return self._segmentation.masks if self._segmentation else ()

    @property
    def flips(self) -> tuple[Flip, ...]:
        """The samples in which the file chose another class."""
        return tuple(self._chosen.flips) if self.has_classes else ()

    @property
    def mcnemar_p(self) -> float | None:
        """By McNemar's exact test, how probable so uneven a split is; None without labels."""
        return mcnemar(*self._chosen.disagreements) if self._chosen.labelled else None

    def scores(self, alike: bool) -> Iterator[Score]:
        """Yield what each metric found.

        Args:
            alike: Whether the outputs differ by the rounding of floats alone.
        """
        measured = {one.name: one for one in self._measured}
        found: dict[str, Found] = {}
        if self._by_accuracy:
            choices = self._chosen
            found[ACCURACY] = choices.accuracies, accuracy_difference(*choices.disagreements, choices.labelled)
        if self._segmentation:
            names = {"pixel accuracy": ACCURACY, "mean IoU": "mean IoU"}
            for name, result in self._segmentation.results().items():
                if not self._one_row or name == "mean IoU":
                    found[name] = result
                    measured.setdefault(name, measured.get(names[name], Measured(name)))
        found |= {name: pair.result() for name, pair in self._pairs.items()}
        for name, (values, paired) in found.items():
            yield judge(
                name if self._name is None else f"{self._name}/{name}",
                values,
                paired,
                samples=self._samples,
                limit=measured[name].limit,
                higher_is_better=True if measured[name].is_own else measured[name].higher_is_better,
                alike=alike,
                in_points=name in (ACCURACY, "pixel accuracy"),
            )
