"""How one layer computes on int8 grids: a function for each kind that is more than "call it, round the result".

In: a layer or operation, a `Quantizer`, the arguments of its call. Out: what the layer returns, with every
intermediate result that the .tflite holds as int8 rounded. A custom layer brings its own recipe as the method
`int8_call(quantizer, *args, **kwargs)`. Knows nothing of graphs; the result itself is rounded by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from tfcompress.training.quantization.fake_quant import round_constant, round_weight

SIGMOID_RANGE = (0.0, 255 / 256)
TANH_RANGE = (-1.0, 127 / 128)
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

    def activation(self, tensor: Any, name: str) -> Any:
        """Round an intermediate result to a range that is tracked under `name`."""

    def fixed(self, tensor: Any, low: float, high: float) -> Any:
        """Round an intermediate result to a range that is known."""


Recipe = Callable[..., Any]


def weighted(layer: Any, quantizer: Quantizer, *args: Any, **kwargs: Any) -> Any:
    """Call a layer with its kernel rounded for each channel, and without its activation."""
    kernels = {name: keep for name, keep in KERNELS[type(layer).__name__].items() if hasattr(layer, name)}
    rounded = {}
    for name, keep in kernels.items():
        kernel = getattr(layer, name)
        rounded[name] = round_weight(kernel, summed_last(layer) if keep is None else keep)
    with replaced(layer, rounded):
        return layer(*args, **kwargs)


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
            with keras.StatelessScope(state_mapping=mapping):
                yield
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
        x = tf.nn.bias_add(x, tf.convert_to_tensor(layer.bias))
    return tf.squeeze(x, 1) if flat else x


def batch_norm(layer: Any, quantizer: Quantizer, x: Any, **kwargs: Any) -> Any:
    """A batch norm that no convolution takes in: on the device one multiplication and addition a channel."""
    import tensorflow as tf

    if quantizer.training:
        return layer(x, **kwargs)
    scale = tf.math.rsqrt(tf.convert_to_tensor(layer.moving_variance) + layer.epsilon)
    if layer.scale:
        scale = scale * tf.convert_to_tensor(layer.gamma)
    offset = -tf.convert_to_tensor(layer.moving_mean) * scale
    if layer.center:
        offset = offset + tf.convert_to_tensor(layer.beta)
    return affine(x, scale, offset)


def rescaling(layer: Any, quantizer: Quantizer, x: Any) -> Any:
    """Rescaling, as one multiplication and addition a channel."""
    import numpy as np

    ones = np.ones(x.shape[-1], "float32")
    return affine(x, ones * np.float32(layer.scale), ones * np.float32(layer.offset))


def normalization(layer: Any, quantizer: Quantizer, x: Any) -> Any:
    """Normalization over the last axis, as one multiplication and addition a channel."""
    import tensorflow as tf

    mean = tf.broadcast_to(tf.reshape(tf.convert_to_tensor(layer.mean), [-1]), [x.shape[-1]])
    variance = tf.broadcast_to(tf.reshape(tf.convert_to_tensor(layer.variance), [-1]), [x.shape[-1]])
    scale = 1.0 / tf.maximum(tf.sqrt(variance), 1e-7)
    if getattr(layer, "invert", False):
        return affine(x, tf.sqrt(variance), mean)
    return affine(x, scale, -mean * scale)


def affine(x: Any, scale: Any, offset: Any) -> Any:
    """Return x * scale + offset over the last axis as a 1x1 depthwise convolution.

    It needs no rounding between product and sum, and one weight a channel is exact in int8.
    """
    import tensorflow as tf

    channels = x.shape[-1]
    shape = tf.shape(x)
    flat = x if len(x.shape) == 4 else tf.reshape(x, [shape[0], 1, -1, channels])
    y = tf.nn.depthwise_conv2d(flat, tf.reshape(scale, [1, 1, channels, 1]), [1, 1, 1, 1], "VALID")
    y = tf.nn.bias_add(y, tf.reshape(offset, [channels]))
    return y if len(x.shape) == 4 else tf.reshape(y, [shape[0], *x.shape[1:]])


def merged(layer: Any, quantizer: Quantizer, tensors: Sequence[Any]) -> Any:
    """Add, Subtract, Multiply or Average two tensors at a time, as the device does."""
    import tensorflow as tf

    name = type(layer).__name__
    combine = {"Subtract": tf.subtract, "Multiply": tf.multiply}.get(name, tf.add)
    result = tensors[0]
    for index, tensor in enumerate(tensors[1:]):
        result = combine(result, tensor)
        if index < len(tensors) - 2 or name == "Average":
            result = quantizer.activation(result, f"partial_{index}")
    return result * (1.0 / len(tensors)) if name == "Average" else result


def upsampling(layer: Any, quantizer: Quantizer, x: Any) -> Any:
    """Nearest upsampling by the resize kernel, which every int8 runtime has."""
    import tensorflow as tf

    if len(x.shape) == 3:
        return tf.squeeze(tf.image.resize(x[:, tf.newaxis], [1, x.shape[1] * layer.size], "nearest"), 1)
    size = [x.shape[1] * layer.size[0], x.shape[2] * layer.size[1]]
    return tf.image.resize(x, size, getattr(layer, "interpolation", "nearest"))


def prelu(layer: Any, quantizer: Quantizer, x: Any) -> Any:
    """PReLU in steps: the converter leaves the slopes of its own PRELU op in float."""
    import tensorflow as tf

    slopes = round_constant(tf.convert_to_tensor(layer.alpha))
    positive = quantizer.activation(tf.nn.relu(x), "positive")
    negative = quantizer.activation(tf.minimum(x, 0.0), "negative")
    return positive + quantizer.activation(negative * slopes, "sloped")


def swish(_: Any, quantizer: Quantizer, x: Any) -> Any:
    """X * sigmoid(x): a LOGISTIC, whose int8 range is fixed, and a MUL."""
    import tensorflow as tf

    return x * quantizer.fixed(tf.sigmoid(x), *SIGMOID_RANGE)


def hard_sigmoid(_: Any, quantizer: Quantizer, x: Any) -> Any:
    """relu6(x + 3) / 6."""
    import tensorflow as tf

    return quantizer.fixed(tf.nn.relu6(x + 3.0), 0.0, 6.0) * (1 / 6)


def hard_swish(_: Any, quantizer: Quantizer, x: Any) -> Any:
    """X * relu6(x + 3) / 6, which the converter turns into one HARD_SWISH."""
    import tensorflow as tf

    return x * tf.nn.relu6(x + 3.0) * (1 / 6)


def layer_norm(layer: Any, quantizer: Quantizer, x: Any) -> Any:
    """Layer normalization step by step: mean, centre, variance, inverse root, gain and offset."""
    import tensorflow as tf

    axes = list(layer.axis) if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    mean = quantizer.activation(tf.reduce_mean(x, axes, keepdims=True), "mean")
    centred = quantizer.activation(x - mean, "centred")
    square = quantizer.activation(centred * centred, "square")
    variance = quantizer.activation(tf.reduce_mean(square, axes, keepdims=True), "variance")
    shifted = quantizer.activation(variance + layer.epsilon, "shifted")
    # Without the floor the root of a variance that rounds to zero is infinite here and not on the device.
    inverse = quantizer.activation(tf.math.rsqrt(tf.maximum(shifted, layer.epsilon)), "inverse")
    y = centred * inverse
    for name, combine in (("gamma", tf.multiply), ("beta", tf.add)):
        weight = getattr(layer, name, None)
        if weight is not None:
            y = combine(quantizer.activation(y, f"before_{name}"), round_constant(tf.convert_to_tensor(weight)))
    return y


def attention(layer: Any, quantizer: Quantizer, query: Any, value: Any, key: Any = None, **kwargs: Any) -> Any:
    """Multi-head attention: four projections, two matrix products and a softmax."""
    import math

    import tensorflow as tf

    key = value if key is None else key
    q = quantizer.activation(weighted(layer._query_dense, quantizer, query), "query")
    k = quantizer.activation(weighted(layer._key_dense, quantizer, key), "key")
    v = quantizer.activation(weighted(layer._value_dense, quantizer, value), "value")
    q = quantizer.activation(q * (1 / math.sqrt(float(layer._key_dim))), "scaled")
    q, k, v = (tf.transpose(tensor, [0, 2, 1, 3]) for tensor in (q, k, v))
    scores = quantizer.activation(tf.matmul(q, k, transpose_b=True), "scores")
    if kwargs.get("use_causal_mask"):
        allowed = tf.linalg.band_part(tf.ones(scores.shape[-2:]), -1, 0)
        scores = quantizer.activation(scores - 32.0 * (1.0 - allowed), "masked")
    weights = quantizer.fixed(tf.nn.softmax(scores), *SIGMOID_RANGE)
    if quantizer.training:
        weights = layer._dropout_layer(weights)
    mixed = quantizer.activation(tf.transpose(tf.matmul(weights, v), [0, 2, 1, 3]), "mixed")
    return weighted(layer._output_dense, quantizer, mixed)
