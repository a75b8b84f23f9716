"""What a model reads and gives out, by name, and a function that runs it, whichever Keras it is of.

In: a model object. Out: a `TensorSpec` for each input, names of outputs, functions from arrays or tensors to others.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import ModelError
from tfcompress.fork_safety import require_tensorflow_threads
from tfcompress.keras_compat.model_view import flavour, layers, require_built
from tfcompress.typing import KerasModel
from tfcompress.unique_names import unique


def inputs(model: KerasModel) -> list[TensorSpec]:
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


def output_names(model: KerasModel, count: int) -> list[str]:
    """Name the `count` outputs of a model: the keys of a dict, else the layers they come from."""
    structure = getattr(_functional(model), "_outputs_struct", getattr(model, "_nested_outputs", None))
    if isinstance(structure, dict) and len(structure) == count:
        return sorted(structure)
    names = list(getattr(_functional(model), "output_names", None) or [])
    if len(names) != count:
        names = ["output"] if count == 1 else [f"output_{index}" for index in range(count)]
    taken: set[str] = set()
    return [unique(name, taken) for name in names]


def output_layers(model: KerasModel, others: Iterable[tuple[str, Any]] = ()) -> list[str]:
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


def forward(model: Any, training: bool = False) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function from tensors by input name to tensors by output name, in inference mode by default."""
    import tensorflow as tf

    names, structure = [spec.name for spec in inputs(model)], _input_structure(model)

    def run(tensors: dict[str, Any]) -> dict[str, Any]:
        flat = [tensors[name] for name in names]
        packed = flat[0] if structure is None and len(flat) == 1 else flat
        if structure is not None:
            packed = tf.nest.pack_sequence_as(structure, flat)
        results = model(packed, training=training)
        flat = [results[key] for key in sorted(results)] if isinstance(results, dict) else _flatten(results)
        keys = sorted(results) if isinstance(results, dict) else output_names(model, len(flat))
        return dict(zip(keys, flat, strict=True))

    return run


def compiled_forward(model: KerasModel, training: bool = False) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return `forward` as a graph, traced for the shapes that it meets and then for open ones."""
    import tensorflow as tf

    function = tf.function(forward(model, training), autograph=False, reduce_retracing=True)
    # Called itself, a function warns of tracings that another one made, which had its `id` and is gone.
    return lambda tensors: function.get_concrete_function(tensors)(tensors)


def predictor(model: KerasModel) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """Return `forward` compiled once, from and to NumPy arrays, for batches of any size."""
    import tensorflow as tf

    specs, compiled = {spec.name: spec for spec in inputs(model)}, compiled_forward(model)

    def predict(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        require_tensorflow_threads()
        tensors = {name: tf.constant(array, specs[name].dtype) for name, array in arrays.items()}
        return {name: tensor.numpy() for name, tensor in compiled(tensors).items()}

    return predict


def _functional(model: KerasModel) -> Any:
    return getattr(model, "_functional", None) or model  # a Keras 3 Sequential wraps a functional model


def _input_structure(model: KerasModel) -> Any:
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
