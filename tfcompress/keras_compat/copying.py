"""A model becomes another object with the same layers, settings and weights: the one way in which models are copied.

In: a model of either Keras. Out: its copy, held against the model on a batch. Layers that are called twice, or that
several submodels share, are shared in the copy too, which a model's own `from_config` does not keep.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.keras_compat.copy_check import OPEN_SIZE, require_same
from tfcompress.keras_compat.custom_model_class import in_class_of
from tfcompress.keras_compat.graph_nodes import graph_of, leaves, mapped, nodes
from tfcompress.typing import KerasModel

Configure = Callable[[Any, dict[str, Any]], dict[str, Any]]
HALF = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")


def copied(model: KerasModel, *, float32: bool = False, weights: bool = True, own_class: bool = True) -> Any:
    """Return a copy of a model.

    Args:
        model: A built model of either Keras.
        float32: Whether layers in half precision compute in float32 in the copy.
        weights: Whether the copy has the weights of the model; otherwise new ones.
        own_class: Whether the copy is of the user's own model class, with its `train_step`.

    Raises:
        ModelError: a layer cannot be rebuilt from its configuration, or the copy computes something else.
    """
    made = rebuilt(model, _in_float32 if float32 else _as_it_is, own_class=own_class)
    if weights:
        copy_weights(model, made)
        require_same(model, made)
    return made


def rebuilt(model: Any, configure: Configure, *, own_class: bool = True) -> Any:
    """Return a model with the same layers and calls, and weights of its own.

    Args:
        model: A built model of either Keras.
        configure: From a layer and its configuration to that of its copy.
        own_class: As in `copied`.

    Raises:
        ModelError: a layer cannot be rebuilt from its configuration.
    """
    keras = model_view.keras_of(model)
    copies = _Copies(keras, configure)
    if graph_of(model):
        made = copies.graph(model, own_class)
    else:
        made = copies.layer(model)
        _build_like(model, made)
    copies.name_parts()
    after = dict(model_view.layers(made))
    made.trainable = model.trainable
    for path, layer in model_view.layers(model):  # outermost first, as a model hands it down
        if path in after and after[path].trainable != layer.trainable:
            after[path].trainable = layer.trainable
    return made


def rebuilt_layer(keras: ModuleType, layer: Any, configure: Configure) -> Any:
    """Return a layer or operation of the same kind with another configuration, and no weights yet."""
    return _Copies(keras, configure).layer(layer)


def copy_weights(model: KerasModel, made: Any) -> None:
    """Give a copy the weights of its model.

    Raises:
        ModelError: they do not fit, as where a layer inside two wrappers was shared.
    """
    before, after = model_view.weights(model), model_view.weights(made)
    pairs = [(old.path.rpartition("/")[0], tuple(old.variable.shape)) for old in before]
    found = [(new.path.rpartition("/")[0], tuple(new.variable.shape)) for new in after]
    if pairs != found:
        odd = [one for one in [*pairs, *found] if pairs.count(one) != found.count(one)]
        raise ModelError(
            "A copy of the model must have the same weights.",
            received=f"{model.name!r}: {len(before)} weights and {len(after)} in its copy, which differ in "
            f"{', '.join(dict.fromkeys(path for path, _ in odd[:5])) or 'their order'}",
            hint="A layer that several wrappers (TimeDistributed, Bidirectional) or custom layers hold is not shared "
            "in a copy; and layers must create their weights from what get_config returns.",
        )
    for old, new in zip(before, after, strict=True):
        new.variable.assign(old.value.astype(_dtype(new.variable)))
    finish_state(made)


def finish_state(made: Any) -> None:
    """Have a Normalization that was adapted compute what it subtracts, once its weights are set."""
    for _, layer in model_view.layers(made):
        if getattr(layer, "input_mean", 0) is None and hasattr(layer, "finalize_state"):
            layer.finalize_state()


class _Copies:
    """Copies of layers, each made once."""

    def __init__(self, keras: ModuleType, configure: Configure) -> None:
        self._keras, self._configure = keras, configure
        self._made: dict[int, Any] = {}
        self._pairs: list[tuple[Any, Any]] = []

    def of(self, layer: Any) -> Any:
        """Return the copy of a layer, the same one whoever asks."""
        if id(layer) not in self._made:
            self._made[id(layer)] = self.graph(layer, own_class=True) if graph_of(layer) else self.layer(layer)
        return self._made[id(layer)]

    def layer(self, layer: Any) -> Any:
        """Return a new layer of the same configuration; operations are used again, unless they get new settings."""
        if not hasattr(layer, "get_config") or not hasattr(layer, "_flatten_layers"):
            changes = self._configure(layer, {})
            return type(layer).from_config({**layer.get_config(), **changes}) if changes else layer
        try:
            with self._keras.saving.custom_object_scope(_own_objects(layer)), _unsafe(self._keras):
                made = type(layer).from_config(self._configure(layer, layer.get_config()))
        except Exception as error:
            raise ModelError(
                "Every layer must be rebuildable from its configuration, to be copied.",
                received=f"{layer.name!r} ({type(layer).__name__}): {type(error).__name__}: "
                f"{' '.join(str(error).split())[:300]}",
                hint="Give layers of your own a get_config, and write activations as named functions.",
            ) from error
        if getattr(layer, "activity_regularizer", None) is not None and made.activity_regularizer is None:
            made.activity_regularizer = layer.activity_regularizer  # tf_keras leaves it out of most configurations
        if type(layer).__name__ == "Lambda":
            made.function = layer.function  # read back from bytes it would not see the names around it
        _name_like(layer, made)
        self._pairs.append((layer, made))
        return made

    def name_parts(self) -> None:
        """Give the layers inside layers, which a build may have made, the names of those that they are copies of."""
        for layer, made in self._pairs:
            old, new = (list(one._flatten_layers(include_self=False)) for one in (layer, made))
            if [*map(type, old)] == [*map(type, new)]:
                for each, copy in zip(old, new, strict=True):
                    _name_like(each, copy)

    def graph(self, model: KerasModel, own_class: bool) -> Any:
        """Return a new functional or Sequential model that makes the same calls on copies of the layers."""
        graph = graph_of(model)
        steps = list(nodes(graph))
        entries = {id(tensor): self.of(tensor._keras_history[0]) for tensor in leaves(graph.inputs)}
        chain = [*entries.values(), *(self.of(step.operation) for step in steps)]
        # A Sequential that calls a layer twice is saved and loaded right as a functional model only.
        if isinstance(model, self._keras.Sequential) and len({*map(id, chain)}) == len(chain):
            return in_class_of(model, self._keras.Sequential, {"layers": chain, "name": model.name}, own_class)
        tensors = {key: leaves(entry.output)[0] for key, entry in entries.items()}

        def new(leaf: Any) -> Any:
            return tensors.get(id(leaf), leaf)

        for step in steps:
            args, kwargs = mapped(step.arguments, new)
            results = self.of(step.operation)(*args, **kwargs)
            tensors |= dict(zip(map(id, leaves(step.outputs)), leaves(results), strict=True))
        ends = {}
        for name in ("inputs", "outputs"):
            structure = getattr(graph, f"_{name}_struct", None)  # Keras 3
            structure = getattr(graph, f"_nested_{name}", None) if structure is None else structure
            ends[name] = mapped(structure, new)
        chained = isinstance(model, self._keras.Sequential)
        return in_class_of(model, self._keras.Model, {**ends, "name": model.name}, own_class and not chained)


def _name_like(layer: Any, made: Any) -> None:
    """Give a copy the name of its layer: configurations that Keras makes by itself, and numbered layers, lack it."""
    if made.name != layer.name:
        setattr(made, "_name" if hasattr(made, "_name") else "name", layer.name)


def _build_like(model: KerasModel, made: Any) -> None:
    """Have a subclassed model create its weights, in a call on zeros."""
    shapes = [(1, *(OPEN_SIZE if size is None else size for size in spec.shape[1:])) for spec in model_io.inputs(model)]
    zeros = [np.zeros(shape, spec.dtype) for shape, spec in zip(shapes, model_io.inputs(model), strict=True)]
    made(zeros[0] if len(zeros) == 1 else zeros)


def computes_in_half(model: KerasModel) -> bool:
    """Tell whether a layer computes in float16 or bfloat16."""
    return any(model_view.compute_dtype(layer) in ("float16", "bfloat16") for _, layer in model_view.layers(model))


def _own_objects(layer: Any) -> dict[str, Any]:
    """Return the classes and functions in a layer that its Keras does not know, by name."""
    found: dict[str, Any] = {}
    for part in layer._flatten_layers():
        for value in (type(part), *vars(part).values()):
            thing = value if isinstance(value, (type, FunctionType)) else type(value)
            module = getattr(thing, "__module__", "")
            if not module.startswith(("keras.", "tf_keras.", "tensorflow.", "numpy", "builtins", "tfcompress.")):
                found[thing.__name__] = thing
    return found


def _unsafe(keras: ModuleType) -> AbstractContextManager[Any]:
    """Return the scope that lets code of the model's own layers be read back: it never left the process."""
    scope = getattr(keras.saving, "SafeModeScope", None)
    if scope is None:
        root = keras.Model.__module__.partition(".")[0]
        scope = import_module(f"{root}.src.saving.serialization_lib").SafeModeScope
    return scope(False)


def _as_it_is(_: Any, config: dict[str, Any]) -> dict[str, Any]:
    return config


def _in_float32(_: Any, config: dict[str, Any]) -> dict[str, Any]:
    """Set every dtype policy of half precision to float32, inner layers' too."""

    def plain(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            name = value.get("config", {}).get("name") if isinstance(value.get("config"), dict) else None
            if key == "dtype" and name in HALF:
                return "float32"
            return {key: plain(inner, key) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return (tuple if isinstance(value, tuple) else list)(map(plain, value))  # tf_keras wraps both
        return "float32" if isinstance(value, str) and value in HALF else value

    return plain(config)


def _dtype(variable: Any) -> str:
    dtype = variable.dtype
    return dtype if isinstance(dtype, str) else dtype.name
