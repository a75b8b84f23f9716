"""Which candidate is better, and what a search has found by that.

In: candidates and a budget. Out: their order, and a `Compression`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tfcompress.search.compression import Best, Compression, front_of
from tfcompress.search.judge import Candidate
from tfcompress.search.recipe_lines import python_lines
from tfcompress.search.workbench import Workbench


class Ranking:
    """Orders the candidates of one search."""

    def __init__(self, bench: Workbench) -> None:
        self._bench, self._budget = bench, bench.budget

    def value(self, candidate: Candidate) -> float:
        """Return how good a candidate is: the higher the better, those that keep all limits before all others."""
        whole = self._bench.judge.whole
        beyond = max([0.0, *self._budget.excess(candidate.footprint, whole.macs).values()])
        if beyond > 0:
            return candidate.accuracy - 1 - beyond
        if self._budget.wants_smallest:
            saved = whole.flash / (whole.flash + candidate.footprint.flash)  # above 0, however large the file
            return 1 + saved if self.keeps_limits(candidate) else candidate.accuracy
        return candidate.accuracy

    def order(self, candidate: Candidate) -> tuple[float, int, int]:
        """Return what to sort by: among candidates as good the smallest file, then the smallest arena."""
        return (self.value(candidate), -candidate.footprint.flash, -(candidate.footprint.arena or 0))

    def keeps_limits(self, candidate: Candidate) -> bool:
        """Tell whether a candidate keeps every limit, that of accuracy too."""
        drop = self._budget.max_accuracy_drop
        fits = self._budget.fits(candidate.footprint, self._bench.whole_macs)
        return fits and (drop is None or candidate.drop <= drop + 1e-12)

    def result(self, candidates: Sequence[Candidate], origin: Mapping[str, Any]) -> Compression:
        """Return what came of a search: the best by validation, which alone sees the test data, and the front."""
        bench = self._bench
        best = max(candidates, key=self.order)
        test = bench.training.data.test
        if test is not None:
            score = bench.judge.accuracy(best.tflite, test)
            best = replace(best, test_accuracy=score.file, test_interval=score.interval)
            candidates = [best if each.recipe == best.recipe else each for each in candidates]
        lines = {each.recipe: python_lines(each.recipe, bench.model, bench.training) for each in candidates}
        return Compression(
            Best(best, bench.store.model(best.recipe), lines[best.recipe]),
            front_of(candidates),
            self._why(),
            self._budget,
            tuple(candidates),
            sum(each.recipe.epochs for each in candidates),
            dict(origin),
            self.keeps_limits(best),
            lines,
        )

    def _why(self) -> str:
        """Say which limit decided: the one that the int8 file is furthest beyond."""
        whole = self._bench.judge.whole
        beyond = {name: share for name, share in self._budget.excess(whole, whole.macs).items() if share > 0}
        if not beyond:
            drop = self._budget.max_accuracy_drop
            if drop is not None and self._budget.wants_smallest:
                return f"The accuracy decided: {100 * drop:g} points may go; the int8 file has {whole.flash:,} bytes."
            return "The int8 file fits as it is; only its accuracy was left to gain."
        name = max(beyond, key=lambda each: beyond[each])
        limit = np.format_float_positional(float(getattr(self._budget, name)), trim="-")
        return f"{name} decided: the int8 file takes {getattr(whole, name):,}, and {limit} is there."
