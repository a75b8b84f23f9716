"""Which candidates are trained, and for how long: successive halving over ways and learning rates, by Optuna.

In: a workbench and workers. Out: candidates. Files that need no training come first; a part of the epochs goes to short
trainings that choose, the rest to the best of them.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from tfcompress.console import progress
from tfcompress.search.judge import Candidate
from tfcompress.search.ranking import Ranking
from tfcompress.search.recipe import Recipe
from tfcompress.search.study import REDUCTION, Study
from tfcompress.search.ways import Way
from tfcompress.search.workbench import Workbench
from tfcompress.search.workers import CandidateMaker

RATES = (3e-4, 5e-3)
"""Between which learning rates are sought, on a logarithmic scale; training of a given `compile` has its own."""
FIRST_RATE = 1e-3
SHORT = 1 / 30
"""The shortest training, as a share of all epochs."""
CHOOSING = 0.4
"""The share of all epochs that goes to short trainings."""
FINALS = (0.6, 0.2, 0.2)
"""The shares of the other epochs that the best of each level of flash gets, the best of all first."""

Trial: TypeAlias = Generator[Recipe, Candidate | None, None]
"""Yields recipes to be made, and is sent their candidates; None for one that could not be made."""


class Search:
    """One search, as far as it has come.

    Args:
        bench: Where candidates are made.
        maker: What makes them: this process, or workers.
        epochs: Of all training.
        seed: Of choices and trainings.
        folder: Where the study is kept; None for nowhere.
        about: What the study is of.
    """

    def __init__(
        self,
        bench: Workbench,
        maker: CandidateMaker,
        *,
        epochs: int,
        seed: int,
        folder: Path | None,
        about: Mapping[str, Any],
    ) -> None:
        self._bench, self._maker, self._epochs, self._seed = bench, maker, epochs, seed
        self._ranking = Ranking(bench)
        self._short = max(1, round(epochs * SHORT))
        self._rungs = (self._short, self._short * REDUCTION)
        self._study = Study(folder, {**about, "epochs": epochs, "seed": seed}, seed, self._rungs)
        self._asked = 0
        """Epochs of all trainings that were asked for, those among them that failed."""
        self.candidates: dict[Recipe, Candidate] = {}

    def run(self) -> None:
        """Make every candidate."""
        ways = self._bench.ways(trains=self._epochs > 0).fitting()
        with progress("compressing", max(1, self._epochs)) as advance:
            self._advance, self._since, self._trained, self._known = advance, time.monotonic(), 0, 0
            untrained = dict.fromkeys(
                way.recipe
                for way in ways
                if not way.recipe.changes_float or (not self._epochs and not way.recipe.packed)
            )
            self._maker.run(self._alone(recipe) for recipe in untrained)
            trainable = {way.recipe.way: way for way in ways if way.recipe.quantization != "int16x8"}
            if self._epochs and trainable:
                self._maker.run(self._short_trials(trainable))
                self._maker.run(self._alone(recipe) for recipe in self._finals(trainable))

    def _short_trials(self, ways: Mapping[str, Way]) -> Iterator[Trial]:
        """Yield trials of ways and learning rates while there are epochs to choose by."""
        from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

        space: dict[str, BaseDistribution] = {"way": CategoricalDistribution([*ways])}
        if self._bench.training.compile is None:
            space["learning_rate"] = FloatDistribution(*RATES, log=True)
        for done in self._study.trials:  # of an earlier run, whose candidates are in the store
            ended = len(done.intermediate_values)
            self._asked += sum(self._rungs[: ended + (done.state.name == "FAIL")])
            for epochs in done.intermediate_values:
                self._keep(self._bench.candidate(self._recipe(ways[done.params["way"]], done.params, epochs)))
        self._since, self._known = time.monotonic(), self._trained
        tried = {each.params["way"] for each in self._study.trials}
        while self._asked + self._short <= CHOOSING * self._epochs:
            given = None
            fresh = next((way for way in ways if way not in tried), None)
            if fresh is not None:  # each way once, before any is chosen
                given = {key: {"way": fresh, "learning_rate": FIRST_RATE}[key] for key in space}
            trial = self._study.ask(space, given)
            tried.add(trial.params["way"])
            yield self._trial(trial, ways[trial.params["way"]])

    def _trial(self, trial: Any, way: Way) -> Trial:
        """Train one recipe for a short while, and longer if it is among the best third."""
        value = None
        for epochs in self._rungs:
            self._asked += epochs
            candidate = yield self._recipe(way, trial.params, epochs)
            if candidate is None:
                self._study.tell(trial, None)
                return
            self._keep(candidate)
            value = self._ranking.value(candidate)
            trial.report(value, epochs)
            if epochs != self._rungs[-1] and (
                trial.should_prune() or self._asked + self._rungs[-1] > CHOOSING * self._epochs
            ):
                self._study.tell(trial, value, stopped=True)
                return
        self._study.tell(trial, value)

    def _alone(self, recipe: Recipe) -> Trial:
        candidate = yield recipe
        if candidate is not None:
            self._keep(candidate)

    def _finals(self, ways: Mapping[str, Way]) -> Iterator[Recipe]:
        """Yield the best recipe of each level, with the epochs that are left for it."""
        best: dict[float, Candidate] = {}
        for one in self.candidates.values():
            way = ways.get(one.recipe.way)
            if way is not None and one.recipe.epochs:
                known = best.get(way.level)
                best[way.level] = one if known is None else max(known, one, key=self._by_epochs)
        chosen = [one.recipe for one in sorted(best.values(), key=self._ranking.order, reverse=True)]
        if not chosen:  # too few epochs to choose by
            chosen = [self._recipe(next(iter(ways.values())), {}, self._epochs)]
        left, shares = self._epochs - self._asked, FINALS[: len(chosen)]
        for recipe, share in zip(chosen, shares, strict=True):
            epochs = int(left * share / sum(shares))
            if epochs > self._short or (epochs > 0 and recipe not in self.candidates):
                yield replace(recipe, epochs=epochs)

    def _by_epochs(self, one: Candidate) -> tuple[float, int]:
        """Sort by how good a candidate is; one that has trained longer has shown it better."""
        return (self._ranking.value(one), one.recipe.epochs)

    def _recipe(self, way: Way, params: Mapping[str, Any], epochs: int) -> Recipe:
        rate = params.get("learning_rate", FIRST_RATE)
        return replace(way.recipe, trained=True, epochs=epochs, learning_rate=rate, seed=self._seed)

    def _keep(self, candidate: Candidate) -> None:
        if candidate.recipe in self.candidates:
            return
        self.candidates[candidate.recipe] = candidate
        self._trained += candidate.recipe.epochs
        best = max(self.candidates.values(), key=self._ranking.order)
        passed = time.monotonic() - self._since
        trained = self._trained - self._known  # in this run
        minutes = passed / max(1, trained) * (self._epochs - self._trained) / 60
        told = f"best {best.accuracy:.2%} at {best.footprint.flash:,} bytes"
        left = f", {minutes:.0f} min left" if trained else ""
        self._advance(candidate.recipe.epochs, f"{len(self.candidates)} files, {told}{left}")
