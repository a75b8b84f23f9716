"""A metric of the user's own, or one of Keras, for the model and for the file on the same samples.

In: a Keras metric object or a function; outputs and labels, batch by batch. Out: two numbers and their difference.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfcompress.comparison.grouped_sums import GroupedSums, RandomGroups
from tfcompress.comparison.metric_choice import is_keras_metric
from tfcompress.comparison.metric_states import MetricStates, one_number
from tfcompress.comparison.segmentation_counts import Found
from tfcompress.comparison.statistics import jackknife
from tfcompress.errors import DataError, TfcompressError

FOLDS = 20
"""A metric that needs all samples at once is computed so many times more, each time without some of them."""


class MetricPair:
    """Running totals of one metric.

    The state of a Keras metric is a sum over samples, so no batch is held. A function of (labels, outputs), and a
    metric whose state is no such sum, gets all labels and outputs at the end.

    Args:
        name: What it is called.
        metric: A Keras metric object, or a function of (labels, outputs) that returns a number.
    """

    def __init__(self, name: str, metric: Any) -> None:
        self._name, self._metric = name, metric
        self._states = MetricStates(metric) if is_keras_metric(metric) else None
        self._sums: GroupedSums | None = None
        self._batches: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, labels: np.ndarray, keras: np.ndarray, file: np.ndarray) -> None:
        """Add one batch."""
        if self._sums is None and not self._batches and self._states and self._states.adds_up(labels, keras):
            (state,) = self._states.of(labels, keras, [np.arange(len(labels))])
            self._sums = GroupedSums(len(state))
        if self._sums is None or self._states is None:
            self._batches.append((labels, keras, file))
            return
        groups, parts = zip(*self._sums.groups.split(len(labels)), strict=True)
        added = (self._states.of(labels, outputs, parts) for outputs in (keras, file))
        for group, *sides in zip(groups, *added, strict=True):
            self._sums.add(group, *sides)

    def result(self) -> Found:
        """The numbers of the model and of the file, and their paired difference."""
        return self._of_batches() if self._sums is None or self._states is None else _of_sums(self._states, self._sums)

    def _of_batches(self) -> Found:
        labels, *outputs = (np.concatenate(parts) for parts in zip(*self._batches, strict=True))
        keras, file = (self._of(labels, each) for each in outputs)
        groups = RandomGroups(FOLDS)
        folds: dict[int, list[np.ndarray]] = {}
        for start in range(0, len(labels), FOLDS):
            for group, rows in groups.split(min(FOLDS, len(labels) - start)):
                folds.setdefault(group, []).append(start + rows)
        if len(folds) < 2:
            return (keras, file), None
        left_out = []
        for group in range(len(folds)):
            rest = np.delete(np.arange(len(labels)), np.concatenate(folds[group]))
            left_out.append([self._of(labels[rest], each[rest]) for each in outputs])
        first, second = np.array(left_out).T
        sizes = np.array(groups.sizes)
        times = len(labels) / sizes
        of_group = times * (file - keras) - (times - 1) * (second - first)
        same = np.abs(of_group) <= 2e-7 * times * max(abs(keras), abs(file))  # but for the rounding of float32
        return (keras, file), jackknife(first, second, (keras, file), sizes, same)

    def _of(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        if self._states is not None:
            return self._states.result_of(labels, outputs)
        try:
            value = self._metric(labels, outputs)
        except TfcompressError:
            raise
        except Exception as error:
            raise DataError(
                f"The metric {self._name!r} must take the labels and the outputs.",
                received=f"labels of shape {labels.shape}, outputs of shape {outputs.shape}: {error!r}",
            ) from error
        return one_number(self._name, value)


def _of_sums(states: MetricStates, sums: GroupedSums) -> Found:
    left_out = [*sums.left_out()] if len(sums.sizes) > 1 else []
    sides = zip(sums.whole, *left_out, strict=True)
    (keras, *first), (file, *second) = (states.results(side) for side in sides)
    return (keras, file), jackknife(np.array(first), np.array(second), (keras, file), sums.sizes, sums.same)
