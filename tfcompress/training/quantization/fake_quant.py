"""Rounding to int8 inside a float graph, with gradients that pass straight through.

In: tensors of weights or activations. Out: the same tensors on the grid that the .tflite will use.
Does not know layers or models.

Weights are rounded by plain arithmetic and not by a fake-quant op: on export it folds into a constant, the
converter folds batch norm into that constant and finds the same grid again, per channel, for every kind of
layer. Activations use TensorFlow's fake-quant op, from which the converter reads the range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

SMALLEST_RANGE = 1e-5
"""A floor under ranges: the reference softmax aborts the process where a scale is below about 1e-8."""
SLOWEST_RATE = 0.01
"""The share of a new batch in a range, once the mean over the first hundred batches is known."""
GROUP = 10_000
"""How many values of an activation are looked at together for their smallest and largest."""


def round_weight(weight: Any, keep: Sequence[int]) -> Any:
    """Round a weight to the 255 steps of symmetric int8.

    Args:
        weight: A tensor.
        keep: The axes that have a scale for each index; none means one scale for the whole tensor.
    """
    import tensorflow as tf

    scale = weight_scale(weight, keep)
    return weight + tf.stop_gradient(tf.round(weight / scale) * scale - weight)


def weight_scale(weight: Any, keep: Sequence[int]) -> Any:
    """Return the step of symmetric int8 for each index of the axes `keep`, with the rank of the weight."""
    import tensorflow as tf

    rank = len(weight.shape)
    kept = {axis % rank for axis in keep}
    axes = [axis for axis in range(rank) if axis not in kept]
    largest = tf.reduce_max(tf.abs(weight), axis=axes, keepdims=True)
    return tf.stop_gradient(tf.maximum(largest, 1e-12) / 127.0)


def round_bias(bias: Any, unit: Any) -> Any:
    """Round a bias to multiples of `unit`, the product of input step and weight step: the device holds it as int32."""
    import tensorflow as tf

    safe = tf.maximum(unit, 1e-30)
    return tf.where(unit > 0, tf.round(bias / safe) * safe, bias)


def round_sums(tensor: Any, unit: Any, step: Any, count: int = 1) -> Any:
    """Round sums of products as the reference kernels do before they round to int8.

    They multiply a sum, an integer multiple of `unit`, by a 31-bit fraction, round, and only then shift and round to
    multiples of `step`, halves away from zero (gemmlowp's `RoundingDivideByPOT`): one value in some hundreds differs.

    Args:
        tensor: What will be rounded to int8 next.
        unit: The worth of 1 in the int32 sum, for each channel.
        step: The worth of 1 in the int8 result.
        count: How many values a mean is taken of; its kernel divides the fraction by it without another shift.
    """
    import tensorflow as tf

    whole = tf.maximum(unit, 1e-30) * float(count)
    exponent = tf.floor(tf.math.log(whole / tf.maximum(step, 1e-30)) / math.log(2.0)) + 1.0
    exponent -= float(count.bit_length() - 1)
    fine = step * tf.pow(2.0, tf.minimum(exponent, 0.0))
    unit, fine = tf.maximum(unit, 1e-30), tf.maximum(fine, 1e-30)
    sums = tf.round(tensor / unit)  # integers on the device: what float arithmetic adds to them goes
    first = tf.round(sums * (unit / fine)) * fine
    first = first + tf.sign(first) * fine / 4.0  # away from zero, too little to matter but for halves
    return tensor + tf.stop_gradient(tf.where(step > 0, first, tensor) - tensor)


def round_constant(constant: Any) -> Any:
    """Round a constant operand, such as a PReLU slope, to asymmetric int8 over its own range."""
    import tensorflow as tf

    low, high = _around_zero(tf.reduce_min(constant), tf.reduce_max(constant))
    return round_activation(constant, tf.stop_gradient(low), tf.stop_gradient(high))


def round_activation(tensor: Any, low: Any, high: Any) -> Any:
    """Round an activation to the 256 steps of asymmetric int8 between `low` and `high`."""
    import tensorflow as tf

    return tf.quantization.fake_quant_with_min_max_vars(tensor, low, high, num_bits=8)


def updated(state: Any, tensor: Any, whole: bool = False) -> Any:
    """Return the state (low, high, batches seen) of a range after one more batch.

    The range is the mean over the batches seen so far, and a moving average from the hundredth on. What a batch gives
    is the mean over groups of its values of the smallest and the largest in a group: about the 99.99th percentile,
    whatever the size of the batch, as rare extremes cost all other values resolution.

    Args:
        state: What the last batch left.
        tensor: The values of this batch.
        whole: Take the smallest and largest of the whole batch, as inputs and outputs of a model must not be clipped.
    """
    import tensorflow as tf

    values = tf.reshape(tf.stop_gradient(tensor), [-1])
    groups = 1 if whole else tf.maximum(tf.size(values) // GROUP, 1)
    rows = tf.reshape(values[: tf.size(values) // groups * groups], [groups, -1])
    low = tf.reduce_mean(tf.reduce_min(rows, axis=1))
    low, high = _around_zero(low, tf.reduce_mean(tf.reduce_max(rows, axis=1)))
    rate = tf.maximum(1.0 / (state[2] + 1.0), SLOWEST_RATE)
    return tf.stack([state[0] + rate * (low - state[0]), state[1] + rate * (high - state[1]), state[2] + 1.0])


def _around_zero(low: Any, high: Any) -> tuple[Any, Any]:
    import tensorflow as tf

    low = tf.minimum(low, 0.0)
    return low, tf.maximum(tf.maximum(high, 0.0), low + SMALLEST_RANGE)
