"""Kernels as the runtime lays them out: folded to two axes, output channels by inputs.

In: a kernel's layer, name and shape. Out: how to fold it to a matrix and back. TensorFlow Lite keeps the kernel of a
convolution as (output, height, width, input) and that of a dense layer as (output, input): a row holds all
weights of one output. Depthwise kernels and embeddings have their channels in columns.
Knows nothing of pruning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Fold:
    """A reordering of a kernel's axes, and how many of them make the rows.

    Args:
        shape: The kernel's shape in Keras.
        axes: Its axes in the order of the runtime.
        row_axes: How many of these, from the left, make the rows of the matrix.
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    row_axes: int

    @property
    def matrix(self) -> tuple[int, int]:
        """Rows and columns of the folded kernel."""
        sizes = [self.shape[axis] for axis in self.axes]
        return math.prod(sizes[: self.row_axes]), math.prod(sizes[self.row_axes :])

    def fold(self, kernel: np.ndarray) -> np.ndarray:
        """Return a kernel as a matrix."""
        return kernel.transpose(self.axes).reshape(self.matrix)

    def unfold(self, matrix: np.ndarray) -> np.ndarray:
        """Return a matrix, such as a mask, in the kernel's own shape."""
        return matrix.reshape([self.shape[axis] for axis in self.axes]).transpose(np.argsort(self.axes))


def fold_of(layer: Any, name: str, shape: tuple[int, ...]) -> Fold:
    """Return how a kernel is folded.

    Args:
        layer: The layer that owns it; its class and those above tell what it does.
        name: The variable's own name, such as "kernel".
        shape: The kernel's shape, two axes or more.
    """
    kinds = " ".join(base.__name__ for base in type(layer).__mro__)
    axes = tuple(range(len(shape)))
    if "Embedding" in kinds:
        return Fold(shape, axes, 1)
    if name.startswith("depthwise") or "DepthwiseConv" in kinds:  # (…, input, multiplier)
        return Fold(shape, axes, len(shape) - 2)
    if "Transpose" in kinds:  # (…, output, input)
        return Fold(shape, (axes[-2], *axes[:-2], axes[-1]), 1)
    equation = getattr(layer, "equation", None)
    if "EinsumDense" in kinds and isinstance(equation, str) and "->" in equation:
        letters, result = equation.split(",")[1].split("->")
        outputs = tuple(axis for axis in axes if letters[axis] in result)
        inputs = tuple(axis for axis in axes if letters[axis] not in result)
        return Fold(shape, outputs + inputs, len(outputs))
    return Fold(shape, (axes[-1], *axes[:-1]), 1)  # (…, input, output)
