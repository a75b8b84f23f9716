"""Sums over samples, kept for some random groups of them, so that each group can be left out once.

In: what some samples add to a sum, for the model and for its file. Out: the sums with each group left out. One pass
over any number of samples, in a memory that does not grow with it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

GROUPS = 64
PARTS = ((1024, 8), (np.inf, 2))
"""Into how many parts a batch is split, up to so many samples: each part is a call of a metric."""
NUMBERS = 2**24
"""So many sums are kept at most; metrics with large tables have fewer groups."""
FEWEST = 10


class RandomGroups:
    """Puts samples into groups, by a fixed seed, whatever order they come in.

    The first samples make a group each. Later ones join a group at random, some of a batch together.

    Args:
        most: How many groups there are at most.
    """

    def __init__(self, most: int = GROUPS) -> None:
        self._most = most
        self._random = np.random.default_rng(0)
        self.sizes: list[int] = []

    def split(self, count: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (group, rows) for a batch of `count` samples; each row once."""
        alone = min(count, self._most - len(self.sizes))
        for row in range(alone):
            self.sizes.append(1)
            yield len(self.sizes) - 1, np.array([row])
        rows = alone + self._random.permutation(count - alone)
        seen = sum(self.sizes)
        wanted = next(parts for most, parts in PARTS if seen < most)
        parts = [part for part in np.array_split(rows, wanted) if len(part)]
        for part, group in zip(parts, self._random.permutation(len(self.sizes)), strict=False):
            self.sizes[group] += len(part)
            yield int(group), part


class GroupedSums:
    """Two sums, of the model and of the file, by group.

    Args:
        numbers: How many numbers a sum has.
    """

    def __init__(self, numbers: int) -> None:
        self.groups = RandomGroups(max(FEWEST, min(GROUPS, NUMBERS // max(1, 2 * numbers))))
        self._sums: list[np.ndarray] = []

    def add(self, group: int, keras: np.ndarray, file: np.ndarray) -> None:
        """Add what some samples of a group contribute, each side as a vector."""
        both = np.stack([keras, file]).astype(np.float64)
        if group == len(self._sums):
            self._sums.append(both)
        else:
            self._sums[group] += both

    @property
    def sizes(self) -> np.ndarray:
        """How many samples each group has."""
        return np.array(self.groups.sizes)

    @property
    def same(self) -> np.ndarray:
        """Whether model and file contributed the same in a group."""
        return np.array([np.array_equal(keras, file) for keras, file in self._sums])

    @property
    def whole(self) -> np.ndarray:
        """The sums over all samples, of shape (2, numbers)."""
        return np.sum(self._sums, axis=0)

    def left_out(self) -> Iterator[np.ndarray]:
        """Yield the sums without each group in turn, of shape (2, numbers)."""
        whole = self.whole
        for sums in self._sums:
            yield whole - sums
