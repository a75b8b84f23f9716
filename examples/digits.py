"""The data and the small network of the examples: handwritten digits that scikit-learn carries, no download."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tfcompress.typing import TrainableModel


def load() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return x_train, x_test, y_train, y_test: 1,797 images of 8×8 in 0 to 1, a third of them for testing."""
    digits: Any = load_digits()  # scikit-learn and Keras bring no types
    images = (digits.images[..., np.newaxis] / 16).astype("float32")
    parts: Any = train_test_split(images, digits.target, test_size=1 / 3, random_state=0, stratify=digits.target)
    x_train, x_test, y_train, y_test = parts
    return x_train, x_test, y_train, y_test


def build(name: str) -> TrainableModel:
    """Return an untrained CNN of Keras "keras" (3) or "tf_keras" (2)."""
    keras: Any = import_module(name)
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model: TrainableModel = keras.Sequential(
        [
            layers.Input((8, 8, 1), name="image"),
            layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv1"),
            layers.BatchNormalization(name="norm1"),
            layers.ReLU(name="relu1"),
            layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise"),
            layers.BatchNormalization(name="norm2"),
            layers.ReLU(name="relu2"),
            layers.Conv2D(32, 1, activation="relu", name="conv2"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )
    return model


def train(model: TrainableModel, x: np.ndarray, y: np.ndarray, epochs: int = 15) -> None:
    """Train a model of `build` in a few seconds."""
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)
