"""The one place that knows there are two Kerases: Keras 3 (`keras`) and Keras 2 (`tf_keras`).

In: a model object of either. Out: its layers and weights under stable paths, its inputs and outputs by name, a function
that runs it. Which Keras owns a model is read from the classes of the object, never from the environment.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import ModelError
from tfcompress.fork_safety import require_tensorflow_threads

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


def flavour(model: Any) -> Flavour:
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


def keras_of(model: Any) -> ModuleType:
    """Return the Keras module, `keras` or `tf_keras`, that owns a model (or has that name)."""
    if (model if isinstance(model, str) else flavour(model)) == "tf_keras":
        import tf_keras

        return tf_keras
    import keras

    return keras


def layers(model: Any) -> Iterator[tuple[str, Any]]:
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


def leaf_layers(model: Any) -> list[tuple[str, Any]]:
    """List the layers that hold no other layer, or that own weights of their own, as (path, layer)."""
    return [
        (path, layer)
        for path, layer in layers(model)
        if own_variables(layer) or not any(True for _ in layer._flatten_layers(include_self=False))
    ]


def weights(model: Any) -> list[Weight]:
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


def inputs(model: Any) -> list[TensorSpec]:
    """List the inputs of a model in the order in which Keras holds them; batch and open sizes are None."""
    flavour(model)
    require_built(model)
    structure = _input_structure(model)
    if structure is not None:
        tensors = _flatten(structure)
        if isinstance(structure, dict):
            names = sorted(structure)
            if len(names) != len(tensors):
                raise ModelError(
                    "Inputs must be one tensor, a list of tensors or a dict of tensors.",
                    received=f"a dict with lists in it: {names}",
                    hint="Give each input a key of its own.",
                )
        else:
            names = [tensor._keras_history[0].name for tensor in tensors]
        return [
            TensorSpec(name, tuple(tensor.shape), _dtype_name(tensor.dtype))
            for name, tensor in zip(names, tensors, strict=True)
        ]
    return _subclassed_inputs(model)


def output_names(model: Any, count: int) -> list[str]:
    """Name the `count` outputs of a model: the keys of a dict, else the layers they come from."""
    structure = getattr(_functional(model), "_outputs_struct", getattr(model, "_nested_outputs", None))
    if isinstance(structure, dict) and len(structure) == count:
        return sorted(structure)
    names = list(getattr(_functional(model), "output_names", None) or [])
    if len(names) != count:
        names = ["output"] if count == 1 else [f"output_{index}" for index in range(count)]
    taken: set[str] = set()
    return [unique(name, taken) for name in names]


def output_layers(model: Any, others: Iterable[tuple[str, Any]] = ()) -> list[str]:
    """Return the path of what makes each output, a layer or one of `others`, in the order of `forward`; else ""."""
    paths = {id(each): path for path, each in (*layers(model), *others)}
    structure = getattr(_functional(model), "_outputs_struct", getattr(model, "_nested_outputs", None))
    found = []
    for tensor in [] if structure is None else _flatten(structure):
        maker = tensor._keras_history[0]
        while (inner := getattr(maker, "outputs", None)) and len(inner) == 1:  # a model as a layer
            maker = inner[0]._keras_history[0]
        found.append(paths.get(id(maker), ""))
    return found


def forward(model: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function from tensors by input name to tensors by output name, in inference mode."""
    import tensorflow as tf

    names, structure = [spec.name for spec in inputs(model)], _input_structure(model)

    def run(tensors: dict[str, Any]) -> dict[str, Any]:
        flat = [tensors[name] for name in names]
        packed = flat[0] if structure is None and len(flat) == 1 else flat
        if structure is not None:
            packed = tf.nest.pack_sequence_as(structure, flat)
        results = model(packed, training=False)
        flat = [results[key] for key in sorted(results)] if isinstance(results, dict) else _flatten(results)
        keys = sorted(results) if isinstance(results, dict) else output_names(model, len(flat))
        return dict(zip(keys, flat, strict=True))

    return run


def compiled_forward(model: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return `forward` as a graph, traced for the shapes that it meets and then for open ones."""
    import tensorflow as tf

    function = tf.function(forward(model), autograph=False, reduce_retracing=True)
    # Called itself, a function warns of tracings that another one made, which had its `id` and is gone.
    return lambda tensors: function.get_concrete_function(tensors)(tensors)


def predictor(model: Any) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """Return `forward` compiled once, from and to NumPy arrays, for batches of any size."""
    import tensorflow as tf

    specs, compiled = {spec.name: spec for spec in inputs(model)}, compiled_forward(model)

    def predict(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        require_tensorflow_threads()
        tensors = {name: tf.constant(array, specs[name].dtype) for name, array in arrays.items()}
        return {name: tensor.numpy() for name, tensor in compiled(tensors).items()}

    return predict


def fingerprint(model: Any) -> str:
    """Return the sha256 of a model's architecture and weights, in hexadecimal."""
    digest = hashlib.sha256()
    with contextlib.suppress(Exception):  # some custom layers cannot tell their configuration
        digest.update(model.to_json().encode())
    for weight in weights(model):
        value = weight.value
        digest.update(f"{weight.path} {value.dtype} {value.shape}\n".encode())
        digest.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8))
    return digest.hexdigest()


def unique(name: str, taken: set[str]) -> str:
    """Return `name`, with "_1", "_2", … where it is taken, and note it as taken."""
    candidate, number = name, 0
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate


def _functional(model: Any) -> Any:
    return getattr(model, "_functional", None) or model  # a Keras 3 Sequential wraps a functional model


def _input_structure(model: Any) -> Any:
    structure = getattr(_functional(model), "_inputs_struct", None)
    return structure if structure is not None else getattr(model, "_nested_inputs", None)


def _subclassed_inputs(model: Any) -> list[TensorSpec]:
    taken = [
        name
        for name, parameter in inspect.signature(model.call).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.POSITIONAL_ONLY)
        and name not in {"training", "mask"}
    ]
    seen = getattr(model, "_saved_model_inputs_spec", None)  # tf_keras notes the first call
    if len(taken) > 1:
        seen = taken
    if seen is not None and not isinstance(seen, (dict, list, tuple)):
        return [TensorSpec("input", (None, *seen.shape[1:]), _dtype_name(seen.dtype))]
    shapes = getattr(model, "_build_shapes_dict", None) or {}  # Keras 3 notes the shapes
    shape = next(iter(shapes.values()), None)
    if len(taken) == len(shapes) == 1 and isinstance(shape, (tuple, list)) and not isinstance(shape[0], (tuple, list)):
        return [TensorSpec("input", (None, *shape[1:]), "float32")]
    raise ModelError(
        "The inputs of a subclassed model must be known: one tensor, seen in a first call.",
        received=f"the model {model.name!r} with inputs {seen or shapes or 'unknown'}",
        hint="Wrap it: keras.Model(inputs, model(inputs)) with one keras.Input for each tensor.",
    )


def _flatten(structure: Any) -> list[Any]:
    import tensorflow as tf

    return tf.nest.flatten(structure)


def _dtype_name(dtype: Any) -> str:
    return dtype if isinstance(dtype, str) else dtype.name
