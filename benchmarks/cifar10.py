"""CIFAR-10 stored as JPEG files in two .npz files (`jpeg`, `offsets`, `labels`): images, and augmented batches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import tensorflow as tf

BATCH, STEPS = 128, 390
"""One epoch: 390 batches of 128 of the 50,000 images."""


def images(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (uint8, N × 32 × 32 × 3) and labels of "train" or "test"."""
    with np.load(Path(folder) / f"cifar10_jpeg_{part}.npz") as file:
        jpeg, offsets, labels = file["jpeg"], file["offsets"], file["labels"]
    files = [jpeg[a:b].tobytes() for a, b in pairwise(offsets)]
    return np.stack([tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE").numpy() for file in files]), labels


def augmented(x: np.ndarray, y: np.ndarray, seed: int, shift: int = 4) -> tf.data.Dataset:
    """Return shuffled batches without end, flipped and shifted; the last, smaller one of an epoch is left out.

    Args:
        x: Images (uint8, N × 32 × 32 × 3).
        y: Labels.
        seed: What order, flips and shifts depend on.
        shift: By how many pixels at most, each way.
    """

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(seed)
        padded = np.pad(x, [(0, 0), (shift, shift), (shift, shift), (0, 0)])
        size = min(BATCH, len(x))
        while True:
            order = rng.permutation(len(x))
            for chosen in order[: len(x) // size * size].reshape(-1, size):
                rows = rng.integers(0, 2 * shift + 1, (size, 1)) + np.arange(32)
                columns = rng.integers(0, 2 * shift + 1, (size, 1)) + np.arange(32)
                flip = rng.random(size) < 0.5
                columns[flip] = columns[flip, ::-1]
                crops = padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
                yield crops.astype("float32"), y[chosen]

    size = min(BATCH, len(x))
    signature = (tf.TensorSpec((size, 32, 32, 3)), tf.TensorSpec((size,), tf.uint8))
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(4)
