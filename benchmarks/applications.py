"""Models of `keras.applications` with random weights through which something passes, and images for them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

SIZES = {
    "MobileNet": 64,
    "MobileNetV2": 64,
    "MobileNetV3Small": 64,
    "EfficientNetB0": 64,
    "EfficientNetV2B0": 64,
    "ResNet50": 64,
    "DenseNet121": 64,
    "NASNetMobile": 64,
    "InceptionV3": 96,
    "Xception": 96,
    "ConvNeXtTiny": 64,
}
SAMPLES = 64


def images(size: int, count: int, seed: int) -> np.ndarray:
    """Smooth images of different contrast and colour."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(count, size // 8, size // 8, 3)) * rng.uniform(10, 70, (count, 1, 1, 3))
    smooth = np.kron(coarse, np.ones((1, 8, 8, 1))) + rng.uniform(60, 200, (count, 1, 1, 3))
    return np.clip(smooth + rng.normal(size=smooth.shape) * 10, 0, 255).astype("float32")


def build(keras: ModuleType, name: str) -> Any:
    """Return a model whose layers all let something through."""
    keras.utils.set_random_seed(1)
    size = SIZES[name]
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=None
    )
    norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    for norm in norms:
        norm.momentum = 0.0
    if norms:  # each pass settles the norms one after the other
        for _ in range(3):
            model(images(size, SAMPLES, 2), training=True)
    return model
