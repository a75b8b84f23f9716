"""Activations: as layers, as functions inside layers, and as operations.

In: an activation, a `Quantizer`, a tensor. Out: its spec, and its form.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers.channel_rules.norm_rules import prelu as channels_of_prelu
from tfcompress.layers.channel_rules.norm_rules import softmax as channels_of_softmax
from tfcompress.layers.channel_rules.tensor_rules import same
from tfcompress.layers.quantizer import Quantizer
from tfcompress.layers.rounding import round_constant
from tfcompress.layers.spec import PLAIN_KERNEL, Fusion, LayerSpec

SIGMOID_STEP = 1 / 256
SIGMOID_RANGE = (0.0, 255 * SIGMOID_STEP)
TANH_RANGE = (-1.0, 127 / 128)
SLOPE = 0.2
"""That of the activation "leaky_relu", in both Kerases."""


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


def hard_sigmoid(quantizer: Quantizer, _: Any, x: Any) -> Any:
    """relu6(x + 3) / 6."""
    import tensorflow as tf

    return quantizer.fixed(tf.nn.relu6(x + 3.0), 0.0, 6.0) * (1 / 6)


def hard_swish(_: Quantizer, __: Any, x: Any) -> Any:
    """X * relu6(x + 3) / 6, which the converter turns into one HARD_SWISH."""
    import tensorflow as tf

    return x * tf.nn.relu6(x + 3.0) * (1 / 6)


def by_limits(spec: LayerSpec, layer: Any) -> LayerSpec:
    """A ReLU layer: plain, with a limit of 6, or with a slope."""
    if float(layer.threshold or 0) or layer.max_value not in (None, 6, 6.0):
        return spec.stays_float("ReLU with a threshold, or a limit other than 6")
    slope = float(layer.negative_slope or 0)
    if slope and layer.max_value is not None:
        return spec.stays_float("ReLU with a slope and a limit")
    if slope:
        return spec.but(fusion=Fusion.NONE, slope=slope, rounded=sloped_relu)
    return spec if layer.max_value is None else spec.but(slope=None)


def by_slope(spec: LayerSpec, layer: Any) -> LayerSpec:
    """A rectifier with the slope that it has."""
    return spec.but(slope=float(layer.negative_slope if hasattr(layer, "negative_slope") else layer.alpha))


def over_last_axis(spec: LayerSpec, activation: Any) -> LayerSpec:
    """Keep a softmax over another axis in float."""
    if getattr(activation, "axis", -1) in (-1, None):
        return spec
    return spec.stays_float("softmax over an axis that is not the last")


def _function(layer: Any) -> Any:
    return layer.activation


_RELU = LayerSpec(channels=same, fusion=Fusion.FUSES_INTO_PREVIOUS, slope=0.0)
_FIXED = LayerSpec(channels=same, result="fixed_range", range=SIGMOID_RANGE, note="range of the kernel")
_STEPS = LayerSpec(channels=same, note="int8 steps")
NO_KERNEL = LayerSpec(channels=same, result="float", note="the converter has no int8 kernel for it")
_FLOAT = LayerSpec(channels=same, result="float", note="")

SPECS = (
    LayerSpec(("Activation",), inner=_function),
    LayerSpec(("linear",), channels=same, result="passthrough", note="range of its input", write_cost=0),
    _RELU.but(names=("relu", "Relu", "nn.relu")),
    _RELU.but(names=("relu6", "Relu6", "nn.relu6"), slope=None),
    _RELU.but(names=("ReLU",), of_settings=by_limits),
    LayerSpec(("leaky_relu",), channels=same, slope=SLOPE),
    LayerSpec(("LeakyReLU", "LeakyRelu"), channels=same, of_settings=by_slope),
    _STEPS.but(names=("PReLU",), channels=channels_of_prelu, rounded=prelu, prunable=False),
    _FIXED.but(names=("sigmoid", "Sigmoid")),
    _FIXED.but(
        names=("softmax", "Softmax"), channels=channels_of_softmax, write_cost=PLAIN_KERNEL, of_settings=over_last_axis
    ),
    _FIXED.but(names=("tanh", "Tanh"), range=TANH_RANGE),
    _STEPS.but(names=("silu", "swish", "Silu"), rounded=swish, product=SIGMOID_STEP),
    _STEPS.but(names=("hard_silu", "hard_swish"), rounded=hard_swish, write_cost=PLAIN_KERNEL),
    _STEPS.but(names=("hard_sigmoid",), rounded=hard_sigmoid, result="fixed_range", range=(0.0, 1.0)),
    LayerSpec(("gelu", "Gelu"), channels=same),
    NO_KERNEL.but(names=("elu", "ELU")),
    _FLOAT.but(names=("selu", "celu", "softplus", "softsign", "mish", "exponential", "squareplus", "log_sigmoid")),
    _FLOAT.but(names=("hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink", "threshold", "ThresholdedReLU")),
    _FLOAT.but(names=("sparse_plus", "sparse_sigmoid")),
    _FLOAT.but(names=("log_softmax",), channels=channels_of_softmax),
)
