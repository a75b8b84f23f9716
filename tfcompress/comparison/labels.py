"""Labels are checked and turned into class numbers, and outputs into classes.

In: labels as Keras users hold them, outputs of a model. Out: integers, one a sample.
"""

from __future__ import annotations

import numpy as np

from tfcompress.data.data_forms import ArrayLike
from tfcompress.errors import DataError

REGRESSION = (
    'For a regression model pass metrics="mean_absolute_error" or a limit on it, or leave y out: it is then compared '
    "by output error."
)


def classes(labels: ArrayLike, width: int) -> np.ndarray:
    """Return labels as class numbers.

    Args:
        labels: Class numbers of shape (samples,) or (samples, 1), or one-hot rows of shape (samples, width).
        width: How many values an output has; 1 stands for a binary output with the classes 0 and 1.

    Raises:
        DataError: the labels are no class numbers, or out of range.
    """
    array = np.asarray(labels)
    many = max(width, 2)
    if array.ndim == 2 and array.shape[1] == width and width > 1:
        if array.dtype.kind not in "fiub" or not np.allclose(array.sum(axis=1), 1):
            raise DataError(
                "One-hot labels must sum to 1 in each row.", received=f"{array.dtype} {array.shape}", hint=REGRESSION
            )
        return array.argmax(axis=1)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    whole = array.dtype.kind in "iub" or (array.dtype.kind == "f" and bool((array == np.rint(array)).all()))
    if array.ndim != 1 or not whole:
        raise DataError(
            f"y must hold class numbers of shape (samples,), or one-hot rows of shape (samples, {width}).",
            received=f"{array.dtype} labels of shape {array.shape}",
            hint=REGRESSION,
        )
    if len(array) and not (array.min() >= 0 and array.max() < many):
        raise DataError(
            f"Labels must be from 0 to {many - 1}, as the output has {width} values.",
            received=f"labels from {array.min()} to {array.max()}",
            hint=REGRESSION,
        )
    return array.astype(np.int64)


def predicted(outputs: np.ndarray, threshold: float) -> np.ndarray:
    """Return the class that each row of an output of shape (samples, width) chooses."""
    flat = outputs.reshape(len(outputs), -1)
    return flat.argmax(axis=1) if flat.shape[1] > 1 else (flat[:, 0] > threshold).astype(np.int64)
