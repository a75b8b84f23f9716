"""Layers that multiply each channel by a number and add one: on the device a depthwise convolution, or part of one.

In: a layer, a `Quantizer`, a tensor. Out: the result with its offsets on the grid of int32.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers.quantizer import Quantizer
from tfcompress.layers.rounding import round_bias


def affine(x: Any, scale: Any, offset: Any, input_step: Any) -> Any:
    """Return x * scale + offset over the last axis as a 1x1 depthwise convolution.

    It needs no rounding between product and sum, and one weight a channel is exact in int8.
    """
    import tensorflow as tf

    channels = x.shape[-1]
    # Not by `broadcast_to`, for which the converter of TensorFlow 2.19 has no form here.
    scale, offset = (part if part.shape[0] == channels else tf.tile(part, [channels]) for part in (scale, offset))
    if input_step is not None:
        offset = round_bias(offset, input_step * tf.abs(scale) / 127.0)
    shape = tf.shape(x)
    flat = x if len(x.shape) == 4 else tf.reshape(x, [shape[0], 1, -1, channels])
    y = tf.nn.depthwise_conv2d(flat, tf.reshape(scale, [1, 1, channels, 1]), [1, 1, 1, 1], "VALID")
    y = tf.nn.bias_add(y, tf.reshape(offset, [channels]))
    return y if len(x.shape) == 4 else tf.reshape(y, shape if None in x.shape[1:] else [shape[0], *x.shape[1:]])


def batch_norm(quantizer: Quantizer, layer: Any, x: Any, **kwargs: Any) -> Any:
    """A batch norm that no convolution takes in."""
    return layer(x, **kwargs) if quantizer.training else affine(x, *of_batch_norm(layer), quantizer.input_step)


def folded_batch_norm(quantizer: Quantizer, layer: Any, x: Any, **kwargs: Any) -> Any:
    """A batch norm that the layer before it takes in: its offset joins the int32 bias of that layer."""
    import tensorflow as tf

    if quantizer.host_step is None:
        return layer(x, **kwargs)
    scale, offset = of_batch_norm(layer)
    bias = getattr(quantizer.host, "bias", None)
    before = 0.0 if bias is None else tf.convert_to_tensor(bias) * scale
    return x * scale + (round_bias(before + offset, quantizer.host_step * tf.abs(scale)) - before)


def of_batch_norm(layer: Any) -> tuple[Any, Any]:
    """Return what a BatchNormalization multiplies by and adds in inference."""
    import tensorflow as tf

    scale = tf.math.rsqrt(tf.convert_to_tensor(layer.moving_variance) + layer.epsilon)
    if layer.scale:
        scale = scale * tf.convert_to_tensor(layer.gamma)
    offset = -tf.convert_to_tensor(layer.moving_mean) * scale
    if layer.center:
        offset = offset + tf.convert_to_tensor(layer.beta)
    return scale, offset


def moments_of_batch_norm(layer: Any) -> tuple[Any, Any, Any] | None:
    """Return the moving mean and variance, and their axis."""
    return (layer.moving_mean, layer.moving_variance, layer.axis) if hasattr(layer, "moving_variance") else None


def moments_of_normalization(layer: Any) -> tuple[Any, Any, Any] | None:
    """Return mean and variance of what it was adapted to, and their axes."""
    held = getattr(layer, "mean", None) is not None and not getattr(layer, "invert", False)
    return (layer.mean, layer.variance, layer.axis or ()) if held else None


def rescaling(quantizer: Quantizer, layer: Any, x: Any) -> Any:
    """Rescaling."""
    return affine(x, *of_rescaling(layer), quantizer.input_step)


def of_rescaling(layer: Any) -> tuple[Any, Any]:
    """Return what a Rescaling multiplies by and adds."""
    import tensorflow as tf

    scale, offset = (tf.reshape(tf.constant(part, "float32"), [-1]) for part in (layer.scale, layer.offset))
    return scale, offset


def normalization(quantizer: Quantizer, layer: Any, x: Any) -> Any:
    """Normalization."""
    return affine(x, *of_normalization(layer), quantizer.input_step)


def of_normalization(layer: Any) -> tuple[Any, Any]:
    """Return what a Normalization multiplies by and adds."""
    import tensorflow as tf

    mean, variance = (tf.reshape(tf.convert_to_tensor(value), [-1]) for value in (layer.mean, layer.variance))
    deviation = tf.maximum(tf.sqrt(variance), 1e-7)
    return (deviation, mean) if getattr(layer, "invert", False) else (1.0 / deviation, -mean / deviation)
