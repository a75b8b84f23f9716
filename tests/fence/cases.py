"""The models of the fence: one layer each, and small networks in which layers meet.

In: a Keras module and a name. Out: a model with weights drawn by NumPy, and inputs.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.layers import LAYERS, convolved
from benchmarks.layers import inputs as layer_inputs
from tests.models import nested, small_cnn, three_inputs
from tfcompress import kerases

WAYS = ("int8", "int16x8", "trained", "file")
SEQUENCE, IMAGE = (8, 4), (8, 8, 4)

Call = Callable[[Any, Any], Any]


def on_sequence(name: str, *args: Any, **kwargs: Any) -> Call:
    return lambda k, x: getattr(k.layers, name)(*args, **kwargs)(x)


def masked(k: Any, x: Any) -> Any:
    return k.layers.GRU(5)(k.layers.Masking(0.0)(x))


def block(k: Any, x: Any) -> Any:
    """A layer of a transformer."""
    x = k.layers.LayerNormalization()(x + k.layers.MultiHeadAttention(2, 4)(x, x))
    return k.layers.LayerNormalization()(x + k.layers.Dense(4)(k.layers.Dense(8, activation="gelu")(x)))


def after_conv(activation: str) -> Call:
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


EXTRA: dict[str, tuple[Call, tuple[int, ...]]] = {
    **{f"{name} after a convolution": (after_conv(name), IMAGE) for name in ("elu", "selu", "softplus", "relu6")},
    "GroupNormalization": (on_sequence("GroupNormalization", 2), SEQUENCE),
    "UnitNormalization": (on_sequence("UnitNormalization"), SEQUENCE),
    "LSTM": (on_sequence("LSTM", 5), SEQUENCE),
    "LSTM, sequences": (on_sequence("LSTM", 5, return_sequences=True), SEQUENCE),
    "GRU": (on_sequence("GRU", 5), SEQUENCE),
    "SimpleRNN": (on_sequence("SimpleRNN", 5), SEQUENCE),
    "Bidirectional": (lambda k, x: k.layers.Bidirectional(k.layers.LSTM(3))(x), SEQUENCE),
    "Masking": (masked, SEQUENCE),
    "transformer": (block, SEQUENCE),
    "inverted residual": (inverted_residual, IMAGE),
    "boxes": (boxes, SEQUENCE),
}
NETWORKS = {"small CNN": small_cnn, "nested": nested, "three inputs": three_inputs}
NAMES = {"keras": (*LAYERS, *EXTRA, *NETWORKS)}
NAMES["tf_keras"] = tuple(name for name in NAMES["keras"] if name != "Activation hard_swish")  # which it does not have
QUICK = ("BatchNormalization, fused", "Concatenate", "LayerNormalization", "nested", "GRU")
"""The models that every run of the tests looks at; the others are slow."""


def model_of(k: Any, name: str) -> Any:
    """Return a model with weights that do not depend on which Keras it is of."""
    if name in NETWORKS:
        model = NETWORKS[name](k)
    else:
        call, shape = (LAYERS | EXTRA)[name]
        entry = k.Input(shape, dtype="int32" if name == "Embedding" else "float32", name="x")
        model = k.Model(entry, call(k, entry), name="net")
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for layer in kerases.leaf_layers(model):
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
    if name in LAYERS:
        return layer_inputs(name, count)
    rng = np.random.default_rng(0)
    specs = kerases.inputs(model)
    drawn = {spec.name: rng.normal(size=(count, *spec.shape[1:])).astype(np.float32) for spec in specs}
    return drawn if len(specs) > 1 else next(iter(drawn.values()))
