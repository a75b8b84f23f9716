"""The one place that knows there are two Kerases: Keras 3 (`keras`) and Keras 2 (`tf_keras`).

In: a model object of either. Out: its layers and weights under stable paths. Which Keras owns a model is read from the
classes of the object, never from the environment.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np

from tfcompress.errors import ModelError
from tfcompress.typing import KerasModel
from tfcompress.unique_names import unique

Flavour = Literal["keras", "tf_keras"]


@dataclass(frozen=True)
class Weight:
    """One variable of a model and the innermost layer that owns it."""

    path: str
    """Layer path and variable name, such as "block/conv/kernel"; the model's own name is left out."""
    layer: Any
    variable: Any

    @property
    def name(self) -> str:
        """The variable's own name, such as "kernel"."""
        return self.path.rpartition("/")[2]

    @property
    def value(self) -> np.ndarray:
        """The numbers, copied."""
        return np.array(self.variable)


def flavour(model: object) -> Flavour:
    """Tell which Keras a model object belongs to.

    Raises:
        ModelError: the object is no Keras model, or its Keras runs on a backend other than TensorFlow.
    """
    for base in type(model).__mro__:
        if base.__name__ == "Model" and base.__module__.startswith("tf_keras."):
            return "tf_keras"
        if base.__name__ == "Model" and base.__module__.startswith("keras."):
            if keras_of("keras").backend.backend() != "tensorflow":
                raise ModelError(
                    "Keras 3 must run on the TensorFlow backend, the only one that becomes a .tflite.",
                    received=f"backend {keras_of('keras').backend.backend()!r}",
                    hint='Save the model, set KERAS_BACKEND="tensorflow" and load it again.',
                )
            return "keras"
    raise ModelError(
        "A Keras model is needed, of Keras 3 or of tf_keras.",
        received=f"an object of type {type(model).__module__}.{type(model).__qualname__}",
        hint="Load files with tfcompress.load_keras(path).",
    )


def keras_of(model: KerasModel | Flavour) -> ModuleType:
    """Return the Keras module, `keras` or `tf_keras`, that owns a model (or has that name)."""
    if (model if isinstance(model, str) else flavour(model)) == "tf_keras":
        import tf_keras

        return tf_keras
    import keras

    return keras


def layers(model: KerasModel) -> Iterator[tuple[str, Any]]:
    """Yield every layer inside a model once, nested ones included, as (path, layer), outermost first.

    A path joins layer names with "/" and leaves the model's own name out, as that is numbered anew in each
    process. Layers of the same name under one parent become "name", "name_1", …. A layer that `stands_for` another one,
    as in a quantization-aware model, has the path that this has in its own model, and so has the layer inside it.
    """
    seen: set[int] = set()

    def walk(parent: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        taken: set[str] = set()
        for layer in parent._flatten_layers(include_self=False, recursive=False):
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            meant = getattr(layer, "stands_for", None)
            inside = meant is None and getattr(parent, "stands_for", None) == prefix.rstrip("/")
            path = prefix.rstrip("/") if inside else prefix + unique(meant or layer.name, taken)
            yield path, layer
            yield from walk(layer, path + "/")

    yield from walk(model, "")


def leaf_layers(model: KerasModel) -> list[tuple[str, Any]]:
    """List the layers that hold no other layer, or that own weights of their own, as (path, layer)."""
    return [
        (path, layer)
        for path, layer in layers(model)
        if own_variables(layer) or not any(True for _ in layer._flatten_layers(include_self=False))
    ]


def weights(model: KerasModel) -> list[Weight]:
    """List every variable of a built model once, with its path and its innermost owner."""
    found: list[Weight] = []
    for path, layer in [("", model), *layers(model)]:
        taken: set[str] = set()
        for variable in own_variables(layer):
            name = unique(variable.name.rpartition("/")[2].removesuffix(":0"), taken)
            found.append(Weight(f"{path}/{name}" if path else name, layer, variable))
    return found


def own_variables(layer: Any) -> list[Any]:
    """Return the variables that a layer created itself, without those of layers inside it."""
    if hasattr(layer, "_trainable_variables"):  # Keras 3
        return [*layer._trainable_variables, *layer._non_trainable_variables]
    return [*layer._trainable_weights, *layer._non_trainable_weights]


def compute_dtype(layer: Any) -> str | None:
    """Return the type in which a layer computes, such as "float16" under mixed precision; None if it has none."""
    return getattr(layer, "compute_dtype", None)


def require_built(model: Any) -> None:
    """Raise `ModelError` unless the model's weights exist."""
    if not model.built or (not model.weights and getattr(model, "inputs", None) is None):
        raise ModelError(
            "The model must be built: its weights do not exist yet.",
            received=f"the unbuilt model {model.name!r}",
            hint="Give it an Input layer, or call it once on a batch of data.",
        )


def fingerprint(model: Any) -> str:
    """Return the sha256 of a model's architecture and weights, in hexadecimal."""
    digest = hashlib.sha256()
    with contextlib.suppress(Exception):  # some custom layers cannot tell their configuration
        architecture = json.loads(model.to_json())
        architecture.pop("compile_config", None)  # an optimizer is named after how many there were before it
        digest.update(json.dumps(architecture).encode())
    for weight in weights(model):
        value = weight.value
        digest.update(f"{weight.path} {value.dtype} {value.shape}\n".encode())
        digest.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8))
    return digest.hexdigest()
