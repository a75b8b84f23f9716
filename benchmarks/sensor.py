"""Exercises of the shoulder by a smartwatch (10 people, 7 exercises, 50 Hz): windows, a split by person, two networks.

The data is what the package seglearn ships (`benchmarks/requirements-sensor.txt`): a dict with `X`, recordings of
(time, 6) from accelerometer and gyroscope, `y`, the exercise, and `subject`, the person. Only that file is read.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import keras
import numpy as np

STEPS, HOP = 128, 64
"""Steps of a window, 2.56 s, and from one window to the next."""
VALIDATION, TEST = (7, 8), (9, 10)
"""The last four people; the other six are for training."""
SCALE = np.array([1, 1, 1, 2.5, 2.5, 2.5], "float32")
"""What a reading is divided by: g, and radians a second; the front end of a device does it as well."""


def watch_file() -> Path:
    """Return where seglearn has put its data."""
    try:
        (found,) = (each for each in files("seglearn") or () if each.name == "watch_dataset.npy")
    except (PackageNotFoundError, ValueError):
        raise FileNotFoundError(
            "the sensor data is not installed: pip install --no-deps -r benchmarks/requirements-sensor.txt"
        ) from None
    return Path(str(found.locate()))


def windows(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return windows and exercises of "train", "validation" and "test"; no person is in two of them."""
    data = np.load(path, allow_pickle=True).item()
    cut: dict[str, tuple[list[np.ndarray], list[int]]] = {part: ([], []) for part in ("train", "validation", "test")}
    for recording, exercise, person in zip(data["X"], data["y"], data["subject"], strict=True):
        x, y = cut["validation" if person in VALIDATION else "test" if person in TEST else "train"]
        for start in range(0, len(recording) - STEPS + 1, HOP):
            x.append((recording[start : start + STEPS] / SCALE).astype("float32"))
            y.append(int(exercise))
    return {part: (np.stack(x), np.array(y, np.int64)) for part, (x, y) in cut.items()}


def cnn() -> keras.Model:
    """Return an untrained network of four convolutions in time."""
    layers = keras.layers
    x = readings = layers.Input((STEPS, 6), name="readings")
    for number, width in enumerate((32, 48, 64, 64), 1):
        x = layers.Conv1D(width, 5, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(layers.BatchNormalization(name=f"norm{number}")(x))
        x = layers.MaxPooling1D(name=f"pool{number}")(x)
    x = layers.Dropout(0.3, name="dropout")(layers.GlobalAveragePooling1D(name="mean")(x))
    return keras.Model(readings, layers.Dense(7, activation="softmax", name="exercise")(x), name="sensor_cnn")


def lstm() -> keras.Model:
    """Return an untrained network with an LSTM over 32 steps, which a convolution makes of the readings."""
    layers = keras.layers
    readings = layers.Input((STEPS, 6), name="readings")
    x = layers.Conv1D(24, 8, 4, use_bias=False, padding="same", name="conv")(readings)
    x = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm")(x))
    x = layers.Dropout(0.3, name="dropout")(layers.LSTM(48, name="lstm")(x))
    return keras.Model(readings, layers.Dense(7, activation="softmax", name="exercise")(x), name="sensor_lstm")
