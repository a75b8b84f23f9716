"""Layers that sum products: convolutions, matrix products, and norms, which the device computes as convolutions.

In: a layer, a `Quantizer`, the arguments of its call. Out: the sum with the kernel on its int8 grid and, in inference,
the bias on the grid of int32; and the worth of 1 in that sum. Knows nothing of graphs; the result itself is rounded by
the caller.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Protocol

from tfcompress.training.quantization.fake_quant import round_bias, round_weight, weight_scale

KERNELS = {
    "Conv1D": {"kernel": (-1,)},
    "Conv2D": {"kernel": (-1,)},
    "Dense": {"kernel": (-1,)},
    "DepthwiseConv1D": {"depthwise_kernel": (-2, -1), "kernel": (-2, -1)},
    "DepthwiseConv2D": {"depthwise_kernel": (-2, -1), "kernel": (-2, -1)},
    "Conv1DTranspose": {"kernel": (-2,)},
    "Conv2DTranspose": {"kernel": (-2,)},
    "EinsumDense": {"kernel": None},
}
"""The weights that become int8, with the axes that have a scale for each index (None: those not summed over)."""


class Quantizer(Protocol):
    """What a recipe may ask for."""

    training: bool
    input_step: Any
    """The int8 step of what the layer, or the convolution before it, reads; None in training or where it is unknown."""
    host: Any
    """The layer with a kernel that this one becomes part of, or None."""

    def activation(self, tensor: Any, name: str) -> Any:
        """Round an intermediate result to a range that is tracked under `name`."""

    def fixed(self, tensor: Any, low: float, high: float) -> Any:
        """Round an intermediate result to a range that is known."""


def weighted(layer: Any, quantizer: Quantizer, *args: Any, **kwargs: Any) -> Any:
    """Call a layer with its kernel rounded for each channel, and without its activation."""
    import tensorflow as tf

    kernels = {name: keep for name, keep in KERNELS[type(layer).__name__].items() if hasattr(layer, name)}
    rounded = {}
    for name, keep in kernels.items():
        kernel = getattr(layer, name)
        rounded[name] = round_weight(kernel, summed_last(layer) if keep is None else keep)
    if quantizer.input_step is not None and getattr(layer, "bias", None) is not None:
        unit = product_step(layer, quantizer.input_step)
        rounded |= {} if unit is None else {"bias": round_bias(tf.convert_to_tensor(layer.bias), unit)}
    with replaced(layer, rounded):
        return layer(*args, **kwargs)


def product_step(layer: Any, input_step: Any) -> Any:
    """Return the step of the sums of products of a layer with a kernel, for each output channel; None if unknown."""
    import tensorflow as tf

    if hasattr(layer, "pointwise_kernel"):
        return input_step * tf.reshape(weight_scale(tf.convert_to_tensor(layer.pointwise_kernel), (-1,)), [-1])
    for name, keep in KERNELS[type(layer).__name__].items():
        if keep is not None and hasattr(layer, name):
            return input_step * tf.reshape(weight_scale(tf.convert_to_tensor(getattr(layer, name)), keep), [-1])
    return None


def sums_step(kernel: Any, norm: Any, input_step: Any) -> Any:
    """Return the worth of 1 in the int32 sums of a layer with a kernel, a norm that follows it, or a norm alone."""
    import tensorflow as tf

    unit = input_step / 127.0 if kernel is None else product_step(kernel, input_step)
    return unit if norm is None or unit is None else unit * tf.abs(scale_and_offset(norm)[0])


def summed_last(layer: Any) -> list[int]:
    """Return the axes of an EinsumDense kernel that its equation does not sum over."""
    _, kernel, result = layer.equation.replace(" ", "").replace("->", ",").split(",")
    return [axis for axis, letter in enumerate(kernel) if letter in result]


@contextmanager
def replaced(layer: Any, tensors: dict[str, Any]) -> Any:
    """Let a layer see tensors in place of its variables, and no activation, while the block runs."""
    activation = getattr(layer, "activation", None)
    if activation is not None:
        object.__setattr__(layer, "activation", linear)
    try:
        if hasattr(layer, "_trainable_variables"):  # Keras 3
            import keras

            mapping = [(getattr(layer, name), tensor) for name, tensor in tensors.items()]
            scope = keras.StatelessScope(state_mapping=mapping, collect_losses=True)
            with scope:
                yield
            for loss in scope.losses:  # such as those of an activity regularizer
                layer.add_loss(loss)
        else:
            kept = {name: layer.__dict__[name] for name in tensors}
            try:
                layer.__dict__.update(tensors)
                yield
            finally:
                layer.__dict__.update(kept)
    finally:
        if activation is not None:
            object.__setattr__(layer, "activation", activation)


def linear(tensor: Any) -> Any:
    """Return the tensor itself."""
    return tensor


def separable(layer: Any, quantizer: Quantizer, x: Any) -> Any:
    """Depthwise, then pointwise: two ops with an int8 tensor between."""
    import tensorflow as tf

    depthwise = round_weight(tf.convert_to_tensor(layer.depthwise_kernel), (-2, -1))
    pointwise = round_weight(tf.convert_to_tensor(layer.pointwise_kernel), (-1,))
    strides, dilations, padding = layer.strides, layer.dilation_rate, layer.padding.upper()
    flat = len(x.shape) == 3
    if flat:
        if padding == "CAUSAL":
            left = dilations[0] * (layer.kernel_size[0] - 1)
            x, padding = tf.pad(x, [[0, 0], [left, 0], [0, 0]]), "VALID"
        x, depthwise, pointwise = tf.expand_dims(x, 1), depthwise[tf.newaxis], pointwise[tf.newaxis]
        strides, dilations = strides * 2, (1, *dilations)
    x = tf.nn.depthwise_conv2d(x, depthwise, [1, *strides, 1], padding, dilations=dilations)
    x = quantizer.activation(x, "depthwise")
    x = tf.nn.conv2d(x, pointwise, 1, "VALID")
    if layer.use_bias:
        bias, step = tf.convert_to_tensor(layer.bias), quantizer.input_step
        x = tf.nn.bias_add(x, bias if step is None else round_bias(bias, product_step(layer, step)))
    return tf.squeeze(x, 1) if flat else x


def batch_norm(layer: Any, quantizer: Quantizer, x: Any, **kwargs: Any) -> Any:
    """A batch norm that no convolution takes in: on the device one multiplication and addition a channel."""
    return layer(x, **kwargs) if quantizer.training else affine(x, *scale_and_offset(layer), quantizer.input_step)


def folded_norm(layer: Any, quantizer: Quantizer, x: Any, **kwargs: Any) -> Any:
    """A batch norm that the layer before it takes in: its offset joins the int32 bias of that layer."""
    import tensorflow as tf

    if quantizer.training or quantizer.input_step is None:
        return layer(x, **kwargs)
    scale, offset = scale_and_offset(layer)
    unit = sums_step(quantizer.host, layer, quantizer.input_step)
    if unit is None:
        return layer(x, **kwargs)
    bias = getattr(quantizer.host, "bias", None)
    before = 0.0 if bias is None else tf.convert_to_tensor(bias) * scale
    return x * scale + (round_bias(before + offset, unit) - before)


def scale_and_offset(layer: Any) -> tuple[Any, Any]:
    """Return what a BatchNormalization (in inference), Rescaling or Normalization multiplies by and adds."""
    import tensorflow as tf

    if type(layer).__name__ == "Rescaling":
        return tf.reshape(tf.constant(layer.scale, "float32"), [-1]), tf.reshape(
            tf.constant(layer.offset, "float32"), [-1]
        )
    if type(layer).__name__ == "Normalization":
        mean, variance = (tf.reshape(tf.convert_to_tensor(value), [-1]) for value in (layer.mean, layer.variance))
        deviation = tf.maximum(tf.sqrt(variance), 1e-7)
        return (deviation, mean) if getattr(layer, "invert", False) else (1.0 / deviation, -mean / deviation)
    scale = tf.math.rsqrt(tf.convert_to_tensor(layer.moving_variance) + layer.epsilon)
    if layer.scale:
        scale = scale * tf.convert_to_tensor(layer.gamma)
    offset = -tf.convert_to_tensor(layer.moving_mean) * scale
    if layer.center:
        offset = offset + tf.convert_to_tensor(layer.beta)
    return scale, offset


def rescaling(layer: Any, quantizer: Quantizer, x: Any) -> Any:
    """Rescaling or Normalization, as one multiplication and addition a channel."""
    return affine(x, *scale_and_offset(layer), quantizer.input_step)


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
