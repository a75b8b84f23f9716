"""A model without some of its channels.

In: a `ChannelGraph` and the channels to take out. Out: a new model of the same kind, its layers' settings smaller, the
weights that are left copied.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.copying import Configure, copied, finish_state, rebuilt
from tfcompress.keras_compat.custom_model_class import warn_of_lost_steps
from tfcompress.layers.channel_rules.channel_ids import ChannelIds
from tfcompress.training.channels.channel_graph import ChannelGraph
from tfcompress.training.compile_like import compile_like

INSIDE = {"layer": ("forward_layer", "layer"), "backward_layer": ("backward_layer",)}
"""Where the config of a wrapper keeps the layers inside, and the attributes that hold them."""


def remove(graph: ChannelGraph, channels: np.ndarray) -> Any:
    """Return the model without these channels; the model itself is not changed."""
    model, ids = graph.model, graph.ids
    gone = np.unique(np.asarray(channels, int))
    copied(model)  # what cannot be copied whole is told before anything is taken out
    made = rebuilt(model, narrower(ids, gone))
    before, after = model_view.weights(model), model_view.weights(made)
    if [weight.path.rpartition("/")[0] for weight in before] != [weight.path.rpartition("/")[0] for weight in after]:
        raise ModelError("The model must come back from its own config.", received=f"{model.name!r}, which does not")
    for old, new in zip(before, after, strict=True):
        value = old.value
        held = ids.weights.get(id(old.variable))
        for position, axis in held.axes.items() if held else ():
            if axis is not None:
                value = np.compress(~np.isin(ids.roots(axis), gone), value, position)
        if tuple(new.variable.shape) != value.shape:
            raise ModelError(
                "Every layer must take its new width.",
                received=f"{new.path} of shape {tuple(new.variable.shape)} instead of {value.shape}",
                hint="Exclude the layer, and please report it.",
            )
        new.variable.assign(value)
    finish_state(made)
    compile_like(made, model)
    warn_of_lost_steps(model, made, "the smaller model")
    return made


def narrower(ids: ChannelIds, gone: np.ndarray, operation: Any = None) -> Configure:
    """Return what makes the configuration of a layer that of one without these channels; of an operation alone."""
    settings: dict[int, dict[str, Any]] = {}
    parts = None if operation is None else {id(operation), *map(id, getattr(operation, "_flatten_layers", list)())}
    for setting in ids.settings.values():
        if parts is not None and id(setting.layer) not in parts:
            continue
        value = _left(ids, setting.value, gone)
        if value != _left(ids, setting.value, gone[:0]):  # a setting that stays keeps its words, such as None
            settings.setdefault(id(setting.layer), {})[setting.key] = value
    return lambda layer, config: _layer_config(layer, config, settings)


def _left(ids: ChannelIds, value: Any, gone: np.ndarray) -> Any:
    """Put the number of channels that are left in the place of each axis."""
    if isinstance(value, np.ndarray):
        return int((~np.isin(ids.roots(value), gone)).sum())
    return [_left(ids, entry, gone) for entry in value] if isinstance(value, (tuple, list)) else value


def _layer_config(layer: Any, config: dict[str, Any], settings: dict[int, dict[str, Any]]) -> dict[str, Any]:
    config = {**config, **settings.get(id(layer), {})}
    for key, attributes in INSIDE.items():
        inner = next((getattr(layer, name) for name in attributes if hasattr(layer, name)), None)
        if inner is not None and isinstance(config.get(key), dict):
            part = {name: value for name, value in config[key].items() if name != "build_config"}
            config[key] = {**part, "config": _layer_config(inner, part["config"], settings)}
    return config
