"""How models of a search are trained: compiled, seeded, and fitted to the training data.

In: a model and a number of epochs. Out: the model, trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfcompress.errors import DataError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.search.training_data import TrainingData

FEW = 32
"""Samples on which the form of the output is looked at."""


@dataclass(frozen=True)
class Training:
    """How every model of a search is compiled and trained."""

    data: TrainingData
    loss: Any
    """What `compile` of Keras takes."""
    compile: Callable[[Any], Any] | None = None
    """The user's own: compiles a model."""
    fit: Callable[..., Any] | None = None
    """The user's own: trains a compiled model, as `fit(model, epochs=…, callbacks=…)`."""

    @property
    def told(self) -> str:
        """The loss and what is the user's own, in words."""
        loss = self.loss if isinstance(self.loss, str) else getattr(self.loss, "__name__", type(self.loss).__name__)
        own = {"compile": self.compile, "fit": self.fit}
        return ", ".join([loss, *(f"own {name}" for name, value in own.items() if value is not None)])

    def run(self, model: Any, epochs: int, learning_rate: float, callbacks: list[Any], seed: int) -> None:
        """Train a model, on a rate that falls to zero as a cosine unless the user compiles."""
        keras = model_view.keras_of(model)
        if self.compile is not None:
            self.compile(model)
        else:
            steps, schedules = self.data.steps, keras.optimizers.schedules
            rate = learning_rate if steps is None else schedules.CosineDecay(learning_rate, epochs * steps)
            model.compile(keras.optimizers.Adam(rate), loss=self.loss)
        keras.utils.set_random_seed(seed)
        if self.fit is not None:
            self.fit(model, epochs=epochs, callbacks=callbacks)
        elif isinstance(self.data.train, tuple):
            model.fit(*self.data.train, batch_size=self.data.batch, epochs=epochs, callbacks=callbacks, verbose=0)
        else:
            model.fit(self.data.train, epochs=epochs, callbacks=callbacks, verbose=0)


def loss_of(model: Any, data: TrainingData) -> Any:
    """Return the loss that a classifier was compiled with, or the one that its outputs and labels ask for.

    Raises:
        DataError: the model has several outputs.
    """
    few = {name: array[:FEW] for name, array in data.samples.items()}
    outputs = model_io.predictor(model)(few)
    if len(outputs) != 1:
        raise DataError("compress is for classifiers with one output.", received=", ".join(map(repr, outputs)))
    if getattr(model, "loss", None) is not None:
        return model.loss
    (values,) = outputs.values()
    labels = np.asarray(data.validation[1])
    bounded = bool(np.all((values >= 0) & (values <= 1)))
    if values.shape[-1] == 1:
        kind, are_probabilities = "BinaryCrossentropy", bounded
    else:
        are_probabilities = bounded and np.allclose(values.sum(-1), 1, atol=1e-2)
        one_hot = labels.ndim == values.ndim and labels.shape[-1] == values.shape[-1]
        kind = "CategoricalCrossentropy" if one_hot else "SparseCategoricalCrossentropy"
    return getattr(model_view.keras_of(model).losses, kind)(from_logits=not are_probabilities)
