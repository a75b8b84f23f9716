"""How sparse and how clustered a model is, and what that buys: a report to print, curves for TensorBoard.

In: a built model of either Keras, or kernels. Out: the share of zeros and the number of values of each kernel, and the
sizes that matter; event files. Counts exact zeros and exact values.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfcompress.keras_compat.tfmot_layers import pruning_masks
from tfcompress.model_files.load_keras import as_model
from tfcompress.result_base import Part, Result, Table
from tfcompress.training.lora import effective_kernel
from tfcompress.training.pruning.kernels import Kernel, kernels_of
from tfcompress.typing import KerasModel, StrPath

SIZES = ("size", "deflated", "sparse", "indexed")
"""What a kernel takes, in bytes."""


@dataclass(frozen=True)
class KernelZeros:
    """The zeros and values of one kernel, and its bytes with the weights as int8."""

    size: int
    zeros: int
    deflated: int
    sparse: int
    values: int
    """How many values it holds, each counted once."""
    indexed: int
    """As a table of its values, and an index into it for each weight."""
    frozen: bool = False
    """Whether it does not train, so that no pruner touches it."""


@dataclass(frozen=True, repr=False)
class SparsityReport(Result, Mapping[str, float]):
    """A mapping from weight path to its fraction of zeros; printed, a table with the three sizes.

    Args:
        kernels: What was counted, by weight path.
    """

    kernels: dict[str, KernelZeros]

    def __getitem__(self, path: str) -> float:
        return self.kernels[path].zeros / self.kernels[path].size

    def __iter__(self) -> Iterator[str]:
        return iter(self.kernels)

    def __len__(self) -> int:
        return len(self.kernels)

    @property
    def total(self) -> float:
        """The fraction of zeros over all kernels."""
        return sum(k.zeros for k in self.kernels.values()) / sum(k.size for k in self.kernels.values())

    @property
    def headline(self) -> str:
        """The fraction of zeros over all kernels."""
        return f"{self.total:.2%} of the weights in {len(self.kernels)} kernels are zero"

    def parts(self) -> Iterator[Part]:
        """A row a kernel, and what zeros are good for."""
        kernels = {f"{path} (frozen)" if k.frozen else path: k for path, k in self.kernels.items()}
        rows = [
            (path, f"{k.zeros / k.size:.2%}", f"{k.values:,}", *(f"{getattr(k, name):,}" for name in SIZES))
            for path, k in kernels.items()
        ]
        totals = (f"{sum(getattr(k, name) for k in kernels.values()):,}" for name in SIZES)
        rows.append(("all kernels", f"{self.total:.2%}", "", *totals))
        yield Table(("weight", "zeros", "values", "in flash", "deflated", "stored sparse", "look-up table"), rows)
        yield "Bytes of the kernels as int8. Zeros change nothing in flash: a .tflite stores each of them."
        yield "They shrink the deflated download, and a sparse store (the other values, and one bit a weight)."
        yield "A look-up table holds the values, of which few are left by WeightClustering, and indices into it."


def sparsity(model: KerasModel | StrPath) -> SparsityReport:
    """Count the exact zeros and the values in every kernel of a model, frozen kernels too.

    Args:
        model: A built model of either Keras, or the path of its file. Of a layer with LoRA adapters the kernel that it
            computes with is counted, of one with TF-MOT's pruning wrapper the kernel that stripping leaves.

    Returns:
        A mapping from weight path to fraction of zeros, with `.total`; `.kernels[path].values` counts the values of a
        kernel. Printed, it is a table with bytes in flash (unchanged by zeros), deflated, stored sparse, and as a
        look-up table.

    Raises:
        ModelError: the model is none, is not built, or has no kernel.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, kernel_initializer="zeros")])
        >>> sparsity(model).total
        1.0
    """
    model = as_model(model)
    counted: dict[str, KernelZeros] = {}
    masks = pruning_masks(model)
    for kernel in kernels_of(model):
        weights = effective_kernel(kernel.layer, kernel.variable).astype(np.float32)
        weights = np.where(masks.get(id(kernel.variable), True), weights, 0)
        zeros = int((weights == 0).sum())
        scale = float(np.abs(weights).max()) / 127 or 1.0
        coded = np.round(kernel.fold.fold(weights) / scale).astype(np.int8).tobytes()
        sparse = min(weights.size, weights.size - zeros + (weights.size + 7) // 8)
        deflated = len(zlib.compress(coded, 9))
        values = np.unique(weights).size
        indexed = min(weights.size, values + (weights.size * max(1, (values - 1).bit_length()) + 7) // 8)
        counted[kernel.path] = KernelZeros(
            weights.size, zeros, deflated, sparse, values, indexed, frozen=not kernel.trains
        )
    return SparsityReport(counted)


class Summaries:
    """Writes the sparsity of kernels and a histogram of the weights that are left.

    Args:
        log_dir: A directory, which is made where it does not exist.
    """

    def __init__(self, log_dir: StrPath) -> None:
        import tensorflow as tf

        self._writer = tf.summary.create_file_writer(str(log_dir))

    def write(self, kernels: Iterable[Kernel], total: float, step: int) -> None:
        """Write one point of each curve."""
        with self._writer.as_default():
            _scalar("sparsity", total, step)
            for kernel in kernels:
                weights = kernel.read().astype(np.float64)
                _scalar(f"sparsity/{kernel.path}", float((weights == 0).mean()), step)
                _histogram(f"weights/{kernel.path}", weights[weights != 0], step)
        self._writer.flush()

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


# TensorBoard's own formats, as `tf.summary.scalar` needs TensorBoard installed even to write.


def _scalar(tag: str, value: float, step: int) -> None:
    _summary(tag, np.float32(value), step, plugin="scalars", data_class=1)


def _histogram(tag: str, values: np.ndarray, step: int) -> None:
    """Write 30 buckets, each with its left edge, right edge and count."""
    counts, edges = np.histogram(values, bins=30)
    _summary(tag, np.stack([edges[:-1], edges[1:], counts], axis=1), step, plugin="histograms", data_class=2)


def _summary(tag: str, value: Any, step: int, plugin: str, data_class: int) -> None:
    import tensorflow as tf

    kind = tf.compat.v1.SummaryMetadata
    metadata = kind(plugin_data=kind.PluginData(plugin_name=plugin), data_class=data_class)
    tf.summary.write(tag, tf.constant(value), step=step, metadata=metadata)
