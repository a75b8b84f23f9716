"""A Keras metric object of either Kerases, used as a calculator: what samples add to its state, and its result.

In: labels and outputs. Out: numbers. The state that the user's object had before is given back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tfcompress.errors import DataError


class MetricStates:
    """A metric whose states are taken out of it and put back.

    Args:
        metric: A Keras metric object.
    """

    def __init__(self, metric: Any) -> None:
        self._metric = metric

    def of(self, labels: np.ndarray, outputs: np.ndarray, parts: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return what some samples add to the state, a vector for each part.

        Args:
            labels: Of a batch.
            outputs: Of the same batch.
            parts: Rows of the batch.
        """
        found = []
        with self._kept():
            before = self._state()
            for rows in parts:
                self._update(labels[rows], outputs[rows])
                after = self._state()
                # Some variables are made by the first samples, from zeros.
                found.append(after - before if len(before) == len(after) else after)
                before = after
        return found

    def result_of(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        """Return the metric of some samples."""
        with self._kept():
            self._update(labels, outputs)
            return self._result()

    def results(self, states: Iterable[np.ndarray]) -> list[float]:
        """Return the metric for each state, given as what it has gone by from where it begins."""
        found = []
        with self._kept():
            begin = [np.array(variable) for variable in self._variables()]
            for state in states:
                start = 0
                for variable, value in zip(self._variables(), begin, strict=True):
                    whole = value + state[start : start + value.size].reshape(value.shape)
                    variable.assign((np.rint(whole) if value.dtype.kind in "iu" else whole).astype(value.dtype))
                    start += value.size
                found.append(self._result())
        return found

    def adds_up(self, labels: np.ndarray, outputs: np.ndarray) -> bool:
        """Tell whether the state is in variables, and that of all samples the sum of those of some samples each.

        It is in every metric of Keras. It is not in one that keeps the largest error, for instance.
        """
        rows = np.arange(len(labels))
        (whole,) = self.of(labels, outputs, [rows])
        if not len(whole):
            return False
        try:
            if not np.isclose(self.results([whole])[0], self.result_of(labels, outputs), rtol=1e-4):
                return False
        except DataError:  # some metrics are no number for so few samples
            return False
        halves = self.of(labels, outputs, [part for part in np.array_split(rows, 2) if len(part)])
        again = self.of(labels, outputs, [rows, rows])[1]
        return all(_close(whole, other) for other in (sum(halves), again))

    @contextmanager
    def _kept(self) -> Iterator[None]:
        before = [np.array(variable) for variable in self._variables()]
        self._metric.reset_state()
        try:
            yield
        finally:
            self._metric.reset_state()
            for variable, value in zip(self._variables(), before, strict=False):
                variable.assign(value)

    def _variables(self) -> list[Any]:
        return list(getattr(self._metric, "variables", None) or [])

    def _state(self) -> np.ndarray:
        parts = [np.asarray(variable).astype(np.float64).reshape(-1) for variable in self._variables()]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _update(self, labels: np.ndarray, outputs: np.ndarray) -> None:
        # Labels (samples,) of an output (samples, 1) would be spread to (samples, samples) by some metrics.
        labels = labels.reshape(outputs.shape) if labels.size == outputs.size else labels
        try:
            self._metric.update_state(labels, outputs)
        except Exception as error:
            raise DataError(
                f"The metric {self._metric.name!r} must take the labels and the outputs.",
                received=f"labels of shape {labels.shape}, outputs of shape {outputs.shape}: {error}",
            ) from error

    def _result(self) -> float:
        return one_number(self._metric.name, self._metric.result())


def one_number(name: str, value: Any) -> float:
    """Return what a metric gives as a finite number.

    Raises:
        DataError: it is several numbers, or none, or not finite.
    """
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"The metric {name!r} must return one number.", received=repr(value)[:200]) from error
    if array.size != 1:
        raise DataError(
            f"The metric {name!r} must return one number.",
            received=f"values of shape {array.shape}",
            hint='Average them: keras.metrics.F1Score(average="macro"), for instance.',
        )
    if not np.isfinite(array).all():
        raise DataError(f"The metric {name!r} must be finite.", received=str(array.item()))
    return float(array.item())


def _close(state: np.ndarray, other: np.ndarray) -> bool:
    size = 1e-5 * np.abs(state).max(initial=0) + 1e-12
    return len(state) == len(other) and bool(np.allclose(state, other, rtol=1e-4, atol=size))
