"""Norms, and layers that scale what comes in.

In: a layer, a `Quantizer`, a tensor. Out: their specs, and their forms.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers.channel_affine import (
    batch_norm,
    folded_batch_norm,
    normalization,
    of_batch_norm,
    of_normalization,
    of_rescaling,
    rescaling,
)
from tfcompress.layers.channel_rules import norm_rules
from tfcompress.layers.channel_rules.tensor_rules import same
from tfcompress.layers.quantizer import Quantizer
from tfcompress.layers.rounding import round_constant
from tfcompress.layers.spec import CallInfo, Fusion, LayerSpec


def layer_norm(quantizer: Quantizer, layer: Any, x: Any) -> Any:
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


def over_last_axis(spec: LayerSpec, layer: Any) -> LayerSpec:
    """Keep a batch norm over another axis in float."""
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    if axis in (-1, layer.input_spec.ndim - 1):
        return spec
    return spec.stays_float("batch norm over an axis that is not the last")


def of_floats(spec: LayerSpec, _: Any, call: CallInfo) -> LayerSpec:
    """Keep in float what scales integers."""
    if not call.dtypes[0].startswith(("float", "bfloat")):
        return spec.stays_float("integers in")
    return spec


def over_last_axis_of_floats(spec: LayerSpec, layer: Any, call: CallInfo) -> LayerSpec:
    """Keep in float what normalizes integers, or an axis that is not the last."""
    if any(size not in (1, None) for size in tuple(layer.mean.shape)[:-1]):
        return spec.stays_float("an axis that is not the last")
    return of_floats(spec, layer, call)


_FLOAT = LayerSpec(result="float", note="", prunable=False)

SPECS = (
    LayerSpec(
        ("BatchNormalization",),
        channels=norm_rules.batch_norm,
        note="per-channel multiply and add",
        fusion=Fusion.ABSORBS_NEXT | Fusion.FUSES_INTO_KERNEL,
        rounded=batch_norm,
        folded=folded_batch_norm,
        scale_and_offset=of_batch_norm,
        bias=True,
        prunable=False,
        of_settings=over_last_axis,
    ),
    LayerSpec(
        ("Rescaling",),
        channels=norm_rules.rescaling,
        note="int8 steps",
        rounded=rescaling,
        scale_and_offset=of_rescaling,
        bias=True,
        of_call=of_floats,
    ),
    LayerSpec(
        ("Normalization",),
        note="int8 steps",
        rounded=normalization,
        scale_and_offset=of_normalization,
        bias=True,
        prunable=False,
        of_call=over_last_axis_of_floats,
    ),
    LayerSpec(
        ("LayerNormalization",),
        channels=norm_rules.layer_norm,
        note="int8 steps",
        rounded=layer_norm,
        prunable=False,
    ),
    _FLOAT.but(names=("SyncBatchNormalization",), channels=norm_rules.batch_norm),
    _FLOAT.but(names=("RMSNormalization",), channels=norm_rules.layer_norm),
    _FLOAT.but(names=("GroupNormalization",), channels=norm_rules.group_norm),
    _FLOAT.but(names=("UnitNormalization",), channels=same),
    _FLOAT.but(names=("LayerScale",), channels=norm_rules.layer_scale),
)
