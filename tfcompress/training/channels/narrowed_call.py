"""One call of a model as a model of its own, with fewer channels.

In: a `ChannelGraph`, one of its calls, channels that are gone. Out: a model with new weights; that of the call stays as
it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.copying import rebuilt_layer
from tfcompress.layers.channel_rules.channel_ids import ChannelIds
from tfcompress.training.channels.channel_graph import ChannelGraph
from tfcompress.training.channels.remove_channels import narrower
from tfcompress.training.float_graph import Call, fill, flat


def add_narrowed_call(graph: ChannelGraph, call: Call, gone: np.ndarray, models: dict[str, Callable[[], Any]]) -> str:
    """Add what builds a model of this one call without these channels, unless there is one alike; return its key.

    Raises:
        ModelError: a size of what the call reads is open.
    """
    keras, calls = model_view.keras_of(graph.model), graph.calls
    shapes = [_shape(graph.ids, calls.shapes[tensor], graph.axes[tensor], gone) for tensor in call.inputs]
    if any(size is None for shape in shapes for size in shape):
        raise ModelError(
            "Time can be measured where every size is known.",
            received=f"open sizes at {call.path}",
            hint="Build the model for one input size, or give a budget of params= or a ratio=.",
        )
    layer = rebuilt_layer(keras, call.operation, narrower(graph.ids, gone, call.operation))
    dtypes = [calls.dtypes[tensor] for tensor in call.inputs]
    config = layer.get_config() if hasattr(layer, "get_config") else {}
    unnamed = {key: value for key, value in config.items() if key != "name"}
    alike = (type(layer).__name__, unnamed, shapes, dtypes, repr(call.arguments))
    key = json.dumps(alike, default=repr, sort_keys=True)

    def build() -> Any:
        inputs = [keras.Input(shape, dtype=dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]
        args, kwargs = fill(call.arguments, inputs)
        return keras.Model(inputs, flat(layer(*args, **kwargs)))

    models.setdefault(key, build)
    return key


def _shape(ids: ChannelIds, shape: tuple, axes: tuple, gone: np.ndarray) -> list[int | None]:
    """Return the sizes of a tensor without its batch, and without channels that are gone."""
    pairs = list(zip(shape, axes, strict=True))[1:]
    return [size if axis is None else int((~np.isin(ids.roots(axis), gone)).sum()) for size, axis in pairs]
