"""Sigmoid and tanh as the int16 kernels of LiteRT compute them: a line between two of 256 entries of a table.

In: a tensor. Out: what the kernels give, in float32; errors of a few 1 / 32768, which matter where a state is small.
Source: `tensorflow/lite/kernels/internal/reference/integer_ops/{logistic,tanh}.h`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

STEPS = 12288.0
"""The kernels scale 1 to this before they look it up."""


@cache
def _entries() -> np.ndarray:
    """Return the table: the sigmoid of 0, 1/24, 2/24, …, as 16-bit fractions."""
    found = np.rint(65536.0 / (1.0 + np.exp(-np.arange(257) / 24.0)))
    found[255:] = 65535.0  # beyond it the kernels give their largest number
    return found.astype(np.float32)


def sigmoid(x: Any) -> Any:
    """Return the sigmoid as LOGISTIC computes it in int16."""
    import tensorflow as tf

    found = _between(x, 512.0)
    return tf.minimum(tf.floor(tf.where(x >= 0.0, found, 65536.0 - found) / 2.0 + 0.5), 32767.0) / 32768.0


def tanh(x: Any) -> Any:
    """Return the tanh as TANH computes it in int16."""
    import tensorflow as tf

    found = _between(x, 256.0) - 32768.0
    return tf.floor(tf.where(x >= 0.0, found + 0.5, 0.498 - found)) / 32768.0


def _between(x: Any, entry: float) -> Any:
    """Return what lies between two entries of the table for the magnitude of a number."""
    import tensorflow as tf

    place = tf.minimum(tf.round(tf.abs(x) * STEPS) / entry, 255.0)
    below = tf.floor(place)
    first = tf.cast(below, "int32")
    low, high = tf.gather(_entries(), first), tf.gather(_entries(), first + 1)
    return low + (place - below) * (high - low)
