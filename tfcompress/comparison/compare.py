"""A Keras model and its .tflite file answer the same samples, and the difference is measured.

In: a model, a `TFLiteModel`, data, labels. Out: a `Comparison`. Holds one batch at a time.
Knows nothing of how the file was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from tfcompress import kerases
from tfcompress.comparison.labels import classes, predicted
from tfcompress.comparison.statistics import paired_interval
from tfcompress.console import progress
from tfcompress.data import Batch, TensorSpec, batches
from tfcompress.errors import DataError, SettingError
from tfcompress.flatbuffer.model import TFLiteModel
from tfcompress.runtime.litert import Runner, Runtime

SAMPLES_AT_ONCE = 64


@dataclass(frozen=True)
class Comparison:
    """What came out of running a model and its file on the same samples.

    Accuracies and differences are fractions: 0.01 is one point. Errors are in the units of the outputs.
    """

    tflite: TFLiteModel
    runtime: str
    samples: int
    max_error: float
    """Largest absolute difference of an output value."""
    mean_error: float
    """Mean absolute difference of the output values."""
    output_range: float
    """Largest minus smallest output value of the Keras model, to hold the errors against."""
    agreement: float | None = None
    """Share of samples in which both choose the same class; None where outputs are no classes."""
    keras_accuracy: float | None = None
    tflite_accuracy: float | None = None
    difference_interval: tuple[float, float] | None = None
    """95 % interval of `tflite_accuracy - keras_accuracy`, on paired samples."""
    max_accuracy_drop: float | None = None

    @property
    def accuracy_drop(self) -> float | None:
        """Accuracy of the Keras model minus that of the file; None without labels."""
        if self.keras_accuracy is None or self.tflite_accuracy is None:
            return None
        return self.keras_accuracy - self.tflite_accuracy

    @property
    def passed(self) -> bool:
        """Whether the drop stays within `max_accuracy_drop`; True where no limit was set."""
        drop = self.accuracy_drop
        # Accuracies are counts over samples: a drop of exactly the limit must not fail by a rounding error.
        return self.max_accuracy_drop is None or (drop is not None and drop <= self.max_accuracy_drop + 1e-12)

    def __str__(self) -> str:
        lines = [f"{self.samples:,} samples on {self.runtime}, file of {self.tflite.size:,} bytes in flash"]
        if self.difference_interval is not None:
            low, high = self.difference_interval
            lines.append(f"accuracy: Keras {self.keras_accuracy:.2%}, file {self.tflite_accuracy:.2%}")
            lines.append(f"difference: {-(self.accuracy_drop or 0):+.2%} (95 % interval {low:+.2%} to {high:+.2%})")
        if self.agreement is not None:
            lines.append(f"same class: {self.agreement:.2%}")
        share = f" ({self.max_error / self.output_range:.2%} of the output range)" if self.output_range else ""
        lines.append(f"output error: mean {self.mean_error:.4g}, largest {self.max_error:.4g}{share}")
        if self.max_accuracy_drop is not None:
            lines.append(f"{'passed' if self.passed else 'FAILED'}: at most {self.max_accuracy_drop:.2%} may be lost")
        return "\n".join(lines)


def compare(
    model: Any,
    tflite: TFLiteModel | str | PathLike[str],
    x: Any,
    y: Any = None,
    *,
    max_accuracy_drop: float | None = None,
    runtime: Runtime = "litert",
) -> Comparison:
    """Run a Keras model and its .tflite file on the same samples and measure the difference.

    Args:
        model: The Keras model that the file was made of.
        tflite: The file, as a `TFLiteModel` or as a path.
        x: Inputs: an array of shape (samples, …), a dict by input name, a `tf.data.Dataset` or a generator, with
            labels in it or without.
        y: Class numbers of shape (samples,) or one-hot rows; for a model of several outputs a dict with the name of
            the one to score. Default: the labels inside `x`; without any, outputs are compared by error alone.
            An output of one value chooses class 1 above 0.5, or above 0 where the model gives logits.
        max_accuracy_drop: What the file may lose, as a fraction: 0.01 is one point. Default: no limit.
        runtime: The kernels to run on: "litert" or "reference".

    Returns:
        A `Comparison`; print it, or look at `passed`.

    Raises:
        DataError: data or labels do not fit, or an output is NaN.
        SettingError: a limit outside 0 to 1, or a limit without labels.

    Example:
        >>> comparison = tfcompress.compare(model, tflite, x_test, y_test, max_accuracy_drop=0.01)
        >>> comparison.passed
        True
    """
    if max_accuracy_drop is not None and not 0 <= max_accuracy_drop <= 1:
        raise SettingError("max_accuracy_drop must be a fraction from 0 to 1.", received=max_accuracy_drop)
    specs = kerases.inputs(model)
    runner = Runner(tflite, runtime=runtime)
    to_file = _pair("inputs", [spec.name for spec in specs], [spec.name for spec in runner.inputs])
    scored, labels = _labels(y)
    _require_same_length(x, specs, labels)
    tally = _Tally(runner, scored)
    predict = kerases.predictor(model)
    with progress("comparing", len(labels) if labels is not None else None) as advance:
        for batch in batches(x, specs, size=SAMPLES_AT_ONCE, what="x"):
            given = batch.labels if y is None else _next_labels(labels, tally.samples, batch)
            ours = runner.run({to_file[name]: array for name, array in batch.inputs.items()})
            tally.add(predict(batch.inputs), ours, given)
            advance(len(batch))
    if labels is not None and len(labels) != tally.samples:
        raise _other_length(tally.samples, len(labels))
    if max_accuracy_drop is not None and not tally.labelled:
        raise SettingError(
            "max_accuracy_drop needs labels to measure accuracy.",
            received=f"max_accuracy_drop={max_accuracy_drop} without y",
            todo="Pass y; for a regression model look at mean_error and max_error instead.",
        )
    return tally.result(max_accuracy_drop)


class _Tally:
    """Counts and sums over batches, so that no batch has to be kept."""

    def __init__(self, runner: Runner, scored: str | None) -> None:
        self.runner, self.scored = runner, scored
        self.samples = self.labelled = self.same = self.values = 0
        self.right = np.zeros((2, 2), np.int64)  # [Keras right, file right]
        self.max_error = self.sum_error = 0.0
        self.low, self.high = np.inf, -np.inf
        self.names: dict[str, str] = {}
        self.threshold = 0.5
        self.has_classes: bool | None = None

    def add(self, keras: dict[str, np.ndarray], ours: dict[str, np.ndarray], labels: np.ndarray | None) -> None:
        if not self.names:
            self._begin(keras, ours, labels is not None)
        for name, reference in keras.items():
            self._errors(name, reference, ours[self.names[name]])
        name = self.scored or next(iter(keras))
        first, second = keras[name], ours[self.names[name]]
        count = len(first)
        if self.has_classes:
            answers = predicted(first, self.threshold), predicted(second, self.threshold)
            self.same += int((answers[0] == answers[1]).sum())
            if labels is not None:
                truth = classes(labels, int(np.prod(first.shape[1:])))
                for left in (0, 1):
                    for right in (0, 1):
                        both = ((answers[0] == truth) == left) & ((answers[1] == truth) == right)
                        self.right[left, right] += int(both.sum())
                self.labelled += count
        self.samples += count

    def _begin(self, keras: dict[str, np.ndarray], ours: dict[str, np.ndarray], has_labels: bool) -> None:
        self.names = _pair("outputs", list(keras), list(ours))
        if self.scored is None and len(keras) > 1 and has_labels:
            raise DataError(
                "For a model of several outputs y must name the one to score.",
                received="labels without a name",
                todo=f"Pass y={{name: labels}} with one of {sorted(keras)}.",
            )
        if self.scored is not None and self.scored not in keras:
            raise DataError(
                "y must name an output of the model.", received=self.scored, todo=f"One of {sorted(keras)}."
            )
        output = keras[self.scored or next(iter(keras))]
        flat = output.reshape(len(output), -1)
        if flat.shape[1] == 1 and (flat.min() < 0 or flat.max() > 1):
            self.threshold = 0.0
        single_axis = output.ndim <= 2 or int(np.prod(output.shape[1:])) == output.shape[-1]
        if has_labels and not single_axis:
            raise DataError(
                "Accuracy needs one row of scores for each sample.",
                received=f"an output of shape {output.shape[1:]} for each sample",
                todo="Leave y out: the outputs are then compared by error.",
            )
        probabilities = flat.shape[1] > 1 and bool((flat >= 0).all()) and np.allclose(flat.sum(axis=1), 1, atol=1e-3)
        self.has_classes = single_axis and (has_labels or bool(probabilities))

    def _errors(self, name: str, reference: np.ndarray, ours: np.ndarray) -> None:
        if reference.shape != ours.shape:
            raise DataError(
                f"The output {name!r} must have the same shape in the model and in the file.",
                received=f"{reference.shape[1:]} and {ours.shape[1:]}",
                todo="Compare a file with the model that it was made of.",
            )
        for who, array in (("Keras model", reference), ("file", ours)):
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                row = self.samples + int(np.argwhere(~np.isfinite(array.reshape(len(array), -1)))[0, 0])
                raise DataError(f"The outputs of the {who} must be finite.", received=f"{name!r} in sample {row}")
        error = np.abs(reference.astype(np.float64) - ours.astype(np.float64))
        self.max_error = max(self.max_error, float(error.max(initial=0)))
        self.sum_error += float(error.sum())
        self.values += error.size
        self.low, self.high = min(self.low, float(reference.min())), max(self.high, float(reference.max()))

    def result(self, limit: float | None) -> Comparison:
        n, right = self.labelled, self.right
        return Comparison(
            tflite=self.runner.tflite,
            runtime=self.runner.runtime,
            samples=self.samples,
            max_error=self.max_error,
            mean_error=self.sum_error / max(1, self.values),
            output_range=self.high - self.low,
            agreement=self.same / self.samples if self.has_classes else None,
            keras_accuracy=float(right[1].sum() / n) if n else None,
            tflite_accuracy=float(right[:, 1].sum() / n) if n else None,
            difference_interval=paired_interval(int(right[1, 0]), int(right[0, 1]), n) if n else None,
            max_accuracy_drop=limit,
        )


def _pair(what: str, keras: list[str], file: list[str]) -> dict[str, str]:
    """Match names of the model to names of the file; a single one needs no name."""
    if len(keras) == len(file) == 1:
        return {keras[0]: file[0]}
    if sorted(keras) != sorted(file):
        raise DataError(
            f"Model and file must have the same {what}, by name.",
            received=f"{sorted(keras)} and {sorted(file)}",
            todo="Compare a file with the model that it was made of.",
        )
    return {name: name for name in keras}


def _labels(y: Any) -> tuple[str | None, np.ndarray | None]:
    if y is None:
        return None, None
    if isinstance(y, dict):
        if len(y) != 1:
            raise DataError("y must name one output.", received=sorted(map(str, y)), todo="Compare once for each.")
        name, y = next(iter(y.items()))
        return name, np.asarray(y)
    return None, np.asarray(y)


def _require_same_length(x: Any, specs: list[TensorSpec], labels: np.ndarray | None) -> None:
    whole = next(iter(x.values())) if isinstance(x, dict) and x else x
    if labels is None or not isinstance(whole, np.ndarray) or whole.ndim != len(specs[0].shape):
        return
    if labels.ndim == 0 or len(labels) != len(whole):
        raise _other_length(len(whole), len(labels) if labels.ndim else 0)


def _next_labels(labels: np.ndarray | None, start: int, batch: Batch) -> np.ndarray | None:
    if labels is None:
        return None
    part = labels[start : start + len(batch)]
    if len(part) != len(batch):
        raise _other_length(start + len(batch), len(labels))
    return part


def _other_length(samples: int, labels: int) -> DataError:
    return DataError(
        "x and y must have the same length.",
        received=f"{samples:,} samples and {labels:,} labels",
        todo="Check that both come from the same split.",
    )
