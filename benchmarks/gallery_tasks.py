"""The data and small networks of the report gallery: one task for each kind of report, no download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from sklearn.datasets import load_diabetes

import tfcompress
from examples import digits

layers = keras.layers


@dataclass(frozen=True)
class Task:
    """A trained model, samples to calibrate with, and what it is compared on."""

    title: str
    model: Any
    samples: np.ndarray
    x: np.ndarray
    y: Any
    limits: Mapping[str, float]
    smaller: Any = None
    """The same model without some of its channels, so that a report has a file that failed."""


def classification() -> Task:
    """Which digit is it?"""
    x_train, x_test, y_train, y_test = digits.load()
    model = digits.build("keras")
    digits.train(model, x_train, y_train)
    smaller = tfcompress.prune_channels(model, macs=0.5, round_to=4)
    limits = {"accuracy": 0.02}
    return Task("Handwritten digits: classification", model, x_train[:300], x_test, y_test, limits, smaller)


def regression() -> Task:
    """How far does diabetes progress within a year, by ten measurements?"""
    data = load_diabetes()
    x, y = (10 * data.data).astype("float32"), data.target.astype("float32")[:, np.newaxis]
    keras.utils.set_random_seed(0)
    inputs = layers.Input((10,), name="measurements")
    hidden = layers.Dense(32, "relu", name="hidden2")(layers.Dense(64, "relu", name="hidden1")(inputs))
    model = keras.Model(inputs, layers.Dense(1, name="progression")(hidden), name="diabetes")
    model.compile(keras.optimizers.Adam(3e-3), "mse")
    model.fit(x[:300], y[:300], epochs=60, verbose=0)
    limits = {"mean_absolute_error": 1.0, "root_mean_squared_error": 1.0}
    return Task("Progression of diabetes: regression", model, x[:300], x[300:], y[300:], limits)


def segmentation() -> Task:
    """Which pixels are an even digit, which an odd one?"""
    x, y, _, _ = _scenes(1500, digits_each=3)
    keras.utils.set_random_seed(0)
    image = layers.Input((32, 32, 1), name="image")
    fine = layers.Conv2D(16, 3, padding="same", activation="relu", name="fine")(image)
    half = layers.Conv2D(32, 3, 2, padding="same", activation="relu", name="half")(fine)
    quarter = layers.Conv2D(48, 3, 2, padding="same", activation="relu", name="quarter")(half)
    wide = layers.Conv2D(48, 3, padding="same", activation="relu", name="wide")(quarter)
    up = layers.Concatenate(name="join_half")([layers.UpSampling2D(name="up_half")(wide), half])
    up = layers.Conv2D(24, 3, padding="same", activation="relu", name="merge_half")(up)
    up = layers.Concatenate(name="join_fine")([layers.UpSampling2D(name="up_fine")(up), fine])
    mask = layers.Conv2D(3, 3, padding="same", activation="softmax", name="mask")(up)
    model = keras.Model(image, mask, name="parity_unet")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x[:1200], y[:1200], epochs=12, verbose=0)
    limits = {"pixel_accuracy": 0.01, "mean_io_u": 0.02}
    return Task("Even and odd digits: segmentation", model, x[:200], x[1200:], y[1200:], limits)


def several_outputs() -> Task:
    """Which digit is it, and where?"""
    x, _, classes, centres = _scenes(2000, digits_each=1)
    keras.utils.set_random_seed(0)
    image = layers.Input((32, 32, 1), name="image")
    features = image
    for size in (16, 32, 48):
        features = layers.Conv2D(size, 3, 2, padding="same", activation="relu", name=f"conv{size}")(features)
    flat = layers.Flatten(name="flatten")(features)
    outputs = {
        "digit": layers.Dense(10, "softmax", name="digit")(flat),
        "centre": layers.Dense(2, name="centre")(flat),
    }
    model = keras.Model(image, outputs, name="find_the_digit")
    losses = {"digit": "sparse_categorical_crossentropy", "centre": "mse"}
    model.compile("adam", losses, loss_weights={"digit": 1.0, "centre": 5.0})
    model.fit(x[:1600], {"digit": classes[:1600], "centre": centres[:1600]}, epochs=40, verbose=0)
    y = {"digit": classes[1600:], "centre": centres[1600:]}
    limits = {"digit/accuracy": 0.02, "centre/mean_absolute_error": 0.005}
    return Task("Which digit, and where: several outputs", model, x[:300], x[1600:], y, limits)


def _scenes(count: int, digits_each: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Put digits, twice as large, onto noise of 32×32.

    Return images, masks (0 background, 1 even, 2 odd), the class of the last digit and its centre, from 0 to 1.
    """
    random = np.random.default_rng(0)
    images, _, classes, _ = digits.load()
    scenes = random.uniform(0, 0.15, (count, 32, 32, 1)).astype("float32")
    masks = np.zeros((count, 32, 32), np.int64)
    chosen, corners = random.integers(0, len(images), (count, digits_each)), random.integers(0, 17, (count, 2, 3))
    for scene in range(count):
        for place in range(digits_each):
            top, left = corners[scene, :, place]
            drawn = images[chosen[scene, place]].repeat(2, axis=0).repeat(2, axis=1)
            window = np.s_[scene, top : top + 16, left : left + 16]
            scenes[window] = np.maximum(scenes[window], drawn)
            masks[window][drawn[..., 0] > 0.3] = 1 + classes[chosen[scene, place]] % 2
    centres = ((corners[:, :, digits_each - 1] + 8) / 32).astype("float32")
    return scenes, masks, classes[chosen[:, -1]], centres
