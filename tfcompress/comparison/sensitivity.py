"""Which layers to keep in float: each is put back alone, and then as few together as it takes.

In: the int8 file and the float file of one model, labelled samples. Out: what each layer gives back, and a list of
layers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from tfcompress.comparison.labels import classes, predicted
from tfcompress.comparison.layer_errors import SAMPLES_AT_ONCE, require_float
from tfcompress.comparison.op_by_op import OpByOpRunner
from tfcompress.console import progress
from tfcompress.conversion.float_file import float_file
from tfcompress.data.batches import batches
from tfcompress.data.data_forms import ArrayLike, Data
from tfcompress.errors import DataError, SettingError
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.result_base import Part, Result, Table
from tfcompress.runtime.quantize_arrays import as_float
from tfcompress.typing import KerasModel, StrPath


@dataclass(frozen=True, repr=False)
class Sensitivity(Result):
    """What each layer gives back when it alone is in float, and the layers to keep; print it for a table."""

    float_accuracy: float
    int8_accuracy: float
    accuracy: dict[str, float]
    """By layer, the accuracy of the file with that layer in float; best first."""
    keep_float: tuple[str, ...]
    """The fewest layers found that bring the drop under the budget; empty where it is met already."""
    kept_accuracy: float
    """The accuracy with those layers in float."""
    met: bool
    """Whether the budget is met with them."""

    @property
    def passed(self) -> bool:
        """Whether the budget is met."""
        return self.met

    @property
    def headline(self) -> str:
        """The layers to keep in float, and what that gives."""
        kept = ", ".join(self.keep_float) or "none"
        return f"{'keep' if self.met else 'NOT met, even with'} in float: {kept} → {self.kept_accuracy:.2%}"

    def parts(self) -> Iterator[Part]:
        """A row a layer."""
        yield f"float {self.float_accuracy:.2%}, int8 {self.int8_accuracy:.2%}; with one layer in float:"
        rows = [(layer, f"{left:.2%}", f"{left - self.int8_accuracy:+.2%}") for layer, left in self.accuracy.items()]
        yield Table(("layer", "accuracy", "against int8"), rows)


def sensitivity(
    floating: TFLiteModel | KerasModel | StrPath,
    quantized: TFLiteModel | StrPath,
    x: Data,
    y: ArrayLike,
    *,
    max_accuracy_drop: float,
) -> Sensitivity:
    """Put each layer of an int8 file alone back to float, and find the fewest that bring the drop under a budget.

    The file is run op by op, so this is slow: a few hundred samples are enough. Layers are added in the order of what
    they give back, measured anew after each; then each is taken out again if the budget is met without it.

    Args:
        floating: The float file of the model, `convert(model, "float32")`, or its path; or the Keras model.
        quantized: The int8 file of the same model; it must have one output.
        x: Samples, as `compare` takes them.
        y: Class numbers or one-hot rows.
        max_accuracy_drop: What the file may lose against the float file, as a fraction.

    Returns:
        A `Sensitivity`; its `keep_float` is a list of layers.

    Raises:
        DataError: data or labels do not fit, or the files are of different models.
        SettingError: a budget outside 0 to 1, or a first file that is not in float.

    Example:
        >>> floating, integer = tfcompress.convert(model, "float32"), tfcompress.convert(model, samples=x_train)
        >>> found = tfcompress.sensitivity(floating, integer, x_test[:20], y_test[:20], max_accuracy_drop=0.5)
        >>> found.keep_float
        ()
    """
    if not isinstance(max_accuracy_drop, (int, float)) or not 0 <= max_accuracy_drop <= 1:
        raise SettingError("max_accuracy_drop must be a fraction from 0 to 1.", received=repr(max_accuracy_drop))
    floating, quantized = float_file(floating), as_tflite(quantized)
    require_float(floating)
    if len(quantized.outputs) != 1:
        raise DataError("Sensitivity needs a file with one output.", received=[s.name for s in quantized.outputs])
    run = _Scored(OpByOpRunner(floating, quantized), quantized, x, y)
    with progress("putting layers back to float", len(run.mixed.layers) + 2) as advance:
        exact, rough = run.accuracy(run.mixed.layers), run.accuracy(())
        advance(2)
        singly = {}
        for layer in run.mixed.layers:
            singly[layer] = run.accuracy((layer,))
            advance()
        singly = dict(sorted(singly.items(), key=lambda item: -item[1]))
        kept = _fewest(run, list(singly), exact - max_accuracy_drop)
    reached = run.accuracy(kept)
    return Sensitivity(exact, rough, singly, tuple(kept), reached, reached >= exact - max_accuracy_drop - 1e-12)


class _Scored:
    """Accuracy with some layers in float; each set of layers is run once."""

    def __init__(self, mixed: OpByOpRunner, quantized: TFLiteModel, x: Data, y: ArrayLike) -> None:
        self.mixed = mixed
        self._parts = [*batches(x, [as_float(spec) for spec in quantized.inputs], size=SAMPLES_AT_ONCE, what="x")]
        self._name = quantized.outputs[0].name
        width = int(np.prod([size or 1 for size in quantized.outputs[0].shape[1:]]))
        self._truth = classes(y, width)
        count = sum(map(len, self._parts))
        if len(self._truth) != count:
            raise DataError(
                "x and y must have the same length.", received=f"{count} samples and {len(self._truth)} labels"
            )
        self._known: dict[frozenset[str], float] = {}

    def accuracy(self, in_float: Collection[str]) -> float:
        key = frozenset(in_float)
        if key not in self._known:
            scores = np.concatenate([self.mixed.run(part.inputs, key)[self._name] for part in self._parts])
            if not np.isfinite(scores).all():
                raise DataError("The outputs must be finite.", received=f"NaN or infinity with {sorted(key)} in float")
            logits = scores.min() < 0 or scores.max() > 1
            self._known[key] = float((predicted(scores, 0.0 if logits else 0.5) == self._truth).mean())
        return self._known[key]


def _fewest(run: _Scored, layers: list[str], wanted: float) -> list[str]:
    """Add the layer that gives most until it is enough, then take out what is not needed."""
    kept: list[str] = []
    while run.accuracy(kept) < wanted - 1e-12 and len(kept) < len(layers):
        rest = [layer for layer in layers if layer not in kept]
        kept.append(max(rest, key=lambda layer: run.accuracy((*kept, layer))))
    for layer in list(kept):
        fewer = [other for other in kept if other != layer]
        if run.accuracy(fewer) >= wanted - 1e-12:
            kept = fewer
    return kept
