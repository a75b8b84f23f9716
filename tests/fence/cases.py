"""The models of the fence: one layer each, and small networks in which layers meet.

In: a Keras module and a name. Out: a model with weights drawn by NumPy, and inputs.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.models import nested, small_cnn, three_inputs
from tfcompress.keras_compat import model_io, model_view
from tfcompress.layers.catalogue import examples
from tfcompress.layers.example import LINE, Example, convolved

WAYS = ("int8", "int16x8", "trained", "file")


def masked(k: Any, x: Any) -> Any:
    return k.layers.GRU(5)(k.layers.Masking(0.0)(x))


def block(k: Any, x: Any) -> Any:
    """A layer of a transformer."""
    x = k.layers.LayerNormalization()(x + k.layers.MultiHeadAttention(2, 4)(x, x))
    return k.layers.LayerNormalization()(x + k.layers.Dense(4)(k.layers.Dense(8, activation="gelu")(x)))


def after_conv(activation: str) -> Callable[[Any, Any], Any]:
    return lambda k, x: k.layers.Activation(activation)(convolved(k, x))


def inverted_residual(k: Any, x: Any) -> Any:
    """The block of a MobileNet."""
    y = k.layers.ReLU(6.0)(k.layers.BatchNormalization()(k.layers.Conv2D(12, 1, use_bias=False)(x)))
    y = k.layers.ReLU(6.0)(k.layers.BatchNormalization()(k.layers.DepthwiseConv2D(3, padding="same")(y)))
    y = k.layers.BatchNormalization()(k.layers.Conv2D(4, 1, use_bias=False)(y))
    return k.layers.GlobalAveragePooling2D()(k.layers.Add()([x, y]))


def boxes(k: Any, x: Any) -> Any:
    """Probabilities beside large numbers."""
    flat = k.layers.Flatten()(x)
    return k.layers.Concatenate()([k.layers.Dense(4, activation="sigmoid")(flat), k.layers.Dense(4)(flat) * 50.0])


EXTRA = {
    example.title: example
    for example in (
        *(Example(f"{name} after a convolution", after_conv(name)) for name in ("elu", "selu", "softplus", "relu6")),
        Example("Masking", masked, LINE),
        Example("transformer", block, LINE),
        Example("inverted residual", inverted_residual),
        Example("boxes", boxes, LINE),
    )
}
NETWORKS = {"small CNN": small_cnn, "nested": nested, "three inputs": three_inputs}
ALONE = examples() | EXTRA


def names_of(k: Any) -> tuple[str, ...]:
    """Return the models that a Keras has."""
    return (*(name for name, example in ALONE.items() if example.exists(k)), *NETWORKS)


QUICK = ("BatchNormalization, fused", "Concatenate", "LayerNormalization", "nested", "GRU")
"""The models that every run of the tests looks at; the others are slow."""


def model_of(k: Any, name: str) -> Any:
    """Return a model with weights that do not depend on which Keras it is of."""
    model = NETWORKS[name](k) if name in NETWORKS else ALONE[name].model(k)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for layer in model_view.leaf_layers(model):
        for variable in layer[1].weights:
            if str(variable.dtype).startswith("float") or getattr(variable.dtype, "is_floating", False):
                variable.assign(_drawn(rng, variable))
    return model


def _drawn(rng: np.random.Generator, variable: Any) -> np.ndarray:
    """Draw a weight of a trained model's size; variances stay positive, statistics of Normalization as they are."""
    shape, path = tuple(variable.shape), getattr(variable, "path", variable.name)
    last = path.removesuffix(":0").rsplit("/")[-1]
    if last in ("mean", "variance", "count"):
        return np.asarray(variable)
    if "variance" in last or "gamma" in last or last == "scale":
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    fan = max(1, int(np.prod(shape[:-1])))
    return (rng.normal(size=shape) / np.sqrt(fan)).astype(np.float32)


def inputs_of(model: Any, name: str, count: int = 64) -> Any:
    """Return random inputs for a model."""
    if name in ALONE:
        return ALONE[name].inputs(count)
    rng = np.random.default_rng(0)
    specs = model_io.inputs(model)
    drawn = {spec.name: rng.normal(size=(count, *spec.shape[1:])).astype(np.float32) for spec in specs}
    return drawn if len(specs) > 1 else next(iter(drawn.values()))
