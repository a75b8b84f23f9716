"""Activations in ops that all have int8 kernels, each with a range at every op.

In: a `Quantizer`, an activation (a function, a layer or an operation of either Keras), a tensor. Out: what the
activation returns; its own result is rounded by the caller.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers.quantizer import Quantizer
from tfcompress.layers.rounding import round_constant

SIGMOID_STEP = 1 / 256
SIGMOID_RANGE = (0.0, 255 * SIGMOID_STEP)
TANH_STEP = 1 / 128
TANH_RANGE = (-1.0, 127 * TANH_STEP)


def prelu(quantizer: Quantizer, layer: Any, x: Any) -> Any:
    """PReLU in steps: the converter leaves the slopes of its own PRELU op in float."""
    import tensorflow as tf

    slopes = round_constant(tf.convert_to_tensor(layer.alpha))
    positive = quantizer.activation(tf.nn.relu(x), "positive")
    negative = quantizer.activation(tf.minimum(x, 0.0), "negative")
    return positive + quantizer.activation(negative * slopes, "sloped")


def sloped_relu(_: Quantizer, layer: Any, x: Any) -> Any:
    """A ReLU layer with a slope, as the one op that it is on the device."""
    import tensorflow as tf

    return tf.nn.leaky_relu(x, float(layer.negative_slope))


def swish(quantizer: Quantizer, _: Any, x: Any) -> Any:
    """X * sigmoid(x): a LOGISTIC, whose int8 range is fixed, and a MUL."""
    import tensorflow as tf

    return x * quantizer.fixed(tf.sigmoid(x), *SIGMOID_RANGE)


def hard_sigmoid(quantizer: Quantizer, activation: Any, x: Any) -> Any:
    """relu6(x + 3) / 6; that of tf_keras is (x + 2.5) / 5, whose end at 1 is that of its range in the file."""
    import tensorflow as tf

    if not (getattr(activation, "__module__", None) or "").startswith("tf_keras."):
        return quantizer.fixed(tf.nn.relu6(x + 3.0), 0.0, 6.0) * (1 / 6)
    result = quantizer.fixed(tf.nn.relu6(x + 2.5), 0.0, 6.0) * 0.2
    return result if quantizer.unrolls else tf.minimum(result, 1.0)


def hard_swish(_: Quantizer, __: Any, x: Any) -> Any:
    """X * relu6(x + 3) / 6, which the converter turns into one HARD_SWISH."""
    import tensorflow as tf

    return x * tf.nn.relu6(x + 3.0) * (1 / 6)


def elu(quantizer: Quantizer, activation: Any, x: Any) -> Any:
    """ELU with an exponential of nothing above zero; not by a minimum, which has one scale with what it is taken of."""
    return _elu(quantizer, x, float(getattr(activation, "alpha", 1.0)))


def _elu(quantizer: Quantizer, x: Any, alpha: float) -> Any:
    import tensorflow as tf

    positive = quantizer.activation(tf.nn.relu(x), "positive")
    decay = quantizer.activation(tf.exp(quantizer.activation(x - positive, "negative")), "decay")
    return positive + quantizer.activation(alpha * quantizer.activation(decay - 1.0, "less_one"), "below_zero")


def selu(quantizer: Quantizer, _: Any, x: Any) -> Any:
    """SELU with an exponential of nothing above zero."""
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return scale * quantizer.activation(_elu(quantizer, x, alpha), "elu")


def softplus(quantizer: Quantizer, _: Any, x: Any) -> Any:
    """Softplus with an exponential of nothing above zero."""
    import tensorflow as tf

    return quantizer.activation(tf.nn.relu(x), "positive") + _log_of_decay(quantizer, x)


def _log_of_decay(quantizer: Quantizer, x: Any) -> Any:
    """Return log(1 + exp(-|x|)); -|x| as a product, as the device has no int8 NEG."""
    import tensorflow as tf

    size = quantizer.activation(tf.abs(x), "size")
    decay = quantizer.activation(tf.exp(quantizer.activation(size * -1.0, "minus_size")), "decay")
    return quantizer.activation(tf.math.log(quantizer.activation(1.0 + decay, "one_more")), "log")


def celu(quantizer: Quantizer, activation: Any, x: Any) -> Any:
    """CELU: like ELU, with its exponential stretched by alpha."""
    import tensorflow as tf

    alpha = float(getattr(activation, "alpha", 1.0))
    if alpha == 1.0:
        return _elu(quantizer, x, alpha)
    positive = quantizer.activation(tf.nn.relu(x), "positive")
    stretched = quantizer.activation(quantizer.activation(x - positive, "negative") * (1.0 / alpha), "stretched")
    less_one = quantizer.activation(quantizer.activation(tf.exp(stretched), "decay") - 1.0, "less_one")
    return positive + quantizer.activation(alpha * less_one, "below_zero")


def log_sigmoid(quantizer: Quantizer, _: Any, x: Any) -> Any:
    """min(x, 0) - log(1 + exp(-|x|)); not by a minimum, which has one scale with what it is taken of."""
    import tensorflow as tf

    negative = quantizer.activation(x - quantizer.activation(tf.nn.relu(x), "positive"), "negative")
    return negative - _log_of_decay(quantizer, x)


def mish(quantizer: Quantizer, activation: Any, x: Any) -> Any:
    """X * tanh(softplus(x))."""
    import tensorflow as tf

    return x * quantizer.fixed(
        tf.tanh(quantizer.activation(softplus(quantizer, activation, x), "softplus")), *TANH_RANGE
    )


def softsign(quantizer: Quantizer, _: Any, x: Any) -> Any:
    """X / (1 + |x|)."""
    import tensorflow as tf

    return x / quantizer.activation(1.0 + quantizer.activation(tf.abs(x), "size"), "one_more")


def squareplus(quantizer: Quantizer, activation: Any, x: Any) -> Any:
    """(x + sqrt(x * x + b)) / 2."""
    import tensorflow as tf

    square = quantizer.activation(x * x, "square")
    root = quantizer.activation(
        tf.sqrt(quantizer.activation(square + float(getattr(activation, "b", 4)), "more")), "root"
    )
    return quantizer.activation(x + root, "sum") * 0.5


def tanh_shrink(quantizer: Quantizer, _: Any, x: Any) -> Any:
    """X - tanh(x)."""
    import tensorflow as tf

    return x - quantizer.fixed(tf.tanh(x), *TANH_RANGE)


def soft_shrink(quantizer: Quantizer, activation: Any, x: Any) -> Any:
    """What of x is above the threshold, less what is below its negative."""
    import tensorflow as tf

    threshold = float(getattr(activation, "threshold", 0.5))
    above = quantizer.activation(tf.nn.relu(x - threshold), "above")
    mirrored = quantizer.activation(x * -1.0, "mirrored")
    return above - quantizer.activation(tf.nn.relu(mirrored - threshold), "below")


def hard_shrink(quantizer: Quantizer, activation: Any, x: Any) -> Any:
    """X where it is larger than the threshold either way, else 0."""
    import tensorflow as tf

    size = quantizer.activation(tf.abs(x), "size")
    return tf.where(size > float(getattr(activation, "threshold", 0.5)), x, tf.zeros_like(x))


def sparse_sigmoid(quantizer: Quantizer, _: Any, x: Any) -> Any:
    """(x + 1) / 2 between 0 and 1, by a ReLU6."""
    import tensorflow as tf

    triple = quantizer.activation(x * 3.0, "triple")
    return quantizer.fixed(tf.nn.relu6(triple + 3.0), 0.0, 6.0) * (1 / 6)


def sparse_plus(quantizer: Quantizer, activation: Any, x: Any) -> Any:
    """The integral of the sparse sigmoid: its square, and what of x is above one."""
    import tensorflow as tf

    inner = quantizer.fixed(sparse_sigmoid(quantizer, activation, x), 0.0, 1.0)
    return quantizer.activation(inner * inner, "inner") + quantizer.activation(tf.nn.relu(x - 1.0), "above")


def glu(quantizer: Quantizer, activation: Any, x: Any) -> Any:
    """One half of the channels times the sigmoid of the other."""
    import tensorflow as tf

    kept, gate = tf.split(x, 2, axis=getattr(activation, "axis", -1))
    return kept * quantizer.fixed(tf.sigmoid(gate), *SIGMOID_RANGE)
