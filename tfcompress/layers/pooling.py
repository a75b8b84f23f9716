"""Pooling, and means and maxima over axes.

In: a layer or operation, a `Quantizer`, a tensor. Out: its spec, and its form.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers.channel_rules.tensor_rules import reduce, spatial
from tfcompress.layers.example import LINE, Example, layer
from tfcompress.layers.layer_spec import PLAIN_KERNEL, CallInfo, Fusion, LayerSpec
from tfcompress.layers.quantizer import Quantizer, as_keras, mask_of


def masked_mean(quantizer: Quantizer, layer: Any, x: Any, mask: Any = None) -> Any:
    """The mean of the steps that a mask leaves in: their sum by the root of one over the square of their number."""
    import tensorflow as tf

    mask = mask_of(x) if mask is None else mask
    if mask is None or getattr(layer, "data_format", "channels_last") != "channels_last":
        return as_keras(layer, x, **({} if mask is None else {"mask": mask}))
    flat = not getattr(layer, "keepdims", False)
    with quantizer.int16_scope():
        kept = quantizer.int16(tf.cast(mask[..., tf.newaxis], x.dtype), "kept")
        share = quantizer.int16(tf.reduce_mean(kept, 1, keepdims=not flat), "share")
        inverse = quantizer.inverse_root(share + 1e-6, "more", "inverse")
        whole = quantizer.int16(tf.reduce_mean(quantizer.int16(x * kept, "product"), 1, keepdims=not flat), "whole")
        return quantizer.int16(whole * inverse, "once") * inverse


def adaptive_average(_: Quantizer, layer: Any, x: Any) -> Any:
    """An average over windows of one size, where the sizes divide: Keras gathers each window by itself."""
    import tensorflow as tf

    window = _window(layer, tuple(x.shape))
    if window is None:
        return as_keras(layer, x)
    if len(window) == 1:
        return tf.squeeze(tf.nn.avg_pool2d(x[:, tf.newaxis], (1, *window), (1, *window), "VALID"), 1)
    return tf.nn.avg_pool2d(x, window, window, "VALID")


def by_window(spec: LayerSpec, layer: Any, call: CallInfo) -> LayerSpec:
    """Keep windows of several sizes in float."""
    window = _window(layer, call.shapes[0])
    return _of_whole_image(spec, window, call) if window else spec.stays_float("windows of several sizes")


def by_pool_size(spec: LayerSpec, layer: Any, call: CallInfo) -> LayerSpec:
    """Tell pools that take the whole image."""
    last = getattr(layer, "data_format", "channels_last") == "channels_last"
    size = getattr(layer, "pool_size", ())
    return _of_whole_image(spec, tuple(size) if isinstance(size, (tuple, list)) else (size,), call) if last else spec


def _of_whole_image(spec: LayerSpec, window: tuple[int, ...], call: CallInfo) -> LayerSpec:
    """Let a pool of the whole image be rounded like the mean that it is in the file (`passes/substitute_ops.py`)."""
    return spec.but(averages=True) if window == tuple(call.shapes[0][1:-1]) else spec


def _window(layer: Any, shape: tuple[int | None, ...]) -> tuple[int, ...] | None:
    """Return the size of all windows; None where they differ."""
    pairs = list(zip(shape[1:-1], layer.output_size, strict=True))
    whole = layer.data_format == "channels_last" and all(size and size % out == 0 for size, out in pairs)
    return tuple(size // out for size, out in pairs) if whole else None


_MAX = LayerSpec(channels=spatial, result="passthrough", note="range of its input")
_FLOAT = LayerSpec(channels=spatial, result="float", note="")
_MEAN = LayerSpec(channels=spatial, averages=True)


def _both(name: str, *args: Any) -> tuple[Example, Example]:
    return layer(f"{name}1D", *args, shape=LINE), layer(f"{name}2D", *args)


SPECS = (
    _MAX.but(names=("MaxPooling1D", "MaxPooling2D"), examples=_both("MaxPooling", 2), fusion=Fusion.ABSORBS_NEXT),
    _MAX.but(names=("GlobalMaxPooling1D", "GlobalMaxPooling2D"), examples=_both("GlobalMaxPooling")),
    _MAX.but(names=("Max", "math.reduce_max"), channels=reduce),
    LayerSpec(
        ("AveragePooling1D", "AveragePooling2D"),
        examples=_both("AveragePooling", 2),
        channels=spatial,
        result="input_range",
        note="range of its input",
        fusion=Fusion.ABSORBS_NEXT,
        write_cost=PLAIN_KERNEL,
        of_call=by_pool_size,
    ),
    _MEAN.but(
        names=("GlobalAveragePooling1D",),
        examples=_both("GlobalAveragePooling")[:1],
        channels=spatial,
        int8=masked_mean,
    ),
    _MEAN.but(names=("GlobalAveragePooling2D",), examples=_both("GlobalAveragePooling")[1:]),
    _MEAN.but(names=("Mean", "reduce_mean", "math.reduce_mean"), channels=reduce),
    _FLOAT.but(names=("MaxPooling3D", "MaxPool"), fusion=Fusion.ABSORBS_NEXT),
    _FLOAT.but(names=("GlobalMaxPooling3D", "GlobalAveragePooling3D", "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D")),
    _FLOAT.but(names=("AveragePooling3D", "AveragePool"), fusion=Fusion.ABSORBS_NEXT, write_cost=PLAIN_KERNEL),
    LayerSpec(
        ("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D"),
        examples=_both("AdaptiveAveragePooling", 4),
        channels=spatial,
        result="input_range",
        note="range of its input",
        int8=adaptive_average,
        trained_since=3,
        write_cost=PLAIN_KERNEL,
        of_call=by_window,
    ),
    _FLOAT.but(names=("min", "sum", "prod", "var", "std", "amax", "amin"), channels=reduce),
)
