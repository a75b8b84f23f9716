"""Calls of `keras.ops` while a model is exported: they open a scope with their name, as layers do, and argmax is plain.

In: a model of either Keras. Out: nothing; while the block runs, each operation of a functional model of Keras 3 is
traced under its own name, so that `keep_float` and messages can name it. Keras 3's argmax and argmin look at the bits
of negative zeros, which TFLite has no op for; `tf.argmax` gives the same place but where 0.0 and -0.0 tie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.graph_nodes import Node, graph_of, leaves, nodes
from tfcompress.litert.passes.name_lstms import fingerprint


def operations(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield what is called in functional models of Keras 3 and is no layer, such as `keras.ops.sqrt`, as (path, it).

    What computes the mask of a layer, such as the comparison of Masking, goes by the name of the layer.
    """
    yield from ((path, operation) for path, operation, name in _calls(model) if name == operation.name)


def _calls(model: Any) -> Iterator[tuple[str, Any, str]]:
    """Yield the path of each operation, the operation, and the name of its scope."""
    if model_view.flavour(model) != "keras":
        return
    seen: set[int] = set()
    for path, part in [("", model), *model_view.layers(model)]:
        graph = graph_of(part)
        calls = [] if graph is None else list(nodes(graph))
        owners = _owners_of_masks(calls)
        for operation in [call.operation for call in calls if not _is_layer(call.operation)]:
            if id(operation) not in seen:
                seen.add(id(operation))
                name = owners.get(id(operation), operation.name)
                yield f"{path}/{operation.name}" if path else operation.name, operation, name


def _is_layer(operation: Any) -> bool:
    from keras import Layer

    return isinstance(operation, Layer)


def _owners_of_masks(calls: list[Node]) -> dict[int, str]:
    """Return the name of the layer whose mask an operation computes, by the operation's id."""
    owners: dict[int, str] = {}
    makers = {id(tensor): call for call in calls for tensor in leaves(call.outputs)}
    for layer in [call for call in calls if _is_layer(call.operation)]:
        waiting = [getattr(tensor, "_keras_mask", None) for tensor in leaves(layer.outputs)]
        while waiting:
            maker = makers.get(id(waiting.pop()))
            if maker is not None and not _is_layer(maker.operation) and id(maker.operation) not in owners:
                owners[id(maker.operation)] = layer.operation.name
                waiting += [tensor for tensor in maker.inputs if all(tensor is not read for read in layer.inputs)]
    return owners


@contextmanager
def exportable_operations(model: Any) -> Iterator[None]:
    """Trace the operations of a model under their names, and argmax in a form that TFLite has."""
    if model_view.flavour(model) != "keras":
        yield
        return
    from keras.src.backend.tensorflow import numpy as backend

    with ExitStack() as stack:
        for _, operation, name in _calls(model):
            stack.enter_context(replaced(operation, "call", _named(name, operation.call)))
        for name in ("argmax", "argmin"):
            if hasattr(backend, name):
                stack.enter_context(replaced(backend, name, _extreme_place(name)))
        yield


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Put a value in the place of an attribute without Keras taking note."""
    own = vars(owner).get(name)
    object.__setattr__(owner, name, value)
    try:
        yield
    finally:
        if own is None:
            object.__delattr__(owner, name)
        else:
            object.__setattr__(owner, name, own)


def _named(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    import tensorflow as tf

    def named(*args: Any, **kwargs: Any) -> Any:
        with tf.name_scope(f"{name}_1"):  # numbered like the scopes that layers of Keras 3 open
            return call(*args, **kwargs)

    return named


def _extreme_place(name: str) -> Callable[..., Any]:
    import tensorflow as tf

    def place(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
        x = tf.convert_to_tensor(x)
        found = getattr(tf, name)(tf.reshape(x, [-1]) if axis is None else x, 0 if axis is None else axis, tf.int32)
        if not keepdims:
            return found
        return tf.reshape(found, [1] * len(x.shape)) if axis is None else tf.expand_dims(found, axis)

    return place


def lstm_fingerprints(model: Any) -> dict[str, str]:
    """Return the path of each LSTM of a model by what its fused op is known by."""
    return {
        fingerprint(np.asarray(layer.cell.kernel, np.float32), layer.units): path
        for path, layer in model_view.layers(model)
        if type(layer).__name__ == "LSTM" and hasattr(layer.cell, "kernel")
    }
