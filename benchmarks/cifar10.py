"""CIFAR-10 stored as JPEG files in two .npz files (`jpeg`, `offsets`, `labels`): images, and augmented batches."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.shifted import shifted

BATCH, STEPS = 128, 390
"""One epoch: 390 batches of 128 of the 50,000 images."""
VALIDATION = 5000
"""The last training images, which choices are made on: then no training sees them."""


def images(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (uint8, N × 32 × 32 × 3) and labels of "train" or "test"."""
    with np.load(Path(folder) / f"cifar10_jpeg_{part}.npz") as file:
        jpeg, offsets, labels = file["jpeg"], file["offsets"], file["labels"]
    files = [jpeg[a:b].tobytes() for a, b in pairwise(offsets)]
    return np.stack([tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE").numpy() for file in files]), labels


def augmented(x: np.ndarray, y: np.ndarray, seed: int, shift: int = 4) -> tf.data.Dataset:
    """Return shuffled batches without end, mirrored and shifted by so many pixels at most."""
    return shifted(x, y, seed, BATCH, (shift, shift), mirror=True)
