"""A Keras model and its .tflite file answer the same samples, and the difference is measured.

In: a model, a `TFLiteModel`, data, labels. Out: a `Comparison`. Holds one batch at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np

from tfcompress.comparison.comparison_builder import ComparisonBuilder
from tfcompress.comparison.labels_by_output import (
    labels_by_output,
    length,
    other_length,
    require_same_length,
    rows,
)
from tfcompress.comparison.limits import Limit, Limits, parse_limits
from tfcompress.comparison.match_names import pair_inputs
from tfcompress.comparison.metric_choice import Metrics
from tfcompress.comparison.result import Comparison, SideBySide
from tfcompress.comparison.runtime_agreement import RuntimeAgreement
from tfcompress.console import progress
from tfcompress.data.batches import batches
from tfcompress.data.data_forms import Data, LabelsLike
from tfcompress.errors import SettingError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.keras_compat.traceable_names import require_traceable_names
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.model_files.load_keras import as_model
from tfcompress.runtime.engine import runtimes
from tfcompress.runtime.runner import Runner
from tfcompress.typing import KerasModel, Runtime, StrPath

SAMPLES_AT_ONCE = 64


@overload
def compare(
    model: KerasModel | StrPath,
    tflite: TFLiteModel | StrPath,
    x: Data,
    y: LabelsLike | None = None,
    *,
    max_accuracy_drop: float | None = None,
    limits: Limits | None = None,
    runtime: Runtime = "litert",
    metrics: Metrics | None = None,
) -> Comparison: ...
@overload
def compare(
    model: KerasModel | StrPath,
    tflite: TFLiteModel | StrPath,
    x: Data,
    y: LabelsLike | None = None,
    *,
    max_accuracy_drop: float | None = None,
    limits: Limits | None = None,
    runtime: Literal["all"] | Sequence[Runtime],
    metrics: Metrics | None = None,
) -> SideBySide: ...
def compare(
    model: KerasModel | StrPath,
    tflite: TFLiteModel | StrPath,
    x: Data,
    y: LabelsLike | None = None,
    *,
    max_accuracy_drop: float | None = None,
    limits: Limits | None = None,
    runtime: Runtime | Literal["all"] | Sequence[Runtime] = "litert",
    metrics: Metrics | None = None,
) -> Comparison | SideBySide:
    """Run a Keras model and its .tflite file on the same samples and measure the difference.

    Args:
        model: The Keras model that the file was made of, or the path of its file.
        tflite: The file, as a `TFLiteModel` or as a path.
        x: Inputs: an array of shape (samples, …), a dict by input name, a `tf.data.Dataset` or a generator, with
            labels in it or without. One batch is held at a time.
        y: Labels: class numbers of shape (samples,) or one-hot rows, of a segmentation one for each pixel; with
            other `metrics`, whatever these take. For a model of several outputs a dict by output, of one or more of
            them. Default: the labels inside `x`; without any, outputs are compared by error alone. An output of one
            value chooses class 1 above 0.5, or above 0 where the model gives logits.
        max_accuracy_drop: What the accuracy may lose, as a fraction: 0.01 is one point. Of a segmentation it is the
            pixel accuracy. Default: no limit.
        limits: How much worse than the model the file may be, in the unit of each metric, by "metric" or
            "output/metric": {"mean_absolute_error": 0.02, "mask/mean_io_u": 0.01}. A metric that is not in `metrics` is
            taken from Keras by its name. Where a metric does not tell which values are better, pass a pair:
            (0.02, "lower_is_better") or "higher_is_better". Default: no limits.
        runtime: The kernels to run on, as `Runner` names them: "litert", "reference", "tflm". Several, or "all", run
            side by side.
        metrics: What to measure instead of accuracy: Keras metric objects, their names, or functions of
            (labels, outputs) that return a number; of several outputs a dict by output. A function makes outputs be
            kept to the end, and so does a metric whose state is no sum over samples. Default: accuracy; of a
            segmentation, pixel accuracy and mean IoU.

    Returns:
        A `Comparison`; print it, or look at `verdict`: a limit is "passed" or "failed" where the paired 95 % interval
        of the difference lies on one side of it, else there are "too few samples to tell". For several runtimes a
        `SideBySide`: a `Comparison` by runtime.

    Raises:
        DataError: data or labels do not fit, or an output is NaN.
        SettingError: a limit without labels, on an unknown metric or output, or outside what it may be; an unknown
            runtime or metric.

    Example:
        >>> comparison = tfcompress.compare(model, tflite, x_test, y_test, limits={"accuracy": 0.1})
        >>> comparison.verdict
        'passed'
    """
    checked = parse_limits(limits, max_accuracy_drop)
    model = as_model(model)
    specs = model_io.inputs(model)
    chosen = runtimes() if runtime == "all" else (runtime,) if isinstance(runtime, str) else tuple(runtime)
    if not chosen:
        raise SettingError("runtime must name at least one runtime.", received=repr(runtime))
    runners = [Runner(tflite, runtime=name) for name in dict.fromkeys(chosen)]
    to_file = pair_inputs(specs, runners[0].inputs)
    labels = labels_by_output(y)
    require_same_length(x, labels)
    if checked and labels is None and isinstance(x, (np.ndarray, dict)):
        raise _limit_without_labels(checked)
    tallies = [ComparisonBuilder(runner, model_view.keras_of(model), metrics, checked) for runner in runners]
    between = RuntimeAgreement([runner.runtime for runner in runners])
    require_traceable_names(model)
    predict = model_io.predictor(model)
    samples = 0
    with progress("comparing", None if labels is None else length(labels)) as advance:
        for batch in batches(x, specs, size=SAMPLES_AT_ONCE, what="x", labelled=y is None):
            given = labels_by_output(batch.labels) if labels is None else rows(labels, samples, len(batch))
            inputs = {to_file[name]: array for name, array in batch.inputs.items()}
            expected = predict(batch.inputs)
            outputs = []
            for runner, tally in zip(runners, tallies, strict=True):
                outputs.append(runner.run(inputs))
                tally.add(expected, outputs[-1], given, labels)
            between.add(outputs)
            samples += len(batch)
            advance(len(batch))
    if labels is not None and length(labels) != samples:
        raise other_length(samples, length(labels))
    if checked and not tallies[0].labelled:
        raise _limit_without_labels(checked)
    found = {tally.runner.runtime: tally.result() for tally in tallies}
    if isinstance(runtime, str) and runtime != "all":
        return found[runtime]
    return SideBySide(found, between.shares())


def _limit_without_labels(limits: Sequence[Limit]) -> SettingError:
    return SettingError(
        "A limit needs labels to measure against.",
        received=f"{', '.join(f'{limit.key}: {limit.amount:g}' for limit in limits)} without y",
        hint="Pass y: class numbers, or the targets of a regression.",
    )
