"""Pooling, and means and maxima over axes.

In: a layer or operation. Out: its spec.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers.channel_rules.tensor_rules import reduce, spatial
from tfcompress.layers.example import LINE, Example, layer
from tfcompress.layers.spec import PLAIN_KERNEL, Fusion, LayerSpec

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
    ),
    _MEAN.but(names=("GlobalAveragePooling1D", "GlobalAveragePooling2D"), examples=_both("GlobalAveragePooling")),
    _MEAN.but(names=("Mean", "reduce_mean", "math.reduce_mean"), channels=reduce),
    _FLOAT.but(names=("MaxPooling3D", "MaxPool"), fusion=Fusion.ABSORBS_NEXT),
    _FLOAT.but(names=("GlobalMaxPooling3D", "GlobalAveragePooling3D", "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D")),
    _FLOAT.but(names=("AveragePooling3D", "AveragePool"), fusion=Fusion.ABSORBS_NEXT, write_cost=PLAIN_KERNEL),
    _FLOAT.but(names=("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D"), write_cost=PLAIN_KERNEL),
    _FLOAT.but(names=("min", "sum", "prod", "var", "std", "amax", "amin"), channels=reduce),
)
