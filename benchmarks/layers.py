"""Small models of one layer each, of either Keras: what the benchmarks of coverage ask every tool to take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

IMAGE, LINE, FLAT = (8, 8, 4), (8, 4), (6,)


def layer(name: str, *args: Any, **kwargs: Any) -> Callable[[Any, Any], Any]:
    """Return a function that calls one layer."""
    return lambda k, x: getattr(k.layers, name)(*args, **kwargs)(x)


def squeeze_and_excite(k: Any, x: Any) -> Any:
    """A gate for each channel, from its mean."""
    gate = k.layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = k.layers.Conv2D(2, 1, activation="relu")(gate)
    return k.layers.Multiply()([x, k.layers.Conv2D(4, 1, activation="sigmoid")(gate)])


def normalization(k: Any, x: Any) -> Any:
    """Normalization with the statistics of some data."""
    return k.layers.Normalization(mean=[0.1, 0.2, -0.1, 0.0], variance=[0.3, 0.2, 0.4, 0.5])(x)


def two(name: str) -> Callable[[Any, Any], Any]:
    """Return a function that merges the input with a convolution of it."""
    return lambda k, x: getattr(k.layers, name)()([x, k.layers.Conv2D(4, 3, padding="same")(x)])


def convolved(k: Any, x: Any) -> Any:
    return k.layers.Conv2D(4, 3, padding="same")(x)


def embedding(k: Any, x: Any) -> Any:
    return k.layers.GlobalAveragePooling1D()(k.layers.Embedding(20, 8)(x))


def attention(k: Any, x: Any) -> Any:
    return k.layers.MultiHeadAttention(2, 4)(x, x)


LAYERS: dict[str, tuple[Callable[[Any, Any], Any], tuple[int, ...]]] = {
    "Conv1D": (layer("Conv1D", 6, 3, activation="relu"), LINE),
    "Conv1D, causal": (layer("Conv1D", 6, 3, padding="causal"), LINE),
    "Conv2D": (layer("Conv2D", 6, 3, strides=2, padding="same"), IMAGE),
    "Conv2D, dilated": (layer("Conv2D", 6, 3, dilation_rate=2), IMAGE),
    "Conv2D, grouped": (layer("Conv2D", 6, 3, groups=2), IMAGE),
    "Conv2DTranspose": (layer("Conv2DTranspose", 6, 3, strides=2), IMAGE),
    "DepthwiseConv1D": (layer("DepthwiseConv1D", 3), LINE),
    "DepthwiseConv2D": (layer("DepthwiseConv2D", 3, depth_multiplier=2), IMAGE),
    "SeparableConv1D": (layer("SeparableConv1D", 6, 3), LINE),
    "SeparableConv2D": (layer("SeparableConv2D", 6, 3, activation="relu"), IMAGE),
    "Dense": (layer("Dense", 5, activation="softmax"), FLAT),
    "Dense on a sequence": (layer("Dense", 5), LINE),
    "EinsumDense": (layer("EinsumDense", "abc,cde->abde", (None, 2, 3)), LINE),
    "BatchNormalization, fused": (
        lambda k, x: k.layers.ReLU()(k.layers.BatchNormalization()(k.layers.Conv2D(6, 3, use_bias=False)(x))),
        IMAGE,
    ),
    "BatchNormalization, lone": (layer("BatchNormalization"), IMAGE),
    "ReLU": (layer("ReLU"), IMAGE),
    "ReLU6": (layer("ReLU", 6.0), IMAGE),
    "LeakyReLU": (layer("LeakyReLU"), IMAGE),
    "PReLU": (layer("PReLU", alpha_initializer="uniform", shared_axes=[1, 2]), IMAGE),
    "ELU": (lambda k, x: k.layers.ELU()(convolved(k, x)), IMAGE),
    **{
        f"Activation {name}": (layer("Activation", name), IMAGE)
        for name in ("swish", "hard_swish", "gelu", "sigmoid", "hard_sigmoid", "tanh")
    },
    "Softmax": (layer("Softmax"), FLAT),
    **{
        f"{kind}Pooling{axes}D": (
            layer(f"{kind}Pooling{axes}D", *([] if "Global" in kind else [2])),
            (8,) * axes + (4,),
        )
        for kind, size in (("Max", [2]), ("Average", [2]), ("GlobalMax", []), ("GlobalAverage", []))
        for axes in (1, 2)
    },
    **{name: (two(name), IMAGE) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Concatenate")},
    "x + y": (lambda k, x: x + convolved(k, x), IMAGE),
    "x * 0.5 - y": (lambda k, x: x * 0.5 - convolved(k, x), IMAGE),
    "squeeze and excite": (squeeze_and_excite, IMAGE),
    "Flatten": (lambda k, x: k.layers.Dense(3)(k.layers.Flatten()(x)), IMAGE),
    "Reshape": (layer("Reshape", (4, 64)), IMAGE),
    "Permute": (layer("Permute", (2, 1, 3)), IMAGE),
    "ZeroPadding1D": (layer("ZeroPadding1D", 1), LINE),
    "ZeroPadding2D": (layer("ZeroPadding2D", 1), IMAGE),
    "Cropping2D": (layer("Cropping2D", 1), IMAGE),
    "UpSampling1D": (layer("UpSampling1D", 2), LINE),
    "UpSampling2D": (layer("UpSampling2D", 2), IMAGE),
    "UpSampling2D, bilinear": (layer("UpSampling2D", 2, interpolation="bilinear"), IMAGE),
    "Rescaling": (layer("Rescaling", 1 / 3, 0.1), IMAGE),
    "Normalization": (normalization, IMAGE),
    "Dropout": (lambda k, x: k.layers.Dense(3)(k.layers.Dropout(0.5)(x)), FLAT),
    "Embedding": (embedding, (5,)),
    "LayerNormalization": (layer("LayerNormalization"), LINE),
    "MultiHeadAttention": (attention, LINE),
}


def network(k: Any, name: str) -> Any:
    """Return the small model of one layer, of either Keras."""
    call, shape = LAYERS[name]
    entry = k.Input(shape, dtype="int32" if name == "Embedding" else "float32")
    return k.Model(entry, call(k, entry))


def inputs(name: str, count: int) -> np.ndarray:
    """Return random inputs for it."""
    shape = LAYERS[name][1]
    rng = np.random.default_rng(0)
    if name == "Embedding":
        return rng.integers(0, 20, (count, *shape)).astype("int32")
    return rng.normal(0, 1, (count, *shape)).astype("float32")
