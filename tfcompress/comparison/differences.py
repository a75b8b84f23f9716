"""How far the outputs of a file are from those of its model, summed over batches.

In: arrays by output name, batch by batch. Out: mean and largest error, by output. Knows nothing of classes.
"""

from __future__ import annotations

import numpy as np

from tfcompress.errors import DataError


class Differences:
    """What was summed so far."""

    def __init__(self) -> None:
        self.samples = 0
        self.low, self.high = np.inf, -np.inf
        self._sums: dict[str, tuple[float, float, int]] = {}  # largest, sum, count

    def add(self, name: str, reference: np.ndarray, ours: np.ndarray) -> None:
        """Add the outputs of one batch under a name of the model.

        Raises:
            DataError: the shapes differ, or a value is not finite.
        """
        if reference.shape != ours.shape:
            raise DataError(
                f"The output {name!r} must have the same shape in the model and in the file.",
                received=f"{reference.shape[1:]} and {ours.shape[1:]}",
                todo="Compare a file with the model that it was made of.",
            )
        for who, array in (("Keras model", reference), ("file", ours)):
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                row = self.samples + int(np.argwhere(~np.isfinite(array.reshape(len(array), -1)))[0, 0])
                raise DataError(f"The outputs of the {who} must be finite.", received=f"{name!r} in sample {row}")
        error = np.abs(reference.astype(np.float64) - ours.astype(np.float64))
        largest, total, count = self._sums.get(name, (0.0, 0.0, 0))
        self._sums[name] = (
            max(largest, float(error.max(initial=0))),
            total + float(error.sum()),
            count + error.size,
        )
        self.low, self.high = min(self.low, float(reference.min())), max(self.high, float(reference.max()))

    @property
    def by_output(self) -> dict[str, tuple[float, float]]:
        """Mean and largest error of each output."""
        return {name: (total / max(1, count), largest) for name, (largest, total, count) in self._sums.items()}

    @property
    def mean(self) -> float:
        """Mean error over the values of all outputs."""
        return sum(total for _, total, _ in self._sums.values()) / max(1, sum(n for _, _, n in self._sums.values()))

    @property
    def largest(self) -> float:
        """Largest error of all."""
        return max((largest for largest, _, _ in self._sums.values()), default=0.0)
