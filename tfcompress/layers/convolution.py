"""Convolutions: plain, transposed, depthwise and separable.

In: a layer, a `Quantizer`, the arguments of its call. Out: their specs, and the sums with kernels on int8 grids.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tfcompress.layers.channel_rules import kernel_rules
from tfcompress.layers.example import LINE, layer
from tfcompress.layers.kernels import kernel_spec, product_step
from tfcompress.layers.layer_spec import Fusion, KernelLayout, LayerSpec
from tfcompress.layers.quantizer import Quantizer, step_between
from tfcompress.layers.rounding import round_bias

PLAIN = {"kernel": KernelLayout(int4_scales=(-1,))}
TRANSPOSED = {"kernel": KernelLayout(scales=(-2,), inputs=(-1,), outputs=(-2,))}
BY_CHANNEL = KernelLayout((-2, -1), (-2,), (-2, -1), outputs_last=True, int4_scales=(-2, -1))
DEPTHWISE = {"depthwise_kernel": BY_CHANNEL, "kernel": BY_CHANNEL}
"""The first name is that of tf_keras, the second that of Keras 3."""
SEPARABLE = {"depthwise_kernel": BY_CHANNEL, "pointwise_kernel": PLAIN["kernel"]}


def separable(quantizer: Quantizer, layer: Any, x: Any) -> Any:
    """Depthwise, then pointwise: two ops with an int8 tensor between."""
    import tensorflow as tf

    step = step_between(quantizer.bounds_of(x))
    sums = None
    if step is not None:
        sums = step * tf.reshape(quantizer.kernel_step(layer, "depthwise_kernel", BY_CHANNEL), [-1])
    depthwise, pointwise = (quantizer.kernel(layer, name, layout) for name, layout in SEPARABLE.items())
    strides, dilations, padding = layer.strides, layer.dilation_rate, layer.padding.upper()
    flat = len(x.shape) == 3
    if flat:
        if padding == "CAUSAL":
            left = dilations[0] * (layer.kernel_size[0] - 1)
            x, padding = tf.pad(x, [[0, 0], [left, 0], [0, 0]]), "VALID"
        x, depthwise, pointwise = tf.expand_dims(x, 1), depthwise[tf.newaxis], pointwise[tf.newaxis]
        strides, dilations = strides * 2, (1, *dilations)
    x = tf.nn.depthwise_conv2d(x, depthwise, [1, *strides, 1], padding, dilations=dilations)
    x = quantizer.activation(x, "depthwise", sums)
    x = tf.nn.conv2d(x, pointwise, 1, "VALID")
    if layer.use_bias:
        bias, step = tf.convert_to_tensor(layer.bias), quantizer.input_step
        x = tf.nn.bias_add(
            x, bias if step is None else round_bias(bias, product_step(quantizer, layer, SEPARABLE, step))
        )
    return tf.squeeze(x, 1) if flat else x


def channels_last_only(spec: LayerSpec, layer: Any) -> LayerSpec:
    """Keep a layer with channels first in float."""
    first = getattr(layer, "data_format", "channels_last") != "channels_last"
    return spec.stays_float("channels first") if first else spec


_convolution = partial(kernel_spec, of_settings=channels_last_only)
_FLOAT = LayerSpec(result="float", note="", fusion=Fusion.ABSORBS_NEXT, inline_activation=True)

_EXAMPLES = (
    layer("Conv1D", 6, 3, activation="relu", shape=LINE),
    layer("Conv1D", 6, 3, padding="causal", shape=LINE, title="Conv1D, causal"),
    layer("Conv2D", 6, 3, strides=2, padding="same"),
    layer("Conv2D", 6, 3, dilation_rate=2, title="Conv2D, dilated"),
    layer("Conv2D", 6, 3, groups=2, title="Conv2D, grouped"),
)

SPECS = (
    _convolution(PLAIN, kernel_rules.convolution, names=("Conv1D", "Conv2D"), examples=_EXAMPLES),
    _convolution(
        DEPTHWISE,
        kernel_rules.depthwise,
        names=("DepthwiseConv1D", "DepthwiseConv2D"),
        examples=(layer("DepthwiseConv1D", 3, shape=LINE), layer("DepthwiseConv2D", 3, depth_multiplier=2)),
    ),
    _convolution(
        TRANSPOSED,
        kernel_rules.transposed_convolution,
        names=("Conv1DTranspose", "Conv2DTranspose"),
        examples=(layer("Conv2DTranspose", 6, 3, strides=2), layer("Conv1DTranspose", 6, 3, strides=2, shape=LINE)),
    ),
    _convolution(
        SEPARABLE,
        kernel_rules.separable,
        names=("SeparableConv1D", "SeparableConv2D"),
        examples=(layer("SeparableConv1D", 6, 3, shape=LINE), layer("SeparableConv2D", 6, 3, activation="relu")),
        rounded=separable,
    ),
    _FLOAT.but(names=("Conv3D",), kernels=PLAIN, channels=kernel_rules.convolution),
    _FLOAT.but(names=("Conv3DTranspose",), kernels=TRANSPOSED, channels=kernel_rules.transposed_convolution),
)
