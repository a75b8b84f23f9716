"""Batch norms get the exact means and variances that the weights of now make, in place of moving averages.

In: a model of either Keras, and inputs. Out: nothing; the statistics of its batch norms are set.
Source: Wu & Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3; for quantization-aware training Nagel et al.,
"Overcoming Oscillations in Quantization-Aware Training", ICML 2022.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tfcompress.console import progress
from tfcompress.data.batches import batches
from tfcompress.data.data_forms import Data
from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.typing import KerasModel

BATCH = 128
MAX_SAMPLES = 10_000
"""Samples that are read: means hardly move after a few thousand."""


def reestimate_batch_norm(model: KerasModel, x: Data) -> None:
    """Measure the means and variances of all batch norms anew, in place.

    A batch norm keeps moving averages over the last batches of a fit, while weights, masks and ranges went on changing.
    After pruning or quantization-aware training the averages over many batches at the weights of now fit better.
    Everything else stays as it is: weights, ranges, the optimizer. Batch norms that are frozen keep their statistics.

    Args:
        model: A built model of Keras 3 or tf_keras, quantization-aware ones included.
        x: Training inputs, augmented like those of the fit: an array of shape (samples, …), a dict by input name, a
            dataset, a generator or a path. Labels in it are ignored. 10,000 samples at most are read, 128 at a time.

    Raises:
        ModelError: the model has no batch norm that trains.
        DataError: x does not fit the inputs.

    Example:
        >>> tfcompress.reestimate_batch_norm(model, x_train)
    """
    model_view.flavour(model)
    model_view.require_built(model)
    norms = [layer for _, layer in model_view.layers(model) if _is_batch_norm(layer) and layer.trainable]
    if not norms:
        raise ModelError(
            "The model must have a BatchNormalization that trains, whose statistics can be measured.",
            received=f"{model.name!r} without one",
            hint="Nothing needs to be done for this model. Where batch norms are frozen, set trainable = True first.",
        )
    import tensorflow as tf

    specs = model_io.inputs(model)
    types = {spec.name: spec.dtype for spec in specs}
    counts: list[int] = []
    seen: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in norms]
    with _statistics_of_one_batch(model, norms), progress("measuring batch norms") as advance:
        run = model_io.compiled_forward(model, training=True)
        for batch in batches(x, specs, size=BATCH):
            run({name: tf.constant(array, types[name]) for name, array in batch.inputs.items()})
            counts.append(len(batch))
            for norm, found in zip(norms, seen, strict=True):
                found.append((np.array(norm.moving_mean, np.float64), np.array(norm.moving_variance, np.float64)))
            advance(len(batch))
            if sum(counts) >= MAX_SAMPLES:
                break
    share = np.array(counts)[:, np.newaxis] / sum(counts)
    for norm, found in zip(norms, seen, strict=True):
        means, variances = map(np.stack, zip(*found, strict=True))
        mean = (share * means).sum(0)
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign((share * (variances + (means - mean) ** 2)).sum(0))


def _is_batch_norm(layer: Any) -> bool:
    return all(getattr(layer, name, None) is not None for name in ("moving_mean", "moving_variance", "momentum"))


@contextmanager
def _statistics_of_one_batch(model: KerasModel, norms: list[Any]) -> Iterator[None]:
    """Let batch norms hold the statistics of the last batch alone, and put back what else a training step changes."""
    momenta = [norm.momentum for norm in norms]
    own = {id(variable) for norm in norms for variable in (norm.moving_mean, norm.moving_variance)}
    others = [(weight.variable, weight.value) for weight in model_view.weights(model) if id(weight.variable) not in own]
    trains = {id(variable) for variable in model.trainable_variables}
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for variable, value in others:
            if id(variable) not in trains:  # ranges, and whatever layers of the user's own keep
                variable.assign(value)
