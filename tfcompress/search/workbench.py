"""Where candidates are made and measured: a model, its data, a budget, and what is known by now.

In: recipes. Out: candidates, each made once.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from tfcompress.console import Loudness, loudness
from tfcompress.conversion.convert import convert
from tfcompress.deployment.packing.pack import pack
from tfcompress.errors import DataError, MissingPackageError, TfcompressError, TfcompressWarning
from tfcompress.litert.inspect import inspect
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.search.build_candidate import build, narrowed
from tfcompress.search.candidate_store import CandidateStore
from tfcompress.search.candidate_training import FEW, Training
from tfcompress.search.device_budget import DECODER, DeviceBudget, Footprint
from tfcompress.search.judge import Candidate, Judge
from tfcompress.search.recipe import ROOM, Recipe
from tfcompress.search.untrained import untrained
from tfcompress.search.ways import Ways


class Workbench:
    """Makes and judges the candidates of one search."""

    def __init__(self, model: Any, training: Training, budget: DeviceBudget, store: CandidateStore) -> None:
        self.model, self.training, self.budget, self.store = model, training, budget, store
        self.judge = Judge(model, training.data, budget)
        self._narrowed: dict[float, Any] = {}

    @property
    def whole_macs(self) -> int:
        """Multiply-accumulates of the model as it is."""
        return self.judge.whole.macs

    def require_labels(self) -> None:
        """Raise `DataError` where labels are no classes, before anything is trained."""
        x, y = self.training.data.validation
        few = {name: each[:FEW] for name, each in x.items()} if isinstance(x, dict) else x[:FEW]
        int8 = self.judge.int8
        try:
            self.judge.accuracy(int8, (few, y[:FEW] if not isinstance(y, dict) else y))
        except DataError as error:  # its own way out is one of compare
            hint = "compress is for classifiers with one output: its labels are classes."
            raise DataError(error.required, received=error.received, hint=hint) from None

    def ways(self, trains: bool) -> Ways:
        """Return what fits, measured without training; zeros and clusters only come by it."""
        flash = self.budget.flash
        packs = trains and self.budget.runtime == "tflm" and (flash is None or flash > DECODER)
        return Ways(self.untrained_footprint, self.budget, packs, self.whole_macs, self._in_the_way)

    def candidate(self, recipe: Recipe) -> Candidate:
        """Return what a recipe comes to: made now, unless it is known."""
        known = self.store.get(recipe)
        if known is None:
            with quietly():
                model, tflite = build(recipe, self.model, self.training)
                known = self.judge.candidate(recipe, tflite)
            self.store.add(known, model)
        return known

    def untrained_footprint(self, recipe: Recipe) -> Footprint | None:
        """Return what a recipe's file takes, on weights that were not trained for it; None where it cannot be made."""
        if recipe == Recipe("int8"):
            return self.judge.whole
        return self.store.footprint(recipe, self._measured)

    def _measured(self, recipe: Recipe) -> Footprint | None:
        try:
            with quietly():
                found = self.judge.footprint(self._untrained_file(recipe))
        except MissingPackageError:
            raise
        except TfcompressError:  # channels cannot go so far, nothing gets smaller, or the target has no such kernel
            return None
        return Footprint(found.flash + ROOM, found.macs, found.arena, found.latency)

    @cached_property
    def _few(self) -> dict[str, Any]:
        """Samples that are enough to measure bytes."""
        return {name: array[:FEW] for name, array in self.training.data.samples.items()}

    def _untrained_file(self, recipe: Recipe) -> TFLiteModel:
        model = self.model
        if recipe.macs is not None:
            if recipe.macs not in self._narrowed:
                self._narrowed[recipe.macs] = narrowed(model, recipe.macs)
            model = self._narrowed[recipe.macs]
        keep_int8 = [] if recipe.quantization == "int8x4" else None  # the least: every layer in four bits
        tflite = convert(untrained(model, recipe), recipe.quantization, samples=self._few, keep_int8=keep_int8)
        return pack(tflite) if recipe.packed else tflite

    def _in_the_way(self, recipe: Recipe, limit: str) -> str:
        """Say what most of the file of a recipe goes into."""
        with quietly():
            tflite = self.judge.int8 if recipe == Recipe("int8") else self._untrained_file(recipe)
        facts = inspect(tflite)
        if limit in ("macs", "latency"):
            most = max(facts.rows, key=lambda row: row.macs)
            return f"{most.layer} computes {most.macs:,} of its {facts.macs:,} MACs"
        layer, count = next(iter(facts.bytes_by_layer.items()), ("no layer", 0))
        rest = tflite.size - sum(facts.bytes_by_layer.values())
        if limit == "flash":
            return f"weights of {layer} take {count:,} bytes, and what is no weights {rest:,}"
        return "results of layers take it, which channels alone make smaller"


@contextmanager
def quietly() -> Iterator[None]:
    """Keep back what is told of each of many files: the int8 file has told what concerns the model and its data."""
    with loudness(Loudness.QUIET), warnings.catch_warnings():
        warnings.simplefilter("ignore", TfcompressWarning)
        yield
