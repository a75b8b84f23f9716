"""How one layer computes on int8 grids: a function for each kind that is more than "call it, round the result".

In: a layer or operation, a `Quantizer`, the arguments of its call. Out: what the layer returns, with every
intermediate result that the .tflite holds as int8 rounded. A custom layer brings its own recipe as the method
`int8_call(quantizer, *args, **kwargs)`. Knows nothing of graphs; the result itself is rounded by the caller.
Layers that sum products are in `sums`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tfcompress.training.quantization.fake_quant import round_constant
from tfcompress.training.quantization.sums import Quantizer, weighted

SIGMOID_STEP = 1 / 256
SIGMOID_RANGE = (0.0, 255 * SIGMOID_STEP)
TANH_RANGE = (-1.0, 127 / 128)

Recipe = Callable[..., Any]


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

    if None in x.shape[1:-1]:
        return layer(x)
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


def leaky_relu(layer: Any, quantizer: Quantizer, x: Any) -> Any:
    """A ReLU layer with a slope, as the one op that it is on the device."""
    import tensorflow as tf

    return tf.nn.leaky_relu(x, float(layer.negative_slope))


def negative(_: Any, quantizer: Quantizer, x: Any, **__: Any) -> Any:
    """-x as a product: the device has no int8 NEG."""
    return x * -1.0


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
