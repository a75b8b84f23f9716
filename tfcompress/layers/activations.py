"""Activations: as layers, as functions inside layers, and as operations.

In: an activation, a `Quantizer`, a tensor. Out: its spec, and its form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfcompress.layers import activation_forms as forms
from tfcompress.layers.activation_forms import SIGMOID_RANGE, SIGMOID_STEP, TANH_RANGE, TANH_STEP
from tfcompress.layers.channel_rules.norm_rules import prelu as channels_of_prelu
from tfcompress.layers.channel_rules.norm_rules import softmax as channels_of_softmax
from tfcompress.layers.channel_rules.tensor_rules import same
from tfcompress.layers.example import FLAT, Example, activation, convolved, layer
from tfcompress.layers.layer_spec import PLAIN_KERNEL, CallInfo, Fusion, LayerSpec
from tfcompress.layers.quantizer import Quantizer, as_keras, mask_of

MASKED = -128.0
"""Added to the scores that a mask takes out; e ** -128 is nothing, and a range that holds it keeps its fine steps."""
SLOPE = 0.2
"""That of the activation "leaky_relu", in both Kerases."""
LOG_SOFTMAX_RANGE = (-255 / 16, 0.0)


def by_limits(spec: LayerSpec, layer: Any) -> LayerSpec:
    """A ReLU layer: plain, with a limit of 6, or with a slope."""
    if float(layer.threshold or 0) or layer.max_value not in (None, 6, 6.0):
        return spec.stays_float("ReLU with a threshold, or a limit other than 6")
    slope = float(layer.negative_slope or 0)
    if slope and layer.max_value is not None:
        return spec.stays_float("ReLU with a slope and a limit")
    if slope:
        return spec.but(fusion=Fusion.NONE, slope=slope, int8=forms.sloped_relu)
    return spec if layer.max_value is None else spec.but(slope=None)


def by_slope(spec: LayerSpec, layer: Any) -> LayerSpec:
    """A rectifier with the slope that it has."""
    return spec.but(slope=float(layer.negative_slope if hasattr(layer, "negative_slope") else layer.alpha))


def softmax(quantizer: Quantizer, layer: Any, x: Any, mask: Any = None, **kwargs: Any) -> Any:
    """Softmax with a mask: what is masked is far below the rest, instead of minus infinity."""
    mask = mask_of(x) if mask is None else mask
    if mask is None or not _takes_last_axis(layer, len(x.shape)):
        return as_keras(layer, x, **({} if mask is None else {"mask": mask}), **kwargs)
    return masked_softmax(quantizer, x, mask)


def masked_softmax(quantizer: Quantizer, x: Any, mask: Any) -> Any:
    """Softmax of the numbers that a mask of their rank, a tensor or an array, leaves in."""
    import tensorflow as tf

    with quantizer.int16_scope():
        if isinstance(mask, np.ndarray):
            below = tf.constant((1.0 - mask) * MASKED, x.dtype)
        else:
            kept = quantizer.int16(tf.cast(mask, x.dtype), "kept")
            below = quantizer.int16(quantizer.int16(1.0 - kept, "gap") * MASKED, "below")
        return tf.nn.softmax(quantizer.int16(x + below, "masked"))


def softmax_over_last_axis(spec: LayerSpec, activation: Any, call: CallInfo) -> LayerSpec:
    """Keep a softmax over another axis in float."""
    if not _takes_last_axis(activation, len(call.shapes[0])):
        return spec.stays_float("softmax over an axis that is not the last")
    return spec if call.layout >= 3 else spec.but(int8=None)


def _takes_last_axis(activation: Any, rank: int) -> bool:
    axis = getattr(activation, "axis", -1)
    axes = axis if isinstance(axis, (list, tuple)) else [-1 if axis is None else axis]
    return [one % rank for one in axes] == [rank - 1]


def quick_gelu(quantizer: Quantizer, _: Any, x: Any) -> Any:
    """The GELU of CLIP, which KerasHub and Transformers ship: x * sigmoid(1.702 * x)."""
    import tensorflow as tf

    return x * quantizer.fixed(tf.sigmoid(quantizer.activation(1.702 * x, "scaled")), *SIGMOID_RANGE)


def _function(layer: Any) -> Any:
    return layer.activation


_PRELU = layer("PReLU", alpha_initializer="uniform", shared_axes=[1, 2])
_ELU = Example("ELU", lambda k, x: k.layers.ELU()(convolved(k, x)))
_GLU = Example("Activation glu", lambda k, x: k.activations.glu(x), needs="activations.glu")
"""Not in the layer Activation, which tells the layers behind it that it keeps the number of channels."""
_RELU = LayerSpec(channels=same, fusion=Fusion.FUSES_INTO_PREVIOUS, slope=0.0)
_FIXED = LayerSpec(channels=same, result="fixed_range", range=SIGMOID_RANGE, note="range of the kernel")
_STEPS = LayerSpec(channels=same, note="int8 steps")
_ZERO_TO_ONE: dict[str, Any] = {"result": "fixed_range", "range": (0.0, 1.0)}
_FLOAT = LayerSpec(channels=same, result="float", note="")
_SINCE_3 = _STEPS.but(trained_since=3)

SPECS = (
    LayerSpec(("Activation",), inner=_function),
    LayerSpec(("linear",), channels=same, result="passthrough", note="range of its input", write_cost=0),
    _RELU.but(names=("relu", "Relu", "nn.relu"), examples=(activation("relu"),)),
    _RELU.but(names=("relu6", "Relu6", "nn.relu6"), slope=None),
    _RELU.but(names=("ReLU",), examples=(layer("ReLU"), layer("ReLU", 6.0, title="ReLU6")), of_settings=by_limits),
    LayerSpec(("leaky_relu",), channels=same, slope=SLOPE),
    LayerSpec(("LeakyReLU", "LeakyRelu"), channels=same, examples=(layer("LeakyReLU"),), of_settings=by_slope),
    _STEPS.but(names=("PReLU",), examples=(_PRELU,), channels=channels_of_prelu, rounded=forms.prelu, prunable=False),
    _FIXED.but(names=("sigmoid", "Sigmoid"), examples=(activation("sigmoid"),)),
    _FIXED.but(names=("softmax",), channels=channels_of_softmax, write_cost=PLAIN_KERNEL),
    _FIXED.but(
        names=("Softmax",),
        examples=(layer("Softmax", shape=FLAT),),
        channels=channels_of_softmax,
        write_cost=PLAIN_KERNEL,
        int8=softmax,
        of_call=softmax_over_last_axis,
    ),
    _FIXED.but(names=("tanh", "Tanh"), examples=(activation("tanh"),), range=TANH_RANGE),
    _STEPS.but(
        names=("silu", "swish", "Silu"), examples=(activation("swish"),), int8=forms.swish, product=SIGMOID_STEP
    ),
    _STEPS.but(
        names=("hard_silu", "hard_swish"),
        examples=(activation("hard_swish"),),
        int8=forms.hard_swish,
        write_cost=PLAIN_KERNEL,
    ),
    _STEPS.but(
        names=("hard_sigmoid",), examples=(activation("hard_sigmoid"),), rounded=forms.hard_sigmoid, **_ZERO_TO_ONE
    ),
    _SINCE_3.but(
        names=("quick_gelu",),
        int8=quick_gelu,
        product=SIGMOID_STEP,
        homes=("keras_hub.", "keras_nlp.", "transformers."),
    ),
    LayerSpec(("gelu", "Gelu"), channels=same, examples=(activation("gelu"),)),
    _SINCE_3.but(names=("elu", "ELU", "Elu"), examples=(_ELU,), int8=forms.elu),
    _SINCE_3.but(names=("selu", "Selu"), examples=(activation("selu"),), int8=forms.selu),
    _SINCE_3.but(names=("softplus", "Softplus"), examples=(activation("softplus"),), int8=forms.softplus),
    _SINCE_3.but(names=("celu", "Celu"), examples=(activation("celu"),), int8=forms.celu),
    _SINCE_3.but(names=("mish", "Mish"), examples=(activation("mish"),), int8=forms.mish, product=TANH_STEP),
    _SINCE_3.but(names=("log_sigmoid", "LogSigmoid"), examples=(activation("log_sigmoid"),), int8=forms.log_sigmoid),
    _SINCE_3.but(names=("softsign", "Softsign"), examples=(activation("softsign"),), int8=forms.softsign),
    _SINCE_3.but(names=("squareplus", "Squareplus"), examples=(activation("squareplus"),), int8=forms.squareplus),
    _SINCE_3.but(names=("tanh_shrink", "TanhShrink"), examples=(activation("tanh_shrink"),), int8=forms.tanh_shrink),
    _SINCE_3.but(names=("soft_shrink", "SoftShrink"), examples=(activation("soft_shrink"),), int8=forms.soft_shrink),
    _SINCE_3.but(
        names=("hard_shrink", "HardShrink"),
        examples=(activation("hard_shrink"),),
        int8=forms.hard_shrink,
        result="input_range",
    ),
    _SINCE_3.but(names=("sparse_plus", "SparsePlus"), examples=(activation("sparse_plus"),), int8=forms.sparse_plus),
    _SINCE_3.but(
        names=("sparse_sigmoid", "SparseSigmoid"),
        examples=(activation("sparse_sigmoid"),),
        int8=forms.sparse_sigmoid,
        **_ZERO_TO_ONE,
    ),
    _SINCE_3.but(names=("glu", "Glu"), examples=(_GLU,), channels=None, int8=forms.glu, product=SIGMOID_STEP),
    LayerSpec(("exponential", "Exp"), examples=(activation("exponential"),), channels=same, trained_since=3),
    LayerSpec(
        ("hard_tanh", "HardTanh"),
        examples=(activation("hard_tanh"),),
        channels=same,
        fusion=Fusion.FUSES_INTO_PREVIOUS,
        trained_since=3,
    ),
    _FLOAT.but(names=("threshold", "ThresholdedReLU")),
    _FIXED.but(
        names=("log_softmax", "LogSoftmax"),
        examples=(activation("log_softmax"),),
        channels=channels_of_softmax,
        range=LOG_SOFTMAX_RANGE,
        write_cost=1,
        trained_since=3,
    ),
)

_BY_NAME = {name: spec for spec in SPECS for name in spec.names}


def activation_spec(function: Any) -> LayerSpec:
    """Return the spec of an activation function; unknown ones are in float."""
    name, home = (getattr(function, name, None) or "" for name in ("__name__", "__module__"))
    spec = _BY_NAME.get(name)
    return spec if spec is not None and home.startswith(spec.homes) else LayerSpec(result="float", note="")
