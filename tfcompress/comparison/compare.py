"""A Keras model and its .tflite file answer the same samples, and the difference is measured.

In: a model, a `TFLiteModel`, data, labels. Out: a `Comparison`. Holds one batch at a time.
Knows nothing of how the file was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal, get_args

import numpy as np

from tfcompress import kerases
from tfcompress.comparison.between import Between
from tfcompress.comparison.pairing import pair_inputs
from tfcompress.comparison.result import Comparison, SideBySide
from tfcompress.comparison.tally import Tally
from tfcompress.console import progress
from tfcompress.data import Batch, batches
from tfcompress.errors import DataError, SettingError
from tfcompress.flatbuffer.model import TFLiteModel
from tfcompress.runtime.runner import Runner, Runtime
from tfcompress.traceable_names import require_traceable_names

SAMPLES_AT_ONCE = 64


def compare(
    model: Any,
    tflite: TFLiteModel | str | PathLike[str],
    x: Any,
    y: Any = None,
    *,
    max_accuracy_drop: float | None = None,
    runtime: Runtime | Literal["all"] | Sequence[Runtime] = "litert",
    metrics: Any = None,
) -> Comparison | SideBySide:
    """Run a Keras model and its .tflite file on the same samples and measure the difference.

    Args:
        model: The Keras model that the file was made of.
        tflite: The file, as a `TFLiteModel` or as a path.
        x: Inputs: an array of shape (samples, …), a dict by input name, a `tf.data.Dataset` or a generator, with
            labels in it or without. One batch is held at a time.
        y: Class numbers of shape (samples,) or one-hot rows, of a segmentation one for each pixel; for a model of
            several outputs a dict with the name of the one to score; with `metrics`, whatever these take. Default:
            the labels inside `x`; without any, outputs are compared by error alone. An output of one value chooses
            class 1 above 0.5, or above 0 where the model gives logits.
        max_accuracy_drop: What the file may lose, as a fraction: 0.01 is one point. Default: no limit.
        runtime: The kernels to run on: "litert", "reference" or "tflm"; several, or "all", run side by side.
        metrics: What to measure instead of accuracy: Keras metric objects, or functions of (labels, outputs) that
            return a number; a function makes outputs be kept to the end. Default: accuracy.

    Returns:
        A `Comparison`; print it, or look at `passed`. For several runtimes a `SideBySide`: a `Comparison` by runtime.

    Raises:
        DataError: data or labels do not fit, or an output is NaN.
        SettingError: a limit outside 0 to 1, a limit without labels or with other metrics, an unknown runtime.

    Example:
        >>> comparison = tfcompress.compare(model, tflite, x_test, y_test, max_accuracy_drop=0.01)
        >>> comparison.passed
        True
    """
    if max_accuracy_drop is not None:
        _require_fraction(max_accuracy_drop)
        if metrics is not None:
            raise SettingError("max_accuracy_drop limits accuracy, not other metrics.", received=repr(metrics))
    specs = kerases.inputs(model)
    runtimes = get_args(Runtime) if runtime == "all" else (runtime,) if isinstance(runtime, str) else tuple(runtime)
    if not runtimes:
        raise SettingError("runtime must name at least one runtime.", received=repr(runtime))
    runners = [Runner(tflite, runtime=name) for name in dict.fromkeys(runtimes)]
    to_file = pair_inputs(specs, runners[0].inputs)
    scored, labels = _labels(y)
    _require_same_length(x, labels)
    if max_accuracy_drop is not None and labels is None and isinstance(x, (np.ndarray, dict)):
        raise _limit_without_labels(max_accuracy_drop)
    tallies = [Tally(runner, scored, metrics) for runner in runners]
    between = Between([runner.runtime for runner in runners])
    require_traceable_names(model)
    predict = kerases.predictor(model)
    samples = 0
    with progress("comparing", len(labels) if labels is not None else None) as advance:
        for batch in batches(x, specs, size=SAMPLES_AT_ONCE, what="x", labelled=y is None):
            given = batch.labels if y is None else _next_labels(labels, samples, batch)
            inputs = {to_file[name]: array for name, array in batch.inputs.items()}
            expected = predict(batch.inputs)
            outputs = []
            for runner, tally in zip(runners, tallies, strict=True):
                outputs.append(runner.run(inputs))
                tally.add(expected, outputs[-1], given, labels)
            between.add(outputs)
            samples += len(batch)
            advance(len(batch))
    if labels is not None and len(labels) != samples:
        raise _other_length(samples, len(labels))
    if max_accuracy_drop is not None and not tallies[0].labelled:
        raise _limit_without_labels(max_accuracy_drop)
    found = {tally.runner.runtime: tally.result(max_accuracy_drop) for tally in tallies}
    if isinstance(runtime, str) and runtime != "all":
        return found[runtime]
    return SideBySide(found, between.shares())


def _require_fraction(limit: Any) -> None:
    if isinstance(limit, bool) or not isinstance(limit, (int, float, np.floating)) or not 0 <= limit <= 1:
        raise SettingError("max_accuracy_drop must be a fraction from 0 to 1.", received=repr(limit))


def _limit_without_labels(limit: float) -> SettingError:
    return SettingError(
        "max_accuracy_drop needs labels to measure accuracy.",
        received=f"max_accuracy_drop={limit} without y",
        todo="Pass y; for a regression model look at mean_error and max_error instead.",
    )


def _labels(y: Any) -> tuple[str | None, np.ndarray | None]:
    if y is None:
        return None, None
    name = None
    if isinstance(y, dict):
        if len(y) != 1:
            raise DataError("y must name one output.", received=sorted(map(str, y)), todo="Compare once for each.")
        name, y = next(iter(y.items()))
    try:
        labels = np.asarray(y)
    except ValueError as error:
        raise DataError("y must be one array of labels.", received=str(error)) from error
    if labels.ndim == 0:
        raise DataError("y must hold one label for each sample.", received=repr(y))
    return name, labels


def _require_same_length(x: Any, labels: np.ndarray | None) -> None:
    whole = next(iter(x.values())) if isinstance(x, dict) and x else x
    if labels is None or not (isinstance(whole, list) or hasattr(whole, "__array__")):
        return
    count = len(whole) if isinstance(whole, list) or getattr(whole, "ndim", 0) else 0
    # One sample without its batch axis has a length of its own.
    if len(labels) not in (count, 1):
        raise _other_length(count, len(labels))


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
