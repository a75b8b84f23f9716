"""How far the outputs of a file are from those of its model, summed over batches.

In: arrays by output name, batch by batch. Out: mean and largest error, by output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfcompress.errors import DataError

ROUNDING = 1e-5
"""Outputs this close, as a share of their size, differ by the rounding of floats alone."""


@dataclass
class _OutputErrors:
    """Of one output."""

    largest: float = 0.0
    total: float = 0.0
    count: int = 0
    low: float = np.inf
    high: float = -np.inf


class Differences:
    """Running sums over batches."""

    def __init__(self) -> None:
        self.samples = 0
        self._outputs: dict[str, _OutputErrors] = {}

    def add(self, name: str, reference: np.ndarray, ours: np.ndarray) -> None:
        """Add the outputs of one batch under a name of the model.

        Raises:
            DataError: the shapes differ, or a value is not finite.
        """
        if reference.shape != ours.shape:
            raise DataError(
                f"The output {name!r} must have the same shape in the model and in the file.",
                received=f"{reference.shape[1:]} and {ours.shape[1:]}",
                hint="Compare a file with the model that it was made of.",
            )
        for who, array in (("Keras model", reference), ("file", ours)):
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                row = self.samples + int(np.argwhere(~np.isfinite(array.reshape(len(array), -1)))[0, 0])
                raise DataError(f"The outputs of the {who} must be finite.", received=f"{name!r} in sample {row}")
        error = np.abs(reference.astype(np.float64) - ours.astype(np.float64))
        found = self._outputs.setdefault(name, _OutputErrors())
        found.largest = max(found.largest, float(error.max(initial=0)))
        found.total += float(error.sum())
        found.count += error.size
        found.low, found.high = min(found.low, float(reference.min())), max(found.high, float(reference.max()))

    @property
    def by_output(self) -> dict[str, tuple[float, float]]:
        """Mean and largest error of each output."""
        return {name: (found.total / max(1, found.count), found.largest) for name, found in self._outputs.items()}

    def by_rounding(self, name: str) -> bool:
        """Tell whether an output differs by no more than the rounding of floats."""
        found = self._outputs[name]
        return found.largest <= ROUNDING * max(abs(found.low), abs(found.high))

    @property
    def mean(self) -> float:
        """Mean error over the values of all outputs."""
        outputs = self._outputs.values()
        return sum(found.total for found in outputs) / max(1, sum(found.count for found in outputs))

    @property
    def largest(self) -> float:
        """Largest error of all."""
        return max((found.largest for found in self._outputs.values()), default=0.0)

    @property
    def range(self) -> float:
        """Largest minus smallest value of the model's outputs."""
        outputs = self._outputs.values()
        return max(found.high for found in outputs) - min(found.low for found in outputs)
