"""Layers whose Keras form has no good integer form compute the same in another one, while a model is exported.

In: a float model of either Keras. Out: nothing; while the block runs, those layers are called in the form of their
spec, with the same weights. Values that span a wide range, such as a variance, are in int16 in the file: int8 has 255
steps from the smallest to the largest variance, too few for most models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from tfcompress.conversion.keras_operations import replaced
from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.graph_nodes import graph_of, nodes
from tfcompress.layers.catalogue import layer_spec
from tfcompress.layers.quantizer import Unrounded
from tfcompress.typing import KerasModel


@contextmanager
def integer_forms(model: KerasModel, may_fuse: Callable[[str], bool] = lambda _: True) -> Iterator[None]:
    """Call layers in their integer form while the block runs.

    Args:
        model: A model of either Keras.
        may_fuse: Tells from the path of a recurrent layer whether one op in int8 will do for it.
    """
    with ExitStack() as stack:
        for path, layer in [*model_view.layers(model), *_operations(model)]:
            spec, quantizer = layer_spec(layer), Unrounded(path, may_fuse(path))
            activation = getattr(layer, "activation", None)
            if spec.int8 is not None:
                stack.enter_context(replaced(layer, "call", partial(spec.int8, quantizer, layer)))
            elif hasattr(layer, "unroll"):  # RNN with any cell
                stack.enter_context(replaced(layer, "unroll", True))
            elif activation is not None and (form := layer_spec(activation).int8):
                stack.enter_context(replaced(layer, "activation", partial(form, quantizer, activation)))
        yield


def _operations(model: KerasModel) -> Iterator[tuple[str, Any]]:
    """Yield the operations of a functional model and of those inside, which are no layers."""
    for part in [model, *(layer for _, layer in model_view.layers(model))]:
        if graph := graph_of(part):
            found = {id(node.operation): node.operation for node in nodes(graph)}
            yield from ((each.name, each) for each in found.values() if not hasattr(each, "trainable"))
