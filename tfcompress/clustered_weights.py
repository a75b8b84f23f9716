"""Clustered kernels: such as hold a few values, again and again, and the int8 scales under which they stay few.

In: weights, of a model or of a file. Out: whether they are clustered; for a file one scale for the whole kernel, or,
where a norm has been folded into it, one times what that norm multiplies each channel by. Scales that go by the largest
weight of each channel would make of one value as many integers as there are channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST_VALUES = 128
"""An index of 7 bits, the largest of TFLM's look-up tables: with more values a kernel gains nothing by them."""

REPEATS = 2
"""A clustered kernel has at least this many weights for each value; those of trained kernels hardly ever repeat."""

EVIDENCE = 0.75
"""Channels of a file are aligned if they have at most this many values for each weight that need not fit."""

LIKE = 1e-4
"""Two values of a file are one if they differ by less, in parts of themselves: float32 has been multiplied twice."""


def distinct_values(weights: np.ndarray) -> np.ndarray:
    """Return the values of a kernel, each once, zero left out."""
    values = np.unique(weights)
    return values[values != 0]


def is_clustered(weights: np.ndarray) -> bool:
    """Tell whether a kernel holds few values, and not one alone; zeros, which pruning leaves, are no repeats."""
    sample = weights.ravel()[: REPEATS**2 * MOST_VALUES]
    if distinct_values(sample).size > MOST_VALUES:
        return False
    values = distinct_values(weights).size
    return np.ptp(weights) > 0 and 0 < values <= min(MOST_VALUES, np.count_nonzero(weights) // REPEATS)


def clustered_scales(weights: np.ndarray, axis: int) -> np.ndarray | None:
    """Return a scale for each channel under which a clustered kernel of a file has as many integers as values.

    Args:
        weights: Float weights; what a norm multiplies its channels by may be folded in.
        axis: The axis of the channels.

    Returns:
        Float64, a scale a channel; None where the kernel is not clustered.
    """
    rows = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1).astype(np.float64)
    if distinct_values(rows[0]).size > MOST_VALUES:
        return None  # at once, as most kernels are not clustered
    factors, table = _aligned([_merged(distinct_values(row)) for row in rows])
    if is_clustered(weights) and (table is None or distinct_values(weights).size <= table.size):
        return np.full(len(rows), np.abs(rows).max() / 127)  # no norm has been folded in
    # One weight of each channel fits in any case; of a kernel that is not clustered, no other does.
    others = np.count_nonzero(rows) - np.count_nonzero(rows.any(axis=1))
    if table is None or not 0 < table.size <= EVIDENCE * others:
        return None
    return np.abs(factors) * np.abs(table).max() / 127


def _merged(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Take values, in order, that are as good as one for one."""
    values = np.asarray(values)
    return values[np.r_[True, np.abs(np.diff(values)) > LIKE * np.abs(values[1:])]] if values.size else values


def _aligned(channels: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return what to divide the values of each channel by so that all have few together, and these; None for many."""
    factors, table = np.ones(len(channels)), np.empty(0)
    for place in sorted(range(len(channels)), key=lambda place: -channels[place].size):
        if channels[place].size > MOST_VALUES:
            return factors, None
        factors[place] = _factor(channels[place], table)
        table = _merged(np.sort(np.concatenate([table, channels[place] / factors[place]])))
        if table.size > MOST_VALUES:
            return factors, None
    return factors, table


def _factor(values: np.ndarray, table: np.ndarray) -> float:
    """Return what to divide the values of a channel by, so that most of them are in the table; norms may turn signs."""
    if not values.size or not table.size:
        return 1.0
    best, most = 1.0, 0
    for anchor in sorted(values, key=abs, reverse=True)[:3]:  # one may be in no channel before
        for factor in anchor / table[np.argsort(-np.abs(table))]:  # of equally good ones that with the finest steps
            scaled = values / factor
            place = np.searchsorted(table, scaled).clip(1, max(1, table.size - 1))
            near = table[np.stack([place - 1, np.minimum(place, table.size - 1)])]
            found = int((np.abs(near - scaled) <= LIKE * np.abs(scaled)).any(axis=0).sum())
            if found > most:
                best, most = float(factor), found
    return best
