"""Metrics of a user's own, for the model and for the file on the same samples.

In: Keras metrics or functions; outputs and labels, batch by batch. Out: two numbers for each.
A Keras metric holds no batch; a function gets all labels and outputs at the end. Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfcompress.errors import DataError, SettingError


class Metrics:
    """What was measured so far.

    Args:
        metrics: Keras metrics, or functions of (labels, outputs) that return a number.

    Raises:
        SettingError: something else.
    """

    def __init__(self, metrics: Any) -> None:
        listed: Sequence[Any] = metrics if isinstance(metrics, (list, tuple)) else [] if metrics is None else [metrics]
        self._pairs: dict[str, tuple[Any, Any]] = {}
        self._functions: dict[str, Any] = {}
        for metric in listed:
            if all(hasattr(metric, name) for name in ("update_state", "result", "get_config")):
                config = metric.get_config()
                self._pairs[metric.name] = tuple(type(metric).from_config(config) for _ in range(2))
            elif callable(metric) and not isinstance(metric, type):
                self._functions[getattr(metric, "__name__", type(metric).__name__)] = metric
            else:
                raise SettingError(
                    "A metric is a Keras metric object or a function of (labels, outputs).",
                    received=repr(metric),
                    todo="Pass keras.metrics.MeanAbsoluteError(), for instance.",
                )
        self._kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def __bool__(self) -> bool:
        return bool(self._pairs or self._functions)

    def add(self, labels: np.ndarray, keras: np.ndarray, file: np.ndarray) -> None:
        """Add one batch."""
        for name, pair in self._pairs.items():
            for metric, outputs in zip(pair, (keras, file), strict=True):
                try:
                    metric.update_state(labels, outputs)
                except Exception as error:
                    raise DataError(
                        f"The metric {name!r} must take the labels and the outputs.",
                        received=f"labels of shape {labels.shape}, outputs of shape {outputs.shape}: {error}",
                    ) from error
        if self._functions:
            self._kept.append((labels, keras, file))

    def results(self) -> dict[str, tuple[float, float]]:
        """The numbers of the model and of the file, by the name of the metric."""
        found = {
            name: tuple(float(np.asarray(metric.result())) for metric in pair) for name, pair in self._pairs.items()
        }
        if self._functions:
            labels, keras, file = (np.concatenate(parts) for parts in zip(*self._kept, strict=True))
            found |= {name: (float(f(labels, keras)), float(f(labels, file))) for name, f in self._functions.items()}
        for name, pair in found.items():
            if not np.isfinite(pair).all():
                raise DataError(f"The metric {name!r} must be finite.", received=f"{pair[0]} and {pair[1]}")
        return found
