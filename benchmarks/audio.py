"""Spoken digits (Free Spoken Digit Dataset, 8 kHz): log-mel pictures, a split by speaker, and a DS-CNN for them.

The file has `audio` (int16, all recordings one after the other), `offsets` (one more than recordings), `labels` and
`speakers`. The front end stands outside the model, as on devices: there it is fixed-point code that a DSP library
brings, and what a quantizer is asked about begins behind it.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks.shifted import shifted

RATE, LENGTH = 8000, 8000
"""Samples a second; of each recording one second is taken from the middle, with silence around shorter ones."""
WINDOW, HOP, BANDS = 256, 160, 32
"""Samples a frame (32 ms) and from frame to frame (20 ms), which makes 49 frames; bands of the mel scale."""
QUIET = 10.0
"""What is this much quieter than the loudest of a recording, in natural logarithms of power, counts as silence."""
VALIDATION, TEST = ("theo",), ("yweweler",)
"""The last two names of the alphabet; the other four speakers are for training."""


def log_mel(recordings: list[np.ndarray]) -> np.ndarray:
    """Return a picture a recording, frames × bands × 1, from 0 (silence) to 1 (its loudest)."""
    power = tf.abs(tf.signal.stft(np.stack([_one_second(each) for each in recordings]), WINDOW, HOP)) ** 2
    mel = power @ tf.signal.linear_to_mel_weight_matrix(BANDS, WINDOW // 2 + 1, RATE, 60.0, 3800.0)
    logs = np.log(np.maximum(mel.numpy(), 1e-10))
    quiet = np.clip(logs - logs.max(axis=(1, 2), keepdims=True), -QUIET, 0.0)
    return (quiet[..., np.newaxis] / QUIET + 1).astype("float32")


def _one_second(audio: np.ndarray) -> np.ndarray:
    cut = audio[max(0, len(audio) - LENGTH) // 2 :][:LENGTH].astype("float32") / 32768
    before = (LENGTH - len(cut)) // 2
    return np.pad(cut, (before, LENGTH - len(cut) - before))


def pictures(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return pictures and labels of "train", "validation" and "test"; no speaker is in two of them."""
    with np.load(path) as file:
        audio, offsets, labels, speakers = (file[name] for name in ("audio", "offsets", "labels", "speakers"))
    x, y = log_mel([audio[a:b] for a, b in pairwise(offsets)]), labels.astype(np.int64)
    rows = {"validation": np.isin(speakers, VALIDATION), "test": np.isin(speakers, TEST)}
    rows["train"] = ~(rows["validation"] | rows["test"])
    return {part: (x[chosen], y[chosen]) for part, chosen in rows.items()}


def batches(x: np.ndarray, y: np.ndarray, seed: int, size: int = 32) -> tf.data.Dataset:
    """Return shuffled batches without end, shifted by up to 6 frames and 2 bands: other moments, other voices."""
    return shifted(x, y, seed, size, (6, 2))


def ds_cnn() -> keras.Model:
    """Return an untrained network of depthwise separable convolutions, as MLPerf Tiny's for keywords, on 49 × 32."""
    layers = keras.layers

    def block(x: keras.KerasTensor, name: str, width: int) -> keras.KerasTensor:
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
        x = layers.ReLU(name=f"{name}_relu1")(layers.BatchNormalization(name=f"{name}_norm1")(x))
        x = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_pointwise")(x)
        return layers.ReLU(name=f"{name}_relu2")(layers.BatchNormalization(name=f"{name}_norm2")(x))

    sound = layers.Input((1 + (LENGTH - WINDOW) // HOP, BANDS, 1), name="log_mel")
    x = layers.Conv2D(64, 3, 2, padding="same", use_bias=False, name="conv")(sound)
    x = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm")(x))
    x = layers.MaxPooling2D(name="pool")(x)
    for number in range(1, 5):
        x = block(x, f"block{number}", 64)
    x = layers.Dropout(0.3, name="dropout")(layers.GlobalAveragePooling2D(name="mean")(x))
    return keras.Model(sound, layers.Dense(10, activation="softmax", name="digit")(x), name="ds_cnn")
