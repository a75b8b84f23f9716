"""Weights of four bits: the numbers from -7 to 7, and the scales that lose least.

In: float weights. Out: scales. Used where a float model is quantized, where it trains, and where a file is written.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LARGEST = 7
"""Four bits go from -8 to 7; a symmetric grid leaves -8 out."""

SHRINKINGS = np.linspace(0.3, 1.0, 36)
"""The scales that are tried, in parts of that which reaches the largest weight."""

ON_GRID = 2e-3
"""How far from a whole number a weight of a trained grid may be, in steps: float32 has been multiplied a few times."""


def least_error_scales(weights: np.ndarray, keep: Sequence[int]) -> np.ndarray:
    """Return the scales with which rounding to four bits has the least squared error.

    Args:
        weights: Float weights.
        keep: The axes that have a scale for each index; none: one scale for all.

    Returns:
        Float32, of the rank of the weights with 1 in place of all other axes; 1.0 where all weights are 0.
    """
    axes = _others(weights, keep)
    largest = np.abs(weights).max(axis=axes, keepdims=True, initial=0)
    whole = np.where(largest > 0, largest, LARGEST) / LARGEST
    best, least = whole, np.full(whole.shape, np.inf)
    for shrinking in SHRINKINGS:
        scales = whole * shrinking
        error = ((weights - rounded(weights, scales) * scales) ** 2).sum(axis=axes, keepdims=True)
        best, least = np.where(error < least, scales, best), np.minimum(error, least)
    return np.where(largest > 0, best, 1).astype(np.float32)


def trained_scales(weights: np.ndarray, keep: Sequence[int]) -> np.ndarray | None:
    """Return the scales of the grid on which training has put weights; None where they lie on none of four bits.

    Args:
        weights: Float weights.
        keep: The axes that have a scale for each index.
    """
    axes = _others(weights, keep)
    largest = np.abs(weights).max(axis=axes, keepdims=True, initial=0)
    found = np.where(largest > 0, np.nan, 1.0)
    for count in range(1, LARGEST + 1):  # how many steps the largest weight is away from 0
        steps = weights / np.where(largest > 0, largest / count, 1.0)
        fits = (np.abs(steps - np.rint(steps)) < ON_GRID).all(axis=axes, keepdims=True)
        found = np.where(np.isnan(found) & fits, largest / count, found)
    return None if np.isnan(found).any() else found.astype(np.float32)


def rounded(weights: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return the whole numbers from -7 to 7 that stand for weights."""
    return np.clip(np.rint(weights / scales), -LARGEST, LARGEST)


def _others(weights: np.ndarray, keep: Sequence[int]) -> tuple[int, ...]:
    kept = {axis % weights.ndim for axis in keep}
    return tuple(axis for axis in range(weights.ndim) if axis not in kept)
