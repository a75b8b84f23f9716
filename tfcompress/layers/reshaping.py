"""Layers and operations that move values or repeat them, without changing any.

In: a layer or operation, a `Quantizer`, a tensor. Out: its spec, and its form.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers.channel_rules.tensor_rules import (
    permute,
    repeat_vector,
    reshape,
    same,
    slices,
    spatial,
    split,
    unchanged,
)
from tfcompress.layers.example import LINE, Example, layer
from tfcompress.layers.layer_spec import CallInfo, LayerSpec
from tfcompress.layers.quantizer import Quantizer, as_keras


def upsampling(quantizer: Quantizer, layer: Any, x: Any) -> Any:
    """Nearest upsampling by the resize kernel, which every runtime has."""
    import tensorflow as tf

    if None in x.shape[1:-1]:
        return as_keras(layer, x)
    flat = x[:, tf.newaxis] if len(x.shape) == 3 else x
    factors = (1, layer.size if isinstance(layer.size, int) else layer.size[0]) if len(x.shape) == 3 else layer.size
    size = [flat.shape[1] * factors[0], flat.shape[2] * factors[1]]
    # Without half pixel centres, as the centre of an output pixel lies in the pixel that it repeats either way.
    big = tf.raw_ops.ResizeNearestNeighbor(images=flat, size=size)
    return tf.squeeze(big, 1) if len(x.shape) == 3 else big


def bilinear(quantizer: Quantizer, layer: Any, x: Any) -> Any:
    """Bilinear upsampling."""
    import tensorflow as tf

    if None in x.shape[1:-1]:
        return as_keras(layer, x)
    return tf.image.resize(x, [x.shape[1] * layer.size[0], x.shape[2] * layer.size[1]], "bilinear")


def masking(quantizer: Quantizer, layer: Any, x: Any) -> Any:
    """Masking: what it masks is zero already where zeros mark it; of another number int8 holds what is next to it."""
    import tensorflow as tf

    if not layer.mask_value:
        result = tf.identity(x)
        result._keras_mask = layer.compute_mask(x)  # which tf_keras leaves to the call
        return result
    value, step = tf.cast(layer.mask_value, x.dtype), quantizer.input_grid_step
    kept = tf.reduce_any(tf.not_equal(x, value) if step is None else tf.abs(x - value) > step / 2.0, -1)
    result = tf.where(kept[..., tf.newaxis], x, tf.zeros_like(x))
    result._keras_mask = kept
    return result


def by_mask_value(spec: LayerSpec, layer: Any) -> LayerSpec:
    """Zeros are there already; else they take the place of another number."""
    return spec.but(result="input_range", write_cost=1) if layer.mask_value else spec


def repeated(_: Quantizer, layer: Any, x: Any) -> Any:
    """RepeatVector by the resize kernel: int8 TILE is not on every runtime."""
    import tensorflow as tf

    if x.shape[1] is None:
        return as_keras(layer, x)
    high = tf.raw_ops.ResizeNearestNeighbor(images=x[:, tf.newaxis, tf.newaxis], size=[layer.n, 1])
    return tf.squeeze(high, 2)


def by_interpolation(spec: LayerSpec, layer: Any) -> LayerSpec:
    """Nearest repeats values, bilinear makes new ones within their range."""
    interpolation = getattr(layer, "interpolation", "nearest")
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return spec.stays_float("channels first")
    if interpolation == "nearest":
        return spec
    if interpolation == "bilinear":
        return spec.but(result="input_range", int8=bilinear)
    return spec.stays_float(f"{interpolation} interpolation")


def of_zeros(spec: LayerSpec, operation: Any, _: CallInfo) -> LayerSpec:
    """Keep padding with other numbers in float."""
    if getattr(operation, "constant_values", None) in (None, 0):
        return spec
    return spec.stays_float("padding with something else than 0")


def _mean_without(k: Any, number: float, x: Any) -> Any:
    return k.layers.GlobalAveragePooling1D()(k.layers.Masking(number)(x))


_SAME = LayerSpec(channels=same, result="passthrough", note="range of its input")
_NO_OP = _SAME.but(write_cost=0)
_FLOAT = LayerSpec(channels=spatial, result="float", note="")

_FLATTEN = Example("Flatten", lambda k, x: k.layers.Dense(3)(k.layers.Flatten()(x)))
_PADDED = (layer("ZeroPadding1D", 1, shape=LINE), layer("ZeroPadding2D", 1))
_REPEATED = Example("RepeatVector", lambda k, x: k.layers.RepeatVector(3)(k.layers.Flatten()(x)), LINE)
_MASKED = (
    Example("Masking", lambda k, x: k.layers.GlobalAveragePooling1D()(k.layers.Masking()(k.layers.ReLU()(x))), LINE),
    Example("Masking of 6", lambda k, x: _mean_without(k, 6.0, k.layers.ReLU(6.0)(x * 20.0)), LINE),
)
_ENLARGED = (
    layer("UpSampling1D", 2, shape=LINE),
    layer("UpSampling2D", 2),
    layer("UpSampling2D", 2, interpolation="bilinear", title="UpSampling2D, bilinear"),
)

SPECS = (
    _NO_OP.but(
        names=("Reshape", "Flatten", "reshape"), examples=(layer("Reshape", (4, 64)), _FLATTEN), channels=reshape
    ),
    _NO_OP.but(names=("Identity", "StopGradient")),
    _NO_OP.but(
        names=("Masking",),
        examples=_MASKED,
        channels=None,
        int8=masking,
        trained_since=3,
        of_settings=by_mask_value,
    ),
    _SAME.but(names=("Permute", "Transpose", "transpose"), examples=(layer("Permute", (2, 1, 3)),), channels=permute),
    _SAME.but(names=("ZeroPadding1D", "ZeroPadding2D"), examples=_PADDED, channels=spatial),
    _SAME.but(names=("pad",), channels=unchanged),
    _SAME.but(names=("Pad",), channels=unchanged, of_call=of_zeros),
    _SAME.but(names=("Cropping1D", "Cropping2D"), examples=(layer("Cropping2D", 1),), channels=spatial),
    _SAME.but(names=("RepeatVector",), examples=(_REPEATED,), channels=repeat_vector, int8=repeated),
    _SAME.but(names=("GetItem", "__operators__.getitem"), channels=slices),
    _SAME.but(names=("Squeeze", "ExpandDims", "squeeze", "expand_dims"), channels=reshape),
    _SAME.but(names=("Split", "split"), channels=split),
    _FLOAT.but(names=("ZeroPadding3D", "Cropping3D", "UpSampling3D", "Resizing", "CenterCrop")),
    _SAME.but(
        names=("UpSampling1D", "UpSampling2D"),
        examples=_ENLARGED,
        channels=spatial,
        int8=upsampling,
        of_settings=by_interpolation,
    ),
)
