"""Weights and a sparsity in, masks out: which weights become zero. NumPy only.

In: kernels folded to two axes, a sparsity, a pattern, an allocation. Out: a boolean mask for each, True where the
weight stays. The number of zeros is exact, ties keep the weight that comes first, and weights that are zero go
first: a mask can be found again from the weights that it left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from tfcompress.errors import SettingError

Allocation = Literal["uniform", "global"]
PatternLike: TypeAlias = str | tuple[Literal["block"], tuple[int, int]]
"""What a user passes as a pattern: "element", ("block", (rows, columns)) or "n:m"."""

SMALLEST_SHARE = 0.25
"""With the global ranking every kernel keeps at least this part of what it would keep under "uniform"."""


@dataclass(frozen=True)
class Pattern:
    """Which weights become zero together: single ones, blocks of rows × columns, or n of m in a row.

    Args:
        rows: Rows of a block.
        columns: Columns of a block, or the m of n:m.
        zeros: The n of n:m: so many of `columns` weights in a row become zero. None: whole blocks.
    """

    rows: int = 1
    columns: int = 1
    zeros: int | None = None

    def __str__(self) -> str:
        if self.zeros is not None:
            return f'"{self.zeros}:{self.columns}"'
        return '"element"' if self.rows == self.columns == 1 else f'("block", ({self.rows}, {self.columns}))'

    def fits(self, shape: tuple[int, int]) -> bool:
        """Tell whether a folded kernel of this shape divides into the pattern."""
        return shape[0] % self.rows == 0 and shape[1] % self.columns == 0


def as_pattern(given: Any) -> Pattern:
    """Return the pattern that the user means: "element", ("block", (rows, columns)) or "n:m".

    Raises:
        SettingError: it is none of these.
    """
    if given == "element":
        return Pattern()
    if isinstance(given, str) and all(part.isdecimal() for part in given.split(":")) and given.count(":") == 1:
        zeros, group = map(int, given.split(":"))
        if 0 < zeros < group:
            return Pattern(columns=group, zeros=zeros)
    if isinstance(given, (tuple, list)) and len(given) == 2 and given[0] == "block":
        block = given[1]
        sizes = block if isinstance(block, (tuple, list)) else ()
        if len(sizes) == 2 and all(isinstance(s, int) and not isinstance(s, bool) and s > 0 for s in sizes):
            return Pattern(*sizes)
    pair = isinstance(given, (tuple, list)) and len(given) == 2 and all(isinstance(one, int) for one in given)
    raise SettingError(
        'A pattern must be "element", ("block", (rows, columns)) or "n:m", which is n zeros among m weights.',
        received=repr(given),
        hint=f'Write "{given[0]}:{given[1]}" for zeros among weights, or ("block", {tuple(given)}).' if pair else "",
    )


def masks(kernels: Sequence[np.ndarray], sparsity: float, pattern: Pattern, allocation: Allocation) -> list[np.ndarray]:
    """Return which weights stay, as a boolean array for each kernel.

    Args:
        kernels: Arrays of two axes that the pattern fits.
        sparsity: Share of zeros in [0, 1): of each kernel, or of all together.
        pattern: What becomes zero together.
        allocation: "uniform", the same share in each kernel, or "global", one ranking over all, each weight
            seen against those of its kernel that are larger.
    """
    scores = [_scores(np.abs(kernel.astype(np.float32)), pattern) for kernel in kernels]
    if allocation == "uniform":
        kept = [_keep_largest(score, _kept(score.size, sparsity)) for score in scores]
    else:
        kept = _keep_globally(scores, sparsity)
    if pattern.zeros is not None:
        return kept
    return [np.repeat(np.repeat(keep, pattern.rows, 0), pattern.columns, 1) for keep in kept]


def _scores(magnitudes: np.ndarray, pattern: Pattern) -> np.ndarray:
    """Return one score for each unit that becomes zero together."""
    rows, columns = magnitudes.shape
    if pattern.zeros is not None:
        groups = magnitudes.reshape(-1, pattern.columns)
        order = np.argsort(-groups, axis=1, kind="stable")
        scores = groups.copy()
        np.put_along_axis(scores, order[:, : pattern.columns - pattern.zeros], np.inf, axis=1)
        return scores.reshape(rows, columns)
    blocks = magnitudes.reshape(rows // pattern.rows, pattern.rows, columns // pattern.columns, pattern.columns)
    return blocks.mean(axis=(1, 3))


def _kept(size: int, sparsity: float) -> int:
    """Return how many of `size` weights stay, rounded in float32 as TF-MOT does; never none."""
    return max(1, int(np.round(np.float32(size) * (np.float32(1) - np.float32(sparsity)))))


def _keep_largest(scores: np.ndarray, count: int) -> np.ndarray:
    """Mark the `count` largest scores; of equal ones those that come first."""
    flat = scores.ravel()
    threshold = np.partition(flat, flat.size - count)[flat.size - count]
    keep = flat > threshold
    keep[np.flatnonzero(flat == threshold)[: count - int(keep.sum())]] = True
    return keep.reshape(scores.shape)


def _keep_globally(scores: list[np.ndarray], sparsity: float) -> list[np.ndarray]:
    """Rank the units of all kernels together, after a small share of each that stays in any case.

    Half way between plain magnitudes, by which large kernels empty small ones, and Lee et al. 2021, "Layer-adaptive
    Sparsity for the Magnitude-based Pruning", which divides a square by the sum itself and takes much from large ones.
    """
    flat = np.concatenate([_against_larger(score) for score in scores])
    starts = np.cumsum([0, *(score.size for score in scores)])
    for score, start in zip(scores, starts, strict=False):
        flat[start : start + max(1, int(SMALLEST_SHARE * (1 - sparsity) * score.size))] = np.inf
    ranked = _keep_largest(flat, max(_kept(flat.size, sparsity), int(np.isinf(flat).sum())))
    return [
        _keep_largest(score, int(ranked[start : start + score.size].sum()))
        for score, start in zip(scores, starts, strict=False)
    ]


def _against_larger(scores: np.ndarray) -> np.ndarray:
    """Return, from the largest score to the least, its square by the root of the sum of it and all larger squares."""
    falling = -np.sort(-scores.ravel())
    squares = np.where(np.isinf(falling), 0, falling).astype(np.float64) ** 2
    sums = np.cumsum(squares)
    shares = np.divide(squares, np.sqrt(sums), out=np.zeros_like(sums), where=sums > 0)
    shares[np.isinf(falling)] = np.inf
    return shares
