"""How many output values differ between runtimes, counted over batches.

In: the outputs of several runtimes for one batch. Out: shares by pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np


class RuntimeAgreement:
    """Running totals of one comparison.

    Args:
        runtimes: Their names, in the order in which outputs come.
    """

    def __init__(self, runtimes: Sequence[str]) -> None:
        self._runtimes = runtimes
        self._differ = dict.fromkeys(combinations(range(len(runtimes)), 2), 0)
        self._values = 0

    def add(self, outputs: Sequence[dict[str, np.ndarray]]) -> None:
        """Add one batch."""
        self._values += sum(array.size for array in outputs[0].values())
        for first, second in self._differ:
            pairs = ((array, outputs[second][name]) for name, array in outputs[first].items())
            self._differ[first, second] += sum(int((a != b).sum()) for a, b in pairs)

    def shares(self) -> dict[tuple[str, str], float]:
        """Return the share of values that differ, by pair of runtimes."""
        names = self._runtimes
        return {(names[a], names[b]): count / max(1, self._values) for (a, b), count in self._differ.items()}
