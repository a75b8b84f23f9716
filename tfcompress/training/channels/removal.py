"""A model without some of its channels.

In: a `ChannelGraph` and the channels to take out. Out: a new model of the same kind, its layers' settings smaller, the
weights that are left copied. Knows nothing of why these channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfcompress import kerases
from tfcompress.errors import ModelError
from tfcompress.training.channels.channel_graph import ChannelGraph
from tfcompress.training.channels.ledger import Ledger
from tfcompress.training.compiling import compile_like

INSIDE = {"layer": ("forward_layer", "layer"), "backward_layer": ("backward_layer",)}
"""Where the config of a wrapper keeps the layers inside, and the attributes that hold them."""


def remove(graph: ChannelGraph, channels: np.ndarray) -> Any:
    """Return the model without these channels; the model itself is not changed."""
    model, ledger = graph.model, graph.ledger
    gone = np.unique(np.asarray(channels, int))
    settings: dict[int, dict[str, Any]] = {}
    for setting in ledger.settings.values():
        value = _left(ledger, setting.value, gone)
        if value != _left(ledger, setting.value, gone[:0]):  # a setting that stays keeps its words, such as None
            settings.setdefault(id(setting.layer), {})[setting.key] = value
    made = _rebuilt(model, settings)
    before, after = kerases.weights(model), kerases.weights(made)
    if [weight.path.rpartition("/")[0] for weight in before] != [weight.path.rpartition("/")[0] for weight in after]:
        raise ModelError("The model must come back from its own config.", received=f"{model.name!r}, which does not")
    for old, new in zip(before, after, strict=True):
        value = old.value
        held = ledger.weights.get(id(old.variable))
        for position, axis in held.axes.items() if held else ():
            if axis is not None:
                value = np.compress(~np.isin(ledger.roots(axis), gone), value, position)
        if tuple(new.variable.shape) != value.shape:
            raise ModelError(
                "Every layer must take its new width.",
                received=f"{new.path} of shape {tuple(new.variable.shape)} instead of {value.shape}",
                todo="Exclude the layer, and please report it.",
            )
        new.variable.assign(value)
    _settle(model, made)
    return made


def _left(ledger: Ledger, value: Any, gone: np.ndarray) -> Any:
    """Put the number of channels that are left in the place of each axis."""
    if isinstance(value, np.ndarray):
        return int((~np.isin(ledger.roots(value), gone)).sum())
    return [_left(ledger, entry, gone) for entry in value] if isinstance(value, (tuple, list)) else value


def _rebuilt(model: Any, settings: dict[int, dict[str, Any]]) -> Any:
    """Make the model again from its config with these settings."""
    keras = kerases.keras_of(model)
    if not type(model).__module__.startswith(("keras.", "tf_keras.")):  # a class of the user's own
        inputs, outputs = (getattr(model, f"_{end}_struct", None) for end in ("inputs", "outputs"))
        nested = (getattr(model, "_nested_inputs", None), getattr(model, "_nested_outputs", None))
        model = keras.Model(*(nested if inputs is None else (inputs, outputs)), name=model.name)
    things = [type(layer) for _, layer in kerases.layers(model)]
    things += [getattr(layer, "activation", None) for _, layer in kerases.layers(model)]
    public = (keras.layers, keras.activations, keras)
    named = {thing.__name__: thing for thing in things if hasattr(thing, "__name__")}
    own = {name: thing for name, thing in named.items() if not any(hasattr(place, name) for place in public)}
    config = _changed(model, model.get_config(), settings)
    safe = getattr(keras.saving, "SafeModeScope", None) or _safe_mode_scope(keras)
    with keras.saving.custom_object_scope(own), safe(False):
        return type(model).from_config(config)


def _safe_mode_scope(keras: Any) -> Any:
    """Return the scope that lets code of the model's own layers be read back: it never left the process."""
    from importlib import import_module

    return import_module(f"{keras.Model.__module__.partition('.')[0]}.src.saving.serialization_lib").SafeModeScope


def _changed(model: Any, config: dict[str, Any], settings: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Return a model's config with new settings for its layers, at any depth."""
    parts = [*model._flatten_layers(include_self=False, recursive=False), *(getattr(model, "operations", None) or ())]
    by_name = {part.name: part for part in parts}
    entries = []
    for entry in config["layers"]:
        layer = by_name[entry["config"]["name"]]
        entry = {key: value for key, value in entry.items() if key != "build_config"}
        if "layers" in entry["config"] and hasattr(layer, "layers"):
            entry["config"] = _changed(layer, entry["config"], settings)
        else:
            entry["config"] = _layer_config(layer, entry["config"], settings)
        entries.append(entry)
    kept = {key: value for key, value in config.items() if key not in ("build_input_shape", "build_config")}
    return {**kept, "layers": entries}


def _layer_config(layer: Any, config: dict[str, Any], settings: dict[int, dict[str, Any]]) -> dict[str, Any]:
    config = {**config, **settings.get(id(layer), {})}
    for key, attributes in INSIDE.items():
        inner = next((getattr(layer, name) for name in attributes if hasattr(layer, name)), None)
        if inner is not None and isinstance(config.get(key), dict):
            part = {name: value for name, value in config[key].items() if name != "build_config"}
            config[key] = {**part, "config": _layer_config(inner, part["config"], settings)}
    return config


def _settle(model: Any, made: Any) -> None:
    """Freeze the new model's layers where the old ones are frozen, and compile it as the old one was."""
    after = dict(kerases.layers(made))
    for path, layer in kerases.layers(model):  # outermost first, as a model hands it down
        if path in after and after[path].trainable != layer.trainable:
            after[path].trainable = layer.trainable
    compile_like(made, model)
