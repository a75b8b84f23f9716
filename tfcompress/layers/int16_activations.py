"""Sigmoid and tanh as the int16 kernels of LiteRT compute them: a line between two of 256 entries of a table.

In: a tensor in int16, and its step. Out: what the kernels give, to the last digit, in float32. They scale what they
read by a fraction of 15 bits before they look it up, so that the same number in another step gives another result.
Source: `tensorflow/lite/kernels/internal/reference/integer_ops/{logistic,tanh}.h`; `SigmoidPrepare` for the scaling.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

SCALE = 12288.0
"""The kernels scale 1 to this before they look it up."""
LARGEST = 32767.0


@cache
def _entries() -> np.ndarray:
    """Return the table: the sigmoid of 0, 1/24, 2/24, … as 16-bit fractions.

    An entry is above its sigmoid by half of what a line between two sigmoids is below them in its middle.
    """
    exact = 1.0 / (1.0 + np.exp(-np.arange(257) / 24.0))
    bend = exact * (1.0 - exact) * (2.0 * exact - 1.0) / 24.0**2
    found = np.rint(65536.0 * (exact + bend / 16.0))
    found[255:] = 65535.0  # beyond it the kernels give their largest number
    return found.astype(np.int32)


def sigmoid(x: Any, step: Any) -> Any:
    """Return the sigmoid as LOGISTIC computes it in int16.

    Args:
        x: Numbers on a grid of int16.
        step: The step of that grid, above zero.
    """
    import tensorflow as tf

    place = _place(x, step)
    found = tf.where(tf.abs(place) < 255 << 9, _between(place, 9), 32767 << 10)
    found = tf.where(place >= 0, found + (1 << 9), (1 << 25) - found + (1 << 9) - 1)
    return tf.cast(tf.bitwise.right_shift(found, 10), "float32") / 32768.0


def tanh(x: Any, step: Any) -> Any:
    """Return the tanh as TANH computes it in int16.

    Args:
        x: Numbers on a grid of int16.
        step: The step of that grid, above zero.
    """
    import tensorflow as tf

    place = _place(x, step)
    found = _between(place, 8) - (1 << 23)
    found = tf.where(place >= 0, found + (1 << 7), (1 << 7) - found - 1)
    return tf.cast(tf.bitwise.right_shift(found, 8), "float32") / 32768.0


def _place(x: Any, step: Any) -> Any:
    """Return numbers in steps of 1 / SCALE, as integers."""
    import tensorflow as tf

    steps = tf.cast(tf.clip_by_value(tf.round(x / step), -LARGEST, LARGEST), "int32")
    two, factor = tf.constant(2.0, "float64"), tf.cast(step, "float64") * SCALE
    doublings = tf.floor(tf.math.log(LARGEST / 2.0 / factor) / tf.math.log(two)) + 1.0
    doublings = tf.clip_by_value(doublings, 0.0, 31.0)  # until it is above half of the largest
    factor = tf.cast(tf.floor(factor * tf.pow(two, doublings)), "int32")
    shift = tf.cast(doublings, "int32")
    nudge = tf.where(shift > 0, tf.bitwise.left_shift(1, tf.maximum(shift - 1, 0)), 0)
    return tf.bitwise.right_shift(steps * factor + nudge, shift)


def _between(place: Any, bits: int) -> Any:
    """Return what lies between two entries of the table, which are so many bits apart, with as many bits more."""
    import tensorflow as tf

    far = tf.minimum(tf.abs(place), 255 << bits)
    first = tf.bitwise.right_shift(far, bits)
    low, high = tf.gather(_entries(), first), tf.gather(_entries(), first + 1)
    return tf.bitwise.left_shift(low, bits) + (far - tf.bitwise.left_shift(first, bits)) * (high - low)
