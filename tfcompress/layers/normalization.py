"""Norms, and layers that scale what comes in.

In: a layer, a `Quantizer`, a tensor. Out: their specs, and their forms.
"""

from __future__ import annotations

import math
from typing import Any

from tfcompress.layers.channel_affine import (
    batch_norm,
    folded_batch_norm,
    moments_of_batch_norm,
    moments_of_normalization,
    normalization,
    of_batch_norm,
    of_normalization,
    of_rescaling,
    rescaling,
)
from tfcompress.layers.channel_rules import norm_rules
from tfcompress.layers.channel_rules.tensor_rules import same
from tfcompress.layers.example import LINE, Example, layer
from tfcompress.layers.layer_spec import CallInfo, Fusion, LayerSpec
from tfcompress.layers.quantizer import Quantizer, read_in_int16


def layer_norm(quantizer: Quantizer, layer: Any, x: Any, **_: Any) -> Any:
    """LayerNormalization: centred, then divided by the root of the mean square."""
    import tensorflow as tf

    axes = _axes(layer, x)
    shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
    with quantizer.int16_scope():
        x = read_in_int16(quantizer, x)
        mean = quantizer.int16(tf.reduce_mean(x, axes, keepdims=True), "mean")
        centred = quantizer.int16(x - mean, "centred")
        return _with_gain(quantizer, _over_root(quantizer, centred, axes, layer.epsilon), layer, shape)


