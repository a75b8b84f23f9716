"""Small models of one layer each, of either Keras: tests of all layers and tables of coverage are made of them.

In: nothing. Out: an `Example`, which makes its model with a Keras module, and its inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

IMAGE, LINE, FLAT = (8, 8, 4), (8, 4), (6,)
"""Shapes of inputs without the batch: height, width, channels; steps, channels; features."""


@dataclass(frozen=True)
class Example:
    """A model of one input and one layer, or of the few that belong together."""

    title: str
    """What tables call it."""
    call: Callable[[Any, Any], Any]
    """Makes the result of a Keras module and the input."""
    shape: tuple[int, ...] = IMAGE
    ids: int = 0
    """Inputs are whole numbers below this; 0: they are floats."""
    needs: str = ""
    """What not every Keras has, such as "layers.RMSNormalization"."""

    def exists(self, keras: Any) -> bool:
        """Tell whether that Keras has the layer."""
        try:
            return not self.needs or attrgetter(self.needs)(keras) is not None
        except AttributeError:
            return False

    def model(self, keras: Any) -> Any:
        """Return the model."""
        entry = keras.Input(self.shape, dtype="int32" if self.ids else "float32", name="x")
        return keras.Model(entry, self.call(keras, entry), name="net")

    def inputs(self, count: int, seed: int = 0) -> np.ndarray:
        """Return random inputs of shape (count, *shape)."""
        rng = np.random.default_rng(seed)
        if self.ids:
            return rng.integers(0, self.ids, (count, *self.shape)).astype("int32")
        return rng.normal(0, 1, (count, *self.shape)).astype("float32")


def layer(name: str, *args: Any, shape: tuple[int, ...] = IMAGE, title: str = "", **kwargs: Any) -> Example:
    """Return the example of a layer alone.

    Args:
        name: Its class in `keras.layers`.
        args: What the class takes.
        shape: The shape of the input.
        title: The title. Default: the name.
        kwargs: What the class takes by name.
    """
    return Example(
        title or name, lambda k, x: getattr(k.layers, name)(*args, **kwargs)(x), shape, needs=f"layers.{name}"
    )


def activation(name: str, shape: tuple[int, ...] = IMAGE) -> Example:
    """Return the example of an activation function, in the layer Activation."""
    return Example(f"Activation {name}", lambda k, x: k.layers.Activation(name)(x), shape, needs=f"activations.{name}")


def merge(name: str) -> Example:
    """Return the example of a layer that merges the input with a convolution of it."""
    return Example(name, lambda k, x: getattr(k.layers, name)()([x, convolved(k, x)]))


def convolved(k: Any, x: Any) -> Any:
    """Return a convolution of an image, of its shape."""
    return k.layers.Conv2D(4, 3, padding="same")(x)
