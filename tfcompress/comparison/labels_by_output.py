"""The labels that a user passes, by the output that they are for.

In: `y` of `compare`, or the labels inside its data. Out: arrays by output, the rows of one batch at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfcompress.data.data_forms import ArrayLike, LabelsLike
from tfcompress.errors import DataError

Labels = dict[str | None, np.ndarray]
"""By output; None stands for the only one."""


def labels_by_output(y: LabelsLike | None) -> Labels | None:
    """Return labels as arrays.

    Args:
        y: One array for a model of one output, a dict by output, or None.

    Raises:
        DataError: no arrays with a label for each sample, or of different lengths.
    """
    if y is None:
        return None
    if isinstance(y, Mapping):
        found: Labels = {str(name): _array(labels) for name, labels in y.items()}
    else:
        found = {None: _array(y)}
    lengths = {name: len(labels) for name, labels in found.items()}
    if len(set(lengths.values())) != 1:
        raise DataError("y must hold as many labels for each of its outputs.", received=lengths)
    return found


def length(labels: Labels) -> int:
    """Return how many samples there are labels for."""
    return len(next(iter(labels.values())))


def rows(labels: Labels, start: int, count: int) -> Labels:
    """Return the labels of `count` samples.

    Raises:
        DataError: there are fewer.
    """
    if length(labels) < start + count:
        raise other_length(start + count, length(labels))
    return {name: array[start : start + count] for name, array in labels.items()}


def require_same_length(x: Any, labels: Labels | None) -> None:
    """Raise `DataError` if `x` is an array, or a dict of arrays, of another length than its labels."""
    whole = next(iter(x.values())) if isinstance(x, dict) and x else x
    if labels is None or not (isinstance(whole, list) or hasattr(whole, "__array__")):
        return
    count = len(whole) if isinstance(whole, list) or getattr(whole, "ndim", 0) else 0
    # One sample without its batch axis has a length of its own.
    if length(labels) not in (count, 1):
        raise other_length(count, length(labels))


def other_length(samples: int, labels: int) -> DataError:
    """Return the error of data and labels that are not of one length."""
    return DataError(
        "x and y must have the same length.",
        received=f"{samples:,} samples and {labels:,} labels",
        hint="Check that both come from the same split.",
    )


def _array(y: ArrayLike) -> np.ndarray:
    try:
        labels = np.asarray(y)
    except ValueError as error:
        raise DataError("y must be one array of labels.", received=str(error)) from error
    if labels.ndim == 0:
        raise DataError("y must hold one label for each sample.", received=repr(y))
    return labels
