"""Weights of four bits: the numbers from -7 to 7, and the scales that lose least.

In: float weights. Out: scales. Used where a float model is quantized, where it trains, and where a file is written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

LARGEST = 7
"""Four bits go from -8 to 7; a symmetric grid leaves -8 out."""

SHRINKINGS = np.linspace(0.3, 1.0, 36)
"""The scales that are tried, in parts of that which reaches the largest weight."""

OF_ZEROS = 1e-2
"""The scale of a kernel that is 0 everywhere."""

ON_GRID = 2e-3
"""How far from a whole number a weight of a trained grid may be, in steps: float32 has been multiplied a few times."""


def least_error_scales(weights: np.ndarray, keep: Sequence[int]) -> np.ndarray:
    """Return the scales with which rounding to four bits has the least squared error.

    Args:
        weights: Float weights.
        keep: The axes that have a scale for each index; none: one scale for all.

    Returns:
        Float32, of the rank of the weights with 1 in place of all other axes; where all weights are 0 that of the
        others, as biases are held in its steps.
    """
    axes = _others(weights, keep)
    largest = np.abs(weights).max(axis=axes, keepdims=True, initial=0)
    whole = np.where(largest > 0, largest, LARGEST) / LARGEST
    best, least = whole, np.full(whole.shape, np.inf)
    for shrinking in SHRINKINGS:
        scales = whole * shrinking
        error = ((weights - rounded(weights, scales) * scales) ** 2).sum(axis=axes, keepdims=True)
        best, least = np.where(error < least, scales, best), np.minimum(error, least)
    return _for_zeros(np.where(largest > 0, best, np.nan))


def trained_scales(weights: np.ndarray, keep: Sequence[int]) -> np.ndarray | None:
    """Return the scales of the grid on which training has put weights; None where they lie on none of four bits.

    Args:
        weights: Float weights.
        keep: The axes that have a scale for each index.
    """
    axes = _others(weights, keep)
    largest = np.abs(weights).max(axis=axes, keepdims=True, initial=0)
    found = np.full(largest.shape, np.nan)
    for count in range(1, LARGEST + 1):  # how many steps the largest weight is away from 0
        steps = weights / np.where(largest > 0, largest / count, 1.0)
        fits = (np.abs(steps - np.rint(steps)) < ON_GRID).all(axis=axes, keepdims=True)
        found = np.where(np.isnan(found) & fits & (largest > 0), largest / count, found)
    return None if np.isnan(found[largest > 0]).any() else _for_zeros(found)


def rounded(weights: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return the whole numbers from -7 to 7 that stand for weights."""
    return np.clip(np.rint(weights / scales), -LARGEST, LARGEST)


def shares_scales(shape: Sequence[int], keep: Sequence[int]) -> bool:
    """Tell whether several weights have one scale; else four bits gain nothing, and biases get coarser steps.

    Args:
        shape: The shape of a kernel.
        keep: The axes that have a scale for each index.
    """
    return math.prod(shape) > math.prod(shape[axis] for axis in keep)


def _others(weights: np.ndarray, keep: Sequence[int]) -> tuple[int, ...]:
    kept = {axis % weights.ndim for axis in keep}
    return tuple(axis for axis in range(weights.ndim) if axis not in kept)


def _for_zeros(scales: np.ndarray) -> np.ndarray:
    """Fill in the scales that are not known, of weights that are all 0."""
    known = scales[~np.isnan(scales)]
    return np.where(np.isnan(scales), np.median(known) if known.size else OF_ZEROS, scales).astype(np.float32)
