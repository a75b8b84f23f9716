"""How ranges follow what training shows them, and how the reference kernels round sums.

In: the state of a range and a batch of its tensor; sums of products. Out: the new state; the sums, rounded as the
device rounds them before it rounds to int8. Knows neither layers nor models.
"""

from __future__ import annotations

import math
from typing import Any

from tfcompress.layers.rounding import around_zero

GROUP_VALUES = 10_000
"""How many values of an activation are looked at together for their smallest and largest."""
GROUP_SAMPLES = 1_000
"""Samples that such a group holds at most: a range must follow what training changes."""
MEMORY = 4_000.0
"""Samples that a range is the mean over; after that it is a moving average, whose older part fades by e a `MEMORY`."""


def round_sums(tensor: Any, unit: Any, step: Any, count: int = 1) -> Any:
    """Round sums of products as the reference kernels do before they round to int8.

    They multiply a sum, an integer multiple of `unit`, by a 31-bit fraction, round, halves up, and only then shift and
    round to multiples of `step`, halves away from zero (gemmlowp's `SaturatingRoundingDoublingHighMul` and
    `RoundingDivideByPOT`): one value in some hundreds differs from one rounding alone.

    Args:
        tensor: What will be rounded to int8 next.
        unit: The accumulator's scale, input scale times weight scale, for each output channel.
        step: The scale of the int8 result.
        count: How many values a mean is taken of; its kernel divides the fraction by it without another shift.
    """
    import tensorflow as tf

    whole = tf.maximum(unit, 1e-30) * float(count)
    exponent = tf.floor(tf.math.log(whole / tf.maximum(step, 1e-30)) / math.log(2.0)) + 1.0
    exponent -= float(count.bit_length() - 1)
    fine = step * tf.pow(2.0, tf.minimum(exponent, 0.0))
    unit, fine = tf.maximum(unit, 1e-30), tf.maximum(fine, 1e-30)
    sums = tf.round(tensor / unit)  # integers on the device: what float arithmetic adds to them goes
    first = tf.floor(sums * (unit / fine) + 0.5) * fine  # of the fraction halves go up
    first = first + tf.sign(first) * fine / 4.0  # away from zero, too little to matter but for halves
    return tensor + tf.stop_gradient(tf.where(step > 0, first, tensor) - tensor)


def sloped(unit: Any, tensor: Any, slope: float) -> Any:
    """Return the worth of 1 in what a rectifier puts out: its kernel has one multiplier above zero and one below."""
    import tensorflow as tf

    return tf.where(tensor >= 0.0, unit, unit * abs(slope))


def widened(state: Any, tensor: Any) -> Any:
    """Return the state (low, high, samples seen) of a range that keeps the smallest and largest of everything seen."""
    import tensorflow as tf

    values = tf.stop_gradient(tensor)
    low, high = tf.reduce_min(values), tf.reduce_max(values)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    replica = tf.distribute.get_replica_context()
    if replicas > 1 and replica is not None:
        low = tf.reduce_min(replica.all_gather(low[tf.newaxis], axis=0))
        high = tf.reduce_max(replica.all_gather(high[tf.newaxis], axis=0))
    low, high = around_zero(tf.minimum(low, state[0]), tf.maximum(high, state[1]))
    return tf.stack([low, high, state[2] + float(replicas) * tf.cast(tf.shape(values)[0], "float32")])


def averaged(state: Any, tensor: Any) -> Any:
    """Return the state of a range after one more batch; it does not depend on how samples are batched.

    The range is the mean over groups of values of the smallest and the largest in a group, about the 99.99th
    percentile, as rare extremes cost all other values resolution. A large batch holds several groups, a small one a
    part of a group that stays open until later batches fill it. Groups weigh as many samples as they hold: the mean
    over the first `MEMORY` samples, and a moving average from there on.

    Args:
        state: (low, high, samples seen, and of the open group: low, high, values). Models of tfcompress 0.1 have the
            first three; their groups end with each batch.
        tensor: The values of this batch; its first axis is the batch.
    """
    import tensorflow as tf

    values = tf.reshape(tf.stop_gradient(tensor), [-1])
    count = tf.cast(tf.size(values), "float32")
    sample = tf.maximum(count / tf.cast(tf.maximum(tf.shape(tensor)[0], 1), "float32"), 1.0)  # values in a sample
    group = tf.minimum(float(GROUP_VALUES), GROUP_SAMPLES * sample)
    rows = tf.maximum(tf.cast(tf.round(count / group), "int32"), 1)
    parts = tf.reshape(values[: tf.size(values) // rows * rows], [rows, -1])
    lows, highs = tf.reduce_min(parts, axis=1), tf.reduce_max(parts, axis=1)
    carries = state.shape[0] > 3
    filled = count + state[5] if carries else count
    if carries:
        lows = tf.concat([tf.minimum(lows[:1], state[3]), lows[1:]], 0)
        highs = tf.concat([tf.maximum(highs[:1], state[4]), highs[1:]], 0)
    low, high = around_zero(tf.reduce_mean(lows), tf.reduce_mean(highs))
    replicas = float(tf.distribute.get_strategy().num_replicas_in_sync)
    new = replicas * filled / sample  # samples in what these groups hold
    total = state[2] + replicas * count / sample
    before = total - new  # samples in closed groups
    first = before < 0.5
    full = tf.logical_or(rows > 1, filled + count / 2.0 >= group) if carries else tf.constant(True)
    rate = tf.maximum(new / tf.maximum(total, 1.0), 1.0 - tf.exp(-new / MEMORY))
    rate = tf.where(first, 1.0, tf.where(full, rate, 0.0))
    result = [state[0] + rate * (low - state[0]), state[1] + rate * (high - state[1]), total]
    if carries:
        result += [tf.where(full, 0.0, value) for value in (low, high, filled)]
    return tf.stack(result)
