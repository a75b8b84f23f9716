"""Which metrics are measured of which output, and which limit each has.

In: what the user passes as `metrics` and `limits`, the outputs that have labels. Out: `Measured`s by output.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Protocol, TypeAlias

from tfcompress.choices import did_you_mean
from tfcompress.comparison.limits import ACCURACY, Limit, higher_is_better, plain, required_direction
from tfcompress.errors import SettingError


class KerasMetric(Protocol):
    """A metric object of either Keras."""

    def update_state(self, *args: Any, **kwargs: Any) -> Any: ...
    def result(self) -> Any: ...
    def reset_state(self) -> Any: ...


OWN = {"accuracy": ACCURACY, "acc": ACCURACY, "pixelaccuracy": ACCURACY}
OWN |= dict.fromkeys(("meaniou", "miou", "onehotmeaniou", "meaniouscore"), "mean IoU")
"""The metrics that are counted here, by the plain forms of their names."""
SHORT = {"mae": "meanabsoluteerror", "mse": "meansquarederror", "rmse": "rootmeansquarederror", "r2": "r2score"}
SHORT |= {"mape": "meanabsolutepercentageerror", "msle": "meansquaredlogarithmicerror", "f1": "f1score"}
MetricLike: TypeAlias = str | KerasMetric | Callable[[Any, Any], Any]
"""What a user passes as a metric: a name, a Keras metric object, or a function of (labels, outputs)."""
Metrics: TypeAlias = MetricLike | Sequence[MetricLike] | Mapping[str, MetricLike | Sequence[MetricLike]]
"""One or several for all outputs, or by output."""
WAY_OUT = "Pass keras.metrics.MeanAbsoluteError(), for instance."


@dataclass(frozen=True)
class Measured:
    """A metric of one output: an own one by its name alone, a Keras metric object or a function."""

    name: str
    metric: Any = None
    limit: Limit | None = None
    higher_is_better: bool | None = None

    @property
    def is_own(self) -> bool:
        """Whether it is counted here, without an object of the user's."""
        return self.metric is None


def choose_metrics(
    outputs: Sequence[str], metrics: Metrics | None, limits: Sequence[Limit], keras: ModuleType
) -> dict[str, list[Measured]]:
    """Return what is measured of each output that has labels.

    An output without a metric of its own is measured by accuracy.

    Args:
        outputs: The outputs that have labels.
        metrics: One metric, a list of metrics for each output, or a dict of these by output.
        limits: Checked limits; one on a metric that was not passed names a metric of Keras.
        keras: The Keras of the model.

    Raises:
        SettingError: no metric, an unknown name, two of one name, or a limit that limits nothing.
    """
    chosen: dict[str, list[Measured]] = {output: [] for output in outputs}
    for output, given in _by_output(metrics, outputs).items():
        chosen[output] = [_measured(metric, keras) for metric in given]
        names = [one.name for one in chosen[output]]
        if len(set(names)) != len(names):
            raise SettingError("Each metric needs a name of its own.", received=names)
    placed = [(limit, *limit.place(outputs)) for limit in limits]
    # Limits for all outputs first: one that names its output takes precedence.
    for limit, output, name in sorted(placed, key=lambda each: each[1] is not None):
        among = list(outputs) if output is None else [output]
        if not any(_hits(chosen[each], name) for each in among):
            added = _by_name(name, keras, limit)
            without = [each for each in among if not chosen[each]]
            for each in (without or among) if added.name == ACCURACY else among:
                chosen[each].append(added)
        for each in among:
            for index in _hits(chosen[each], name):
                one = chosen[each][index]
                direction = True if one.is_own else required_direction(limit, one.metric, one.name)
                chosen[each][index] = replace(one, limit=limit, higher_is_better=direction)
    return {output: found or [Measured(ACCURACY)] for output, found in chosen.items()}


def _by_output(metrics: Metrics | None, outputs: Sequence[str]) -> dict[str, Sequence[Any]]:
    if metrics is None:
        return {}
    if not isinstance(metrics, Mapping):
        metrics = dict.fromkeys(outputs, metrics)
    unknown = [name for name in metrics if name not in outputs]
    if unknown:
        raise SettingError(
            "metrics must name outputs that have labels.", received=unknown, hint=f"One of {sorted(outputs)}."
        )
    return {name: given if isinstance(given, (list, tuple)) else [given] for name, given in metrics.items()}


def _measured(metric: Any, keras: ModuleType) -> Measured:
    if isinstance(metric, str):
        return _by_name(metric, keras, None)
    if is_keras_metric(metric):
        return Measured(str(metric.name), metric, None, higher_is_better(metric, metric.name))
    if not callable(metric) or isinstance(metric, type):
        raise SettingError(
            "A metric is a Keras metric object or a function of (labels, outputs).",
            received=repr(metric),
            hint=WAY_OUT,
        )
    name = getattr(metric, "__name__", None) or getattr(metric, "name", None) or type(metric).__name__
    return Measured(str(name), metric, None, higher_is_better(metric, str(name)))


def is_keras_metric(metric: Any) -> bool:
    """Tell whether an object has what a Keras metric has, of whichever Keras."""
    return all(hasattr(metric, name) for name in ("update_state", "result", "reset_state", "name")) and not isinstance(
        metric, type
    )


def _hits(measured: Sequence[Measured], name: str) -> list[int]:
    """Return which of some metrics a name means: by itself, else without the number that Keras appends."""
    wanted = {plain(name), plain(SHORT.get(plain(name), OWN.get(plain(name), name)))}
    for form in (plain, lambda known: plain(re.sub(r"_\d+$", "", known))):
        found = [index for index, one in enumerate(measured) if form(one.name) in wanted]
        if found:
            return found
    return []


def _by_name(name: str, keras: ModuleType, limit: Limit | None) -> Measured:
    """Return the metric that a name alone means: an own one, or one of Keras."""
    short = SHORT.get(plain(name), plain(name))
    if short in OWN:
        return Measured(OWN[short])
    for known, kind in vars(keras.metrics).items():
        if not isinstance(kind, type) or plain(known) != short:
            continue
        settings = {"average": "macro"} if "average" in inspect.signature(kind.__init__).parameters else {}
        try:
            metric = kind(name=name, **settings)
        except TypeError as error:
            raise SettingError(
                f"The metric {name!r} needs settings.",
                received=str(error),
                hint=f"Pass metrics=[keras.metrics.{known}(…)] as well.",
            ) from error
        if higher_is_better(metric, known) is None:
            break  # Mean and Sum are no metrics of labels and outputs
        return Measured(name, metric, None, higher_is_better(metric, known))
    known_names = [ACCURACY, *SHORT, *(one for one in vars(keras.metrics) if higher_is_better(None, one) is not None)]
    raise SettingError(
        "limits must name a metric that is passed, or one of Keras that takes labels and outputs."
        if limit
        else "A metric is a Keras metric object, the name of one, or a function of (labels, outputs).",
        received=repr(limit.key if limit else name),
        hint=did_you_mean(name, known_names)
        or f"Such as mean_absolute_error, accuracy or mean_io_u.{'' if limit else f' {WAY_OUT}'}",
    )
