"""A file is judged: its accuracy on the target's kernels beside the float model's, and what it takes of the device.

In: a file, the float model, labelled data. Out: a `Candidate`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tfcompress.comparison.compare import compare
from tfcompress.comparison.metric_score import Score
from tfcompress.conversion.convert import convert
from tfcompress.errors import DataError
from tfcompress.litert.inspect import inspect
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.runtime.latency import latency
from tfcompress.runtime.tflm_arena import least_arena
from tfcompress.search.device_budget import DECODER, DeviceBudget, Footprint
from tfcompress.search.recipe import Recipe
from tfcompress.search.training_data import TrainingData

PAIRS = 3
"""How often a file is timed beside the int8 file, each time for so many seconds; the median ratio counts."""
SECONDS = 0.2


@dataclass(frozen=True)
class Candidate:
    """One file that was made and measured."""

    recipe: Recipe
    footprint: Footprint
    accuracy: float
    """On the validation data, on the target's kernels."""
    accuracy_interval: tuple[float, float] | None
    """95 % interval of the difference to the float model, on paired samples."""
    float_accuracy: float
    tflite: TFLiteModel = field(compare=False, repr=False)
    test_accuracy: float | None = None
    """Of the one that was chosen, where there is test data."""
    test_interval: tuple[float, float] | None = None

    @property
    def drop(self) -> float:
        """The accuracy of the float model minus that of the file."""
        return self.float_accuracy - self.accuracy


class Judge:
    """Measures files of one model against its budget.

    Args:
        model: The float model.
        data: What it is calibrated with, and the labelled data.
        budget: Which target's kernels, and whether time counts.
    """

    def __init__(self, model: Any, data: TrainingData, budget: DeviceBudget) -> None:
        self._model, self._data, self._budget = model, data, budget

    @cached_property
    def int8(self) -> TFLiteModel:
        """The calibrated int8 file, which every other one is held against."""
        return convert(self._model, samples=self._data.samples)

    @cached_property
    def whole(self) -> Footprint:
        """What the int8 file takes."""
        return self.footprint(self.int8)

    def footprint(self, tflite: TFLiteModel) -> Footprint:
        """Measure what a file takes of the target."""
        decodes = any(op.name == "TFLM_DECODE" for op in tflite.ops)
        arena = least_arena(tflite) if self._budget.runtime == "tflm" else None
        ratio = None if self._budget.latency is None else self._time_beside_int8(tflite)
        return Footprint(tflite.size + DECODER * decodes, inspect(tflite).macs, arena, ratio)

    def candidate(self, recipe: Recipe, tflite: TFLiteModel) -> Candidate:
        """Run a file on the validation data and measure what it takes."""
        score = self.accuracy(tflite, self._data.validation)
        return Candidate(recipe, self.footprint(tflite), score.file, score.interval, score.keras, tflite)

    def accuracy(self, tflite: TFLiteModel, data: tuple[Any, Any]) -> Score:
        """Return the accuracy of a file beside that of the float model, on the target's kernels.

        Raises:
            DataError: the labels are no classes of one output.
        """
        score = compare(self._model, tflite, *data, runtime=self._budget.runtime).accuracy
        if score is None:
            raise DataError("compress needs labels that are classes.", received="outputs without an accuracy")
        return score

    def _time_beside_int8(self, tflite: TFLiteModel) -> float:
        """Return the time of a file as a share of the int8 file's, both timed in turn on one thread."""

        def median(file: TFLiteModel) -> float:
            return latency(file, runtimes=[self._budget.runtime], threads=[1], seconds=SECONDS).rows[0].median

        if tflite.content == self.int8.content:
            return 1.0
        return float(np.median([median(tflite) / median(self.int8) for _ in range(PAIRS)]))
