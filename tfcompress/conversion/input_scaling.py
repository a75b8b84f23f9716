"""Whether samples are scaled as the training data was: the usual mistake is a forgotten `x / 255`.

In: a Keras model and checked samples. Out: nothing, or a warning. The first BatchNormalization or Normalization that
the model runs through remembers mean and variance of what it saw in training; they are compared with what it sees on
the samples, whatever layers stand before it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfcompress.console import warn
from tfcompress.conversion.samples import Calibration
from tfcompress.keras_compat import model_io, model_view
from tfcompress.layers.catalogue import inherited_layer_spec
from tfcompress.typing import KerasModel

MAX_SCALE_RATIO = 16.0
"""How many times as wide (or as narrow) as in training is a mistake: one of scale is a factor of 57 to 255 on 8 bits,
while other images, or statistics that a short training left half-way, stay below this."""

SAMPLES = 32


class _SeenEnough(BaseException):
    """Ends a forward pass; no `except Exception` of a layer may stop it."""


def warn_of_other_scale(model: KerasModel, calibration: Calibration) -> None:
    """Warn if samples are scaled otherwise than what the model was trained on.

    Args:
        model: A built model of either Keras. One without a trained BatchNormalization or Normalization is not judged.
        calibration: The samples.
    """
    trained = remembered_layers(model)
    if not trained:
        return
    seen = first_seen(model, [layer for _, layer, _ in trained], calibration)
    for path, layer, moments in trained:
        if seen is not None and seen[0] is layer:
            _compare(path, moments, seen[1])


def remembered_layers(model: KerasModel) -> list[tuple[str, Any, tuple[np.ndarray, np.ndarray, int]]]:
    """List the layers that have seen something in training, with their path, and what they remember."""
    found = [(path, layer, remembered(layer)) for path, layer in model_view.layers(model)]
    return [(path, layer, moments) for path, layer, moments in found if moments is not None]


def remembered(layer: Any) -> tuple[np.ndarray, np.ndarray, int] | None:
    """Return mean and variance that a layer saw in training, and their axis; None if it has seen nothing."""
    spec = inherited_layer_spec(layer)
    moments = spec.moments(layer) if spec.moments else None
    if moments is None:
        return None
    mean, variance, axis = _numbers(moments[0]), _numbers(moments[1]), moments[2]
    axes = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    if len(axes) > 1 or (not axes and mean.size > 1) or not np.isfinite(variance).all():
        return None
    if (mean == 0).all() and (variance == 1).all():
        return None  # as it was made
    return mean, variance, int(axes[0]) if axes else -1


def _numbers(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.numpy() if hasattr(tensor, "numpy") else tensor, np.float64).reshape(-1)


def first_seen(model: KerasModel, layers: list[Any], calibration: Calibration) -> tuple[Any, np.ndarray] | None:
    """Run some samples through the model up to the first of the layers; return it and what it was given."""
    import tensorflow as tf

    names = [spec.name for spec in model_io.inputs(model)]
    rows = next(calibration.batches(SAMPLES))
    tensors = {name: tf.constant(rows[f"input_{index}"]) for index, name in enumerate(names)}
    found: list[tuple[Any, np.ndarray]] = []

    def note(layer: Any, given: Any) -> None:
        found.append((layer, np.asarray(given, np.float64)))
        raise _SeenEnough

    with contextlib.suppress(Exception, _SeenEnough), _calls_noted(layers, note):  # exporting tells what is wrong
        model_io.forward(model)(tensors)
    return found[0] if found else None


@contextlib.contextmanager
def _calls_noted(layers: list[Any], note: Any) -> Iterator[None]:
    """Have each layer hand its input to `note` while the block runs."""

    def noting(layer: Any) -> Any:
        def call(inputs: Any, *arguments: Any, **named: Any) -> Any:
            note(layer, inputs)

        return call

    for layer in layers:
        object.__setattr__(layer, "call", noting(layer))
    try:
        yield
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def _compare(path: str, moments: tuple[np.ndarray, np.ndarray, int], given: np.ndarray) -> None:
    mean, variance, axis = moments
    values = np.moveaxis(given, axis, -1).reshape(-1, given.shape[axis]) if mean.size > 1 else given.reshape(-1, 1)
    if values.shape[1] != mean.size or not values.size:
        return
    tiny = np.finfo(np.float32).eps
    deviation = np.sqrt(np.maximum(variance, tiny))
    wide = np.median(np.sqrt(((values - mean) ** 2).mean(axis=0)) / deviation)
    alive = variance > 1e-6  # a channel that was constant in training tells nothing
    narrow = np.median((values.std(axis=0) / deviation)[alive]) if alive.any() else 1.0
    if narrow >= 1 / MAX_SCALE_RATIO and wide <= MAX_SCALE_RATIO:
        return
    times = f"{wide:,.0f} times as far" if wide > MAX_SCALE_RATIO else f"1/{1 / max(narrow, 1e-9):,.0f} as far"
    warn(
        f"The samples are not scaled as the training data was: the layer {path!r} sees values that spread {times} "
        "as those it saw in training. Pass what model.predict takes: is a division by 255 missing, or done twice?",
        5,
    )
