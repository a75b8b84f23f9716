"""Layers that change values in training alone: dropout, noise and random images.

In: a layer. Out: its spec. In a file they are no op, but for a random crop, which takes the middle.
"""

from __future__ import annotations

from tfcompress.layers.channel_rules.tensor_rules import same, spatial
from tfcompress.layers.example import FLAT, Example
from tfcompress.layers.layer_spec import LayerSpec

_SAME = LayerSpec(channels=same, result="passthrough", note="range of its input", write_cost=0)

_DROPOUT = Example("Dropout", lambda k, x: k.layers.Dense(3)(k.layers.Dropout(0.5)(x)), FLAT)

SPECS = (
    _SAME.but(
        names=("Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout", "GaussianDropout"),
        examples=(_DROPOUT,),
    ),
    _SAME.but(names=("GaussianNoise", "ActivityRegularization")),
    _SAME.but(names=("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation"), channels=spatial),
    _SAME.but(names=("RandomContrast", "RandomBrightness"), channels=None),
    _SAME.but(names=("RandomCrop",), channels=spatial, write_cost=1),
    LayerSpec(("SpatialDropout3D", "StochasticDepth"), channels=same, result="float", note="", write_cost=0),
)