def group_norm(quantizer: Quantizer, layer: Any, x: Any, **_: Any) -> Any:
    """GroupNormalization over the last axis."""
    import tensorflow as tf

    channels = x.shape[-1]
    groups = channels if layer.groups == -1 else layer.groups
    with quantizer.int16_scope():
        x = read_in_int16(quantizer, x)
        parts = tf.reshape(x, [_batch(x), math.prod(x.shape[1:-1]), groups, channels // groups])
        mean = quantizer.int16(tf.reduce_mean(parts, [1, 3], keepdims=True), "mean")
        parts = quantizer.int16(parts - mean, "centred")
        whole = tf.reshape(_over_root(quantizer, parts, [1, 3], layer.epsilon), [_batch(x), *x.shape[1:]])
        return _with_gain(quantizer, whole, layer, [*[1] * (len(x.shape) - 1), channels])


def rms_norm(quantizer: Quantizer, layer: Any, x: Any, **_: Any) -> Any:
    """RMSNormalization: divided by the root of the mean square."""
    import tensorflow as tf

    axes = _axes(layer, x)
    shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
    with quantizer.int16_scope():
        x = read_in_int16(quantizer, x)
        whole = quantizer.int16(_over_root(quantizer, x, axes, layer.epsilon), "before_scale")
        return whole * tf.reshape(tf.convert_to_tensor(layer.scale), shape)


def unit_norm(quantizer: Quantizer, layer: Any, x: Any, **_: Any) -> Any:
    """UnitNormalization: divided by the root of the sum of squares."""
    import tensorflow as tf

    axes = _axes(layer, x)
    with quantizer.int16_scope():
        x = read_in_int16(quantizer, x)
        whole = quantizer.int16(_over_root(quantizer, x, axes, 1e-12), "before_scale")
        # Not by one number, which the converter would take in to the product before it.
        return whole * tf.fill([x.shape[-1]], math.prod(x.shape[axis] for axis in axes) ** -0.5)


def _batch(x: Any) -> int:
    return -1 if x.shape[0] is None else x.shape[0]


def _axes(layer: Any, x: Any) -> list[int]:
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    return sorted(axis % len(x.shape) for axis in axes)


def _over_root(quantizer: Quantizer, x: Any, axes: list[int], epsilon: float) -> Any:
    import tensorflow as tf

    square = quantizer.int16(x * x, "square")
    variance = quantizer.int16(tf.reduce_mean(square, axes, keepdims=True), "variance")
    inverse = quantizer.inverse_root(variance + epsilon, "shifted", "inverse")
    return x * inverse


def _with_gain(quantizer: Quantizer, x: Any, layer: Any, shape: list[int]) -> Any:
    import tensorflow as tf

    for name, combine in (("gamma", tf.multiply), ("beta", tf.add)):
        weight = getattr(layer, name, None)
        if weight is not None:
            x = combine(quantizer.int16(x, f"before_{name}"), tf.reshape(tf.convert_to_tensor(weight), shape))
    return x


def batch_norm_over_last_axis(spec: LayerSpec, layer: Any) -> LayerSpec:
    """Keep a batch norm over another axis in float."""
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    if axis == -1 or (layer.input_spec is not None and axis == layer.input_spec.ndim - 1):
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


def of_known_sizes(spec: LayerSpec, _: Any, call: CallInfo) -> LayerSpec:
    """Keep a norm of open sizes in float."""
    return spec.stays_float("open sizes") if None in call.shapes[0][1:] else spec


def without_rms_scaling(spec: LayerSpec, layer: Any) -> LayerSpec:
    """Keep an old mixture of both norms in float."""
    return spec.stays_float("rms_scaling") if getattr(layer, "rms_scaling", False) else spec


def over_last_of_all(spec: LayerSpec, layer: Any) -> LayerSpec:
    """Keep a norm over another axis in float."""
    return spec if layer.axis in (-1, [-1], (-1,)) else spec.stays_float("an axis that is not the last")


_BATCH_NORM = LayerSpec(
    channels=norm_rules.batch_norm,
    note="per-channel multiply and add",
    fusion=Fusion.ABSORBS_NEXT | Fusion.FUSES_INTO_KERNEL,
    rounded=batch_norm,
    folded=folded_batch_norm,
    scale_and_offset=of_batch_norm,
    moments=moments_of_batch_norm,
    bias=True,
    prunable=False,
    of_settings=batch_norm_over_last_axis,
)
_FUSED = Example(
    "BatchNormalization, fused",
    lambda k, x: k.layers.ReLU()(k.layers.BatchNormalization()(k.layers.Conv2D(6, 3, use_bias=False)(x))),
)
_LONE = layer("BatchNormalization", title="BatchNormalization, lone")
_NORMALIZATION = layer("Normalization", mean=[0.1, 0.2, -0.1, 0.0], variance=[0.3, 0.2, 0.4, 0.5])
_GROUPS = (
    layer("GroupNormalization", 2),
    layer("GroupNormalization", 2, shape=LINE, title="GroupNormalization on a sequence"),
)
_NORM = LayerSpec(note="int16 inside", prunable=False, trained_since=3, of_call=of_known_sizes)

SPECS = (
    _BATCH_NORM.but(names=("BatchNormalization",), examples=(_FUSED, _LONE)),
    _BATCH_NORM.but(names=("SyncBatchNormalization",), trained_since=3),
    LayerSpec(
        ("Rescaling",),
        examples=(layer("Rescaling", 1 / 3, 0.1),),
        channels=norm_rules.rescaling,
        note="int8 steps",
        rounded=rescaling,
        scale_and_offset=of_rescaling,
        bias=True,
        of_call=of_floats,
    ),
    LayerSpec(
        ("Normalization",),
        examples=(_NORMALIZATION,),
        note="int8 steps",
        rounded=normalization,
        scale_and_offset=of_normalization,
        moments=moments_of_normalization,
        bias=True,
        prunable=False,
        of_call=over_last_axis_of_floats,
    ),
    LayerSpec(
        ("LayerNormalization",),
        examples=(layer("LayerNormalization", shape=LINE),),
        channels=norm_rules.layer_norm,
        note="int16 inside",
        int8=layer_norm,
        prunable=False,
        of_settings=without_rms_scaling,
    ),
    _NORM.but(
        names=("GroupNormalization",),
        examples=_GROUPS,
        channels=norm_rules.group_norm,
        int8=group_norm,
        of_settings=over_last_of_all,
    ),
    _NORM.but(
        names=("RMSNormalization",),
        examples=(layer("RMSNormalization", shape=LINE),),
        channels=norm_rules.layer_norm,
        int8=rms_norm,
    ),
    _NORM.but(
        names=("UnitNormalization",), examples=(layer("UnitNormalization", shape=LINE),), channels=same, int8=unit_norm
    ),
    LayerSpec(("LayerScale",), channels=norm_rules.layer_scale, result="float", note="", prunable=False),
)
