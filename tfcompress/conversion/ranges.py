"""The ranges of activations, from what each tensor held on the samples.

In: smallest and largest value of a tensor, and some of its values. Out: the range to quantize to.
Sources: "minmax" is that of Jacob et al., CVPR 2018; "percentile" and "mse" are described in Wu et al., "Integer
Quantization for Deep Learning Inference", 2020, section 4. Knows nothing of files or of runtimes.
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
    return _least_error(low, high, np.sort(values.astype(np.float64)))


def _least_error(low: float, high: float, values: np.ndarray) -> tuple[float, float]:
    best = low, high
    for _ in range(2):  # one end after the other, twice, as each depends on the other
        best = _best_end(best, low, high, values, side=1)
        best = _best_end(best, low, high, values, side=0)
    return best


def _best_end(
    chosen: tuple[float, float], low: float, high: float, values: np.ndarray, side: int
) -> tuple[float, float]:
    whole = (low, high)[side]
    if whole == 0:
        return chosen
    best, least = chosen, np.inf
    for share in np.linspace(1.0, 0.25, STEPS):
        tried = (chosen[0], whole * share) if side else (whole * share, chosen[1])
        error = _error(*tried, values)
        if error < least * (1 - 1e-9):
            best, least = tried, error
    return best


def _error(low: float, high: float, values: np.ndarray) -> float:
    """Mean squared error of clipping and rounding; rounding errs by a twelfth of the step squared."""
    first, last = np.searchsorted(values, (low, high))
    clipped = ((values[:first] - low) ** 2).sum() + ((values[last:] - high) ** 2).sum()
    step = (high - low) / LEVELS
    inside = np.count_nonzero(values[first:last])  # zero is always exact
    return float((clipped + inside * step**2 / 12) / len(values))
