"""How many samples a file gets right with some of its layers in a finer precision.

In: a `MixedPrecisionRunner`, labelled samples, a plan. Out: an accuracy; each plan is run once.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfcompress.comparison.labels import classes, predicted
from tfcompress.comparison.layer_errors import SAMPLES_AT_ONCE
from tfcompress.comparison.mixed_precision import MixedPrecisionRunner, Plan
from tfcompress.data.batches import batches
from tfcompress.data.data_forms import ArrayLike, Data
from tfcompress.errors import DataError
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.runtime.quantize_arrays import as_float


class PlanAccuracy:
    """Accuracies by plan.

    Args:
        mixed: Runs the file.
        quantized: The file, which has one output.
        x: Samples.
        y: Class numbers or one-hot rows.
        keep_outputs: Whether outputs are kept, for `noise`.
    """

    def __init__(
        self, mixed: MixedPrecisionRunner, quantized: TFLiteModel, x: Data, y: ArrayLike, *, keep_outputs: bool
    ) -> None:
        self.mixed, self._keep_outputs = mixed, keep_outputs
        self._parts = [*batches(x, [as_float(spec) for spec in quantized.inputs], size=SAMPLES_AT_ONCE, what="x")]
        self._name = quantized.outputs[0].name
        width = int(np.prod([size or 1 for size in quantized.outputs[0].shape[1:]]))
        self._truth = classes(y, width)
        self.count = sum(map(len, self._parts))
        if len(self._truth) != self.count:
            raise DataError(
                "x and y must have the same length.", received=f"{self.count} samples and {len(self._truth)} labels"
            )
        self._known: dict[frozenset[tuple[str, str]], tuple[float, np.ndarray | None]] = {}

    def __call__(self, plan: Plan | None = None) -> float:
        """Return the share of samples that are right."""
        return self._run(plan or {})[0]

    def noise(self, plan: Plan, exact: Plan) -> float:
        """Return the mean squared difference of the outputs of two plans."""
        return float(np.mean((self._run(plan)[1] - self._run(exact)[1]) ** 2))

    def _run(self, plan: Plan) -> tuple[float, np.ndarray | None]:
        key = frozenset(plan.items())
        if key not in self._known:
            scores = np.concatenate([self.mixed.run(part.inputs, plan)[self._name] for part in self._parts])
            if not np.isfinite(scores).all():
                raise DataError("The outputs must be finite.", received=f"NaN or infinity with {_words(plan)}")
            logits = scores.min() < 0 or scores.max() > 1
            right = predicted(scores, 0.0 if logits else 0.5) == self._truth
            self._known[key] = float(right.mean()), scores if self._keep_outputs else None
        return self._known[key]


def _words(plan: Mapping[str, str]) -> str:
    return ", ".join(f"{layer} in {precision}" for layer, precision in sorted(plan.items())) or "the file as it is"
