"""Sparsity for TensorBoard: scalars and histograms of what is pruned.

In: kernels, their sparsity, a step. Out: event files in a directory. Knows nothing of schedules.
"""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow as tf

from tfcompress.training.kernels import Kernel


class Summaries:
    """Writes the sparsity of kernels and a histogram of the weights that are left.

    Args:
        log_dir: A directory, which is made where it does not exist.
    """

    def __init__(self, log_dir: str) -> None:
        self._writer = tf.summary.create_file_writer(str(log_dir))

    def write(self, kernels: Iterable[Kernel], total: float, step: int) -> None:
        """Write one point of each curve."""
        with self._writer.as_default():
            tf.summary.scalar("sparsity", total, step=step)
            for kernel in kernels:
                weights = kernel.read()
                tf.summary.scalar(f"sparsity/{kernel.path}", float((weights == 0).mean()), step=step)
                tf.summary.histogram(f"weights/{kernel.path}", weights[weights != 0], step=step)
        self._writer.flush()

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
