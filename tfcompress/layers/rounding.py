"""Rounding weights, biases and activations to int8 inside a float graph, with gradients that pass straight through.

In: tensors. Out: the same tensors on the grid that the .tflite will use. Knows neither layers nor models.

Weights are rounded by plain arithmetic and not by a fake-quant op: on export it folds into a constant, the
converter folds batch norm into that constant and finds the same grid again, per channel, for every kind of
layer. Activations use TensorFlow's fake-quant op, from which the converter reads the range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

SMALLEST_RANGE = 1e-5
"""A floor under ranges: the reference softmax aborts the process where a scale is below about 1e-8."""


def round_weight(weight: Any, keep: Sequence[int]) -> Any:
    """Round a weight to the 255 steps of symmetric int8.

    Args:
        weight: A tensor.
        keep: The axes that have a scale for each index; none means one scale for the whole tensor.
    """
    import tensorflow as tf

    scale = weight_scale(weight, keep)
    return weight + tf.stop_gradient(tf.round(weight / scale) * scale - weight)


def round_to_steps(weight: Any, step: Any, largest: int) -> Any:
    """Round a weight to a symmetric grid whose step trains with it.

    The gradient of the step is that of Esser et al., "Learned Step Size Quantization", ICLR 2020: what rounding adds
    within the grid, and its end beyond.

    Args:
        weight: A tensor.
        step: The step between two values, of a shape that the weight divides by.
        largest: How many steps the grid reaches on either side of zero.
    """
    import tensorflow as tf

    within = tf.clip_by_value(weight / step, -float(largest), float(largest))
    return step * (within + tf.stop_gradient(tf.round(within) - within))


def coarsest_step(weight: Any, step: Any, largest: int) -> Any:
    """Return the widest step whose grid holds a weight that `round_to_steps` has rounded: that which the file has.

    The file is made of the rounded weight alone, and one whose values are all even has a grid of twice the step.

    Args:
        weight: A tensor.
        step: The step between two values, with the rank of the weight.
        largest: How many steps the grid reaches on either side of zero.
    """
    import tensorflow as tf

    values = tf.round(tf.clip_by_value(weight / step, -float(largest), float(largest)))
    axes = [axis for axis, size in enumerate(step.shape) if size == 1]
    factor = tf.ones_like(step)
    for count in range(2, largest + 1):
        divides = tf.reduce_all(tf.math.floormod(values, float(count)) == 0, axis=axes, keepdims=True)
        factor = tf.where(divides, float(count), factor)
    return step * tf.where(tf.reduce_any(values != 0, axis=axes, keepdims=True), factor, 1.0)


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


def round_constant(constant: Any) -> Any:
    """Round a constant operand, such as a PReLU slope, to asymmetric int8 over its own range."""
    import tensorflow as tf

    low, high = around_zero(tf.reduce_min(constant), tf.reduce_max(constant))
    return round_activation(constant, tf.stop_gradient(low), tf.stop_gradient(high))


def round_activation(tensor: Any, low: Any, high: Any) -> Any:
    """Round an activation to the 256 steps of asymmetric int8 between `low` and `high`."""
    import tensorflow as tf

    return tf.quantization.fake_quant_with_min_max_vars(tensor, low, high, num_bits=8)


def round_to_int16(tensor: Any, step: Any) -> Any:
    """Round an activation to symmetric int16 of that step; 0 before it is known."""
    import tensorflow as tf

    safe = tf.maximum(step, 1e-30)
    rounded = tf.clip_by_value(tf.round(tensor / safe), -32767.0, 32767.0) * safe
    return tensor + tf.stop_gradient(tf.where(step > 0.0, rounded, tensor) - tensor)


def int16_step(low: Any, high: Any) -> Any:
    """Return the step of symmetric int16 that a file has for a range, 0 before any data.

    The range is a fake quant of 16 bits there, which moves its ends so that zero is one of its 65536 numbers.
    """
    import tensorflow as tf

    step = (high - low) / 65535.0
    below = tf.round(-low / tf.maximum(step, 1e-30))
    return step * tf.maximum(below, 65535.0 - below) / 32767.0


def int16_end(low: Any, high: Any) -> Any:
    """Return the largest number of int16 for an int8 activation where ops in int16 read it: the end of its integers."""
    import tensorflow as tf

    step = (high - low) / 255.0
    zero_point = tf.round(-128.0 - low / tf.maximum(step, 1e-30))
    return step * tf.maximum(127.0 - zero_point, zero_point + 128.0)


def from_table(function: Callable[[Any], Any], tensor: Any, largest: Any, largest_result: Any) -> Any:
    """Compute a falling function of positive numbers as int16 kernels do: from a table, with straight lines between.

    The table has 256 stretches from zero to the largest number. Half the error in the middle of a stretch is taken off
    its entry. Source: `LUTPopulate` of TensorFlow Lite.

    Args:
        function: From a tensor to a tensor.
        tensor: Numbers above zero.
        largest: The largest number in int16.
        largest_result: The largest result in int16.
    """
    import tensorflow as tf

    unit = largest / 32767.0
    step = unit * 65535.0 / 512.0
    edges = step * tf.range(257.0) - unit / 2.0
    values = tf.concat([[largest_result], function(edges[1:])], 0)
    bends = (values[:-1] + values[1:]) / 2.0 - function(edges[:-1] + step / 2.0)
    table = tf.minimum(tf.concat([values[:-1] - bends / 2.0, values[-1:]], 0), largest_result)
    place = tf.clip_by_value(tensor / unit / 128.0, 0.0, 256.0)
    index = tf.minimum(tf.cast(place, "int32"), 255)
    left, right = tf.gather(table, index), tf.gather(table, index + 1)
    return left + (right - left) * (place - tf.cast(index, "float32"))


def around_zero(low: Any, high: Any) -> tuple[Any, Any]:
    """Widen a range so that it holds zero and is not too narrow for the reference softmax."""
    import tensorflow as tf

    low = tf.minimum(low, 0.0)
    return low, tf.maximum(tf.maximum(high, 0.0), low + SMALLEST_RANGE)
