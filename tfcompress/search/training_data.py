"""What candidates are trained, calibrated and judged on.

In: data as `fit` takes it. Out: `TrainingData`, checked once, before anything is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfcompress.data.batches import batches
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError

SAMPLES = 1_000
"""Inputs that calibration and learned rounding see."""
BATCH = {0: 32, 10_000: 128}
"""Samples a step, from so many arrays on: few samples make few steps. A dataset brings its own."""


@dataclass(frozen=True)
class TrainingData:
    """Data to train on, to choose by, and, at the end and once, to report."""

    train: Any
    """What `fit` gets: (x, y) of arrays, or a dataset of batches."""
    samples: dict[str, np.ndarray]
    """Up to 1,000 training inputs, by name."""
    validation: tuple[Any, Any]
    test: tuple[Any, Any] | None
    steps: int | None
    """Of an epoch; None where a dataset does not tell."""
    count: int = 0
    """Of training samples, where they are arrays."""

    @property
    def batch(self) -> int:
        """Samples a step of arrays."""
        return next(size for least, size in reversed(BATCH.items()) if self.count >= least)


def training_data(train: Any, validation: Any, test: Any, specs: Sequence[TensorSpec]) -> TrainingData:
    """Check data and take samples of it.

    Args:
        train: (x, y) of arrays, or a dataset of batches (x, y) that ends and can be read again.
        validation: (x, y) of arrays.
        test: The same, or None.
        specs: The model's inputs.

    Raises:
        DataError: there is no validation data, or something does not fit the inputs.
    """
    pairs = {"validation": _pair(validation, "validation", specs)}
    if test is not None:
        pairs["test"] = _pair(test, "test", specs)
    if isinstance(train, list):
        train = tuple(train)
    if isinstance(train, tuple):
        train = _pair(train, "train", specs)
    elif not hasattr(train, "__iter__") or hasattr(train, "__next__"):
        raise DataError(
            "train must be (x, y) of arrays or a dataset that can be read again.",
            received=type(train).__name__,
            hint="A generator ends with the first candidate: pass a tf.data.Dataset made of it.",
        )
    samples = _samples(train, specs)
    if not isinstance(train, tuple):
        return TrainingData(train, samples, pairs["validation"], pairs.get("test"), _cardinality(train))
    data = TrainingData(train, samples, pairs["validation"], pairs.get("test"), None, _length(train[0]))
    return replace(data, steps=-(-data.count // data.batch))


def _pair(data: Any, what: str, specs: Sequence[TensorSpec]) -> tuple[Any, Any]:
    if data is None:
        raise DataError(
            f"compress needs {what} data.",
            received=f"{what}=None",
            hint="Hold some samples back from training: candidates are chosen by them.",
        )
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise DataError(f"{what} must be (x, y) of arrays.", received=type(data).__name__)
    x, y = data
    if isinstance(y, dict) and len(y) == 1:  # by the name of the one output
        (y,) = y.values()
    count = sum(len(batch) for batch in batches(x, specs, size=1_024, what=what))
    labels = {name: len(each) for name, each in y.items()} if isinstance(y, dict) else {"y": len(y)}
    if set(labels.values()) != {count}:
        raise DataError(f"x and y of {what} must have the same length.", received=f"{count} samples, {labels} labels")
    x, y = (np.asarray(each) if isinstance(each, (list, tuple)) else each for each in (x, y))
    return x, y


def _length(x: Any) -> int:
    return len(next(iter(x.values()))) if isinstance(x, dict) else len(x)


def _cardinality(dataset: Any) -> int | None:
    if not hasattr(dataset, "cardinality"):
        return len(dataset) if hasattr(dataset, "__len__") else None
    count = int(dataset.cardinality())
    if count == -1:
        raise DataError(
            "A dataset to train on must have an end.",
            received="one without",
            hint="Take some steps of it with dataset.take(steps).",
        )
    return count if count > 0 else None


def _samples(train: Any, specs: Sequence[TensorSpec]) -> dict[str, np.ndarray]:
    """Take inputs evenly out of arrays, the first ones of a dataset."""
    if isinstance(train, tuple):
        count = _length(train[0])
        chosen = np.linspace(0, count - 1, min(SAMPLES, count)).astype(int)
        x = train[0]
        train = (
            {name: np.asarray(each)[chosen] for name, each in x.items()}
            if isinstance(x, dict)
            else np.asarray(x)[chosen]
        )
    taken: list[dict[str, np.ndarray]] = []
    held = 0
    for batch in batches(train, specs, what="train"):
        taken.append(batch.inputs)
        held += len(batch)
        if held >= SAMPLES:
            break
    return {spec.name: np.concatenate([each[spec.name] for each in taken])[:SAMPLES] for spec in specs}
