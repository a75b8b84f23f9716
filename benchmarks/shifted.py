"""Batches without end of images or spectrograms, each moved by a few pixels and, where asked, mirrored."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf


def shifted(
    x: np.ndarray, y: np.ndarray, seed: int, size: int, shift: tuple[int, int], mirror: bool = False
) -> tf.data.Dataset:
    """Return shuffled batches; the last, smaller one of an epoch is left out.

    Args:
        x: Images, N × height × width × channels; what moves in from outside is 0.
        y: Labels.
        seed: What order, shifts and mirroring depend on.
        size: Images a batch.
        shift: By how many rows and columns at most, each way.
        mirror: Whether half of them, by chance, have left and right exchanged.
    """
    size = min(size, len(x))
    height, width = x.shape[1:3]

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(seed)
        padded = np.pad(x, [(0, 0), *((by, by) for by in shift), (0, 0)])
        while True:
            order = rng.permutation(len(x))
            for chosen in order[: len(x) // size * size].reshape(-1, size):
                rows = rng.integers(0, 2 * shift[0] + 1, (size, 1)) + np.arange(height)
                columns = rng.integers(0, 2 * shift[1] + 1, (size, 1)) + np.arange(width)
                if mirror:
                    turned = rng.random(size) < 0.5
                    columns[turned] = columns[turned, ::-1]
                crops = padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
                yield crops.astype("float32"), y[chosen]

    signature = (tf.TensorSpec((size, *x.shape[1:])), tf.TensorSpec((size,), y.dtype))
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(4)
