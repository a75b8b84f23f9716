"""The calls that make up a functional model, read alike from both Kerases.

In: a functional model. Out: its calls in the order of execution, each with its layer, its arguments and its results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Node:
    """One call of a layer or operation in a functional model."""

    operation: Any
    arguments: tuple[Any, Any]
    """(args, kwargs), with symbolic tensors in them."""
    inputs: list[Any]
    """The symbolic tensors among the arguments."""
    outputs: Any
    """What the call returned: symbolic tensors in some structure."""


def graph_of(model: Any) -> Any:
    """Return what holds the calls of a functional or Sequential model; None for other layers and models."""
    found = getattr(model, "_functional", None) or model  # a Keras 3 Sequential wraps a functional model
    return found if getattr(found, "_nodes_by_depth", None) else None


def is_input(layer: Any) -> bool:
    """Tell whether a layer only stands for an input of a model."""
    return type(layer).__name__ == "InputLayer"


def nodes(graph: Any) -> Iterator[Node]:
    """Yield the calls of a functional model in the order of execution, without those of its input layers."""
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            operation = getattr(node, "operation", None) or node.layer
            if is_input(operation):
                continue
            if hasattr(node, "arguments"):  # Keras 3
                arguments, tensors = (node.arguments.args, node.arguments.kwargs), node.arguments.keras_tensors
            else:
                arguments, tensors = (node.call_args, node.call_kwargs), node.keras_inputs
            yield Node(operation, arguments, list(tensors), node.outputs)


def mapped(structure: Any, change: Callable[[Any], Any]) -> Any:
    """Return a structure of dicts, lists and tuples with each leaf changed."""
    if isinstance(structure, dict):
        return {key: mapped(value, change) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)) and not hasattr(structure, "_fields"):
        kind = tuple if isinstance(structure, tuple) else list  # tf_keras wraps both
        return kind(mapped(value, change) for value in structure)
    return change(structure)


def leaves(structure: Any) -> list[Any]:
    """List the leaves of a structure; those of a dict in the order of its keys, as Keras does it."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in leaves(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for value in structure for leaf in leaves(value)]
    return [structure]


def computed_alike(one: Any, other: Any) -> bool:
    """Tell whether two symbolic tensors of Keras 3 come of the same operations on the same tensors.

    A model that was copied or loaded has masks twice: as arguments of calls, and as its layers have made them anew.
    """
    if one is other:
        return True
    histories = [getattr(tensor, "_keras_history", None) for tensor in (one, other)]
    if None in histories:
        return histories == [None, None] and type(one) is type(other) and np.array_equal(one, other)
    first, second = (getattr(history, "operation", None) for history in histories)
    if first is None or type(first) is not type(second) or hasattr(first, "trainable"):
        return False
    pairs = [leaves((node.arguments.args, node.arguments.kwargs)) for node in map(_node_of, histories)]
    return len(pairs[0]) == len(pairs[1]) and all(map(computed_alike, *pairs))


def _node_of(history: Any) -> Any:
    return history.operation._inbound_nodes[history.node_index]
