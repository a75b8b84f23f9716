"""The ranges of activations, from what each tensor held on the samples.

In: smallest and largest value of a tensor, and some of its values. Out: the range to quantize to.
Sources: "minmax" is that of Jacob et al., CVPR 2018; "percentile" and "mse" are described in Wu et al., "Integer
Quantization for Deep Learning Inference", 2020, section 4.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Method = Literal["minmax", "percentile", "mse"]

PERCENT = 99.99
LEVELS = 255
STEPS = 48
"""How many ends "mse" tries on each side, from the whole range down to a quarter of it."""


def choose(method: Method, low: float, high: float, values: np.ndarray) -> tuple[float, float]:
    """Return the range that int8 should span; it always holds zero, as padding and ReLU need.

    Args:
        method: "minmax": everything that was seen. "percentile": all but the outermost values. "mse": the range with
            the least mean squared error of quantization.
        low: Smallest value seen.
        high: Largest value seen.
        values: Some of the values, drawn evenly.

    Example:
        >>> choose("minmax", -1.0, 3.0, np.array([-1.0, 3.0]))
        (-1.0, 3.0)
    """
    low, high = min(0.0, low), max(0.0, high)
    if method == "minmax" or low == high or not values.size:
        return low, high
    if method == "percentile":
        inner = np.percentile(values, [100 - PERCENT, PERCENT])
        return max(low, min(0.0, float(inner[0]))), min(high, max(0.0, float(inner[1])))
    errors = _Errors(values)
    best = low, high
    for side in (1, 0, 1, 0):  # one end after the other, twice, as each depends on the other
        best = errors.best_end(best, (low, high)[side], side)
    return best


class _Errors:
    """The mean squared error of clipping and rounding some values, for many ranges at once."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = np.sort(values.astype(np.float64))
        powers = (self._values, self._values**2)
        self._first, self._second = (np.concatenate([[0.0], np.cumsum(power)]) for power in powers)
        self._zeros = np.searchsorted(self._values, 0.0, "left"), np.searchsorted(self._values, 0.0, "right")

    def best_end(self, chosen: tuple[float, float], whole: float, side: int) -> tuple[float, float]:
        """Return the chosen range with the best of many ends on one side, `whole` the widest of them."""
        if whole == 0:
            return chosen
        ends = whole * np.linspace(1.0, 0.25, STEPS)
        lows, highs = (np.full(STEPS, chosen[0]), ends) if side else (ends, np.full(STEPS, chosen[1]))
        errors = self._of(lows, highs)
        end = float(ends[np.flatnonzero(errors <= errors.min() * (1 + 1e-9))[0]])  # of equals the widest
        return (chosen[0], end) if side else (end, chosen[1])

    def _of(self, lows: np.ndarray, highs: np.ndarray) -> np.ndarray:
        below, upto = np.searchsorted(self._values, lows), np.searchsorted(self._values, highs)
        above = len(self._values) - upto
        clipped = self._second[below] - 2 * lows * self._first[below] + below * lows**2
        clipped += self._second[-1] - self._second[upto] - 2 * highs * (self._first[-1] - self._first[upto])
        clipped += above * highs**2
        # Rounding errs by a twelfth of the step squared, and not at all at zero.
        zeros = np.clip(np.minimum(upto, self._zeros[1]) - np.maximum(below, self._zeros[0]), 0, None)
        steps = (highs - lows) / LEVELS
        return (np.maximum(clipped, 0.0) + (upto - below - zeros) * steps**2 / 12) / len(self._values)
