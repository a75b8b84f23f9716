"""A float model as a flat list of calls, nested models opened.

In: a functional, Sequential or traceable subclassed model of either Keras. Out: `CallGraph`, the calls in the order of
execution with the tensors between them as numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.keras_compat.graph_nodes import graph_of, mapped, nodes
from tfcompress.unique_names import unique


@dataclass(frozen=True)
class Slot:
    """Stands for the tensor of that position in the arguments of a call."""

    position: int


@dataclass(frozen=True)
class Call:
    """One call of a layer or an operation on tensors."""

    name: str
    """Unique in the graph; the layer's own name where that is unique."""
    path: str
    operation: Any
    arguments: Any
    """(args, kwargs) of the call with a `Slot` for each tensor."""
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    structure: Any
    """What the call returns, with the numbers of its tensors."""


@dataclass
class CallGraph:
    """The calls of a model; tensors are numbers."""

    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    dtypes: dict[int, str] = field(default_factory=dict)
    shapes: dict[int, tuple] = field(default_factory=dict)
    masked: set[int] = field(default_factory=set)
    """The tensors that carry a mask."""
    entries: list[tuple[Any, int]] = field(default_factory=list)
    """Each input layer of a model inside, with the tensor that a call gives to it."""

    def consumers(self, tensor: int) -> list[Call]:
        """List the calls that read a tensor."""
        return [call for call in self.calls if tensor in call.inputs]

    def producer(self, tensor: int) -> Call | None:
        """Return the call that makes a tensor, None for an input."""
        return next((call for call in self.calls if tensor in call.outputs), None)


def functional(model: Any) -> Any:
    """Return the functional model that computes the same with the same layers.

    Raises:
        ModelError: a subclassed model whose `call` cannot be traced.
    """
    if found := graph_of(model):
        return found
    keras = model_view.keras_of(model)
    specs = model_io.inputs(model)
    tensors = [keras.Input(spec.shape[1:], dtype=spec.dtype, name=spec.name) for spec in specs]
    try:
        outputs = model.call(tensors[0] if len(tensors) == 1 else tensors)
        return keras.Model(tensors, outputs)
    except Exception as error:
        raise ModelError(
            "A subclassed model must be traceable: only Keras layers and operations on its tensors.",
            received=f"{model.name!r}, whose call fails: {str(error).splitlines()[0]}",
            hint="Rewrite it with the functional API.",
        ) from error


def read(model: Any) -> CallGraph:
    """Read a functional model as a flat graph."""
    graph, taken = CallGraph(), set()
    paths = {id(layer): path for path, layer in model_view.layers(model)}
    source = functional(model)

    def number(tensor: Any) -> int:
        key = len(graph.dtypes)
        dtype = tensor.dtype
        graph.dtypes[key] = dtype if isinstance(dtype, str) else dtype.name
        graph.shapes[key] = tuple(tensor.shape)
        if getattr(tensor, "_keras_mask", None) is not None:
            graph.masked.add(key)
        return key

    def walk(part: Any, given: Sequence[int], prefix: str) -> list[int]:
        numbers = {id(tensor): key for tensor, key in zip(flat(part.inputs), given, strict=True)}
        if part is not source:
            graph.entries += [(t._keras_history[0], numbers[id(t)]) for t in flat(part.inputs)]
        for node in nodes(part):
            operation = node.operation
            position = {id(tensor): index for index, tensor in enumerate(node.inputs)}
            keys = [numbers[id(tensor)] for tensor in node.inputs]
            path = paths.get(id(operation)) or prefix + operation.name
            if inner := graph_of(operation):
                results = walk(inner, keys, path + "/")
            else:
                results = [number(tensor) for tensor in flat(node.outputs)]
                name = unique(path.replace("/", "_"), taken)
                arguments = mapped(
                    node.arguments,
                    lambda leaf, at=position: Slot(at[id(leaf)]) if id(leaf) in at else leaf,
                )
                structure = _packed(node.outputs, results)
                graph.calls.append(Call(name, path, operation, arguments, tuple(keys), tuple(results), structure))
            numbers.update(zip(map(id, flat(node.outputs)), results, strict=True))
        return [numbers[id(tensor)] for tensor in flat(part.outputs)]

    graph.inputs = [number(tensor) for tensor in flat(source.inputs)]
    graph.outputs = walk(source, graph.inputs, "")
    return graph


def fill(arguments: Any, tensors: Sequence[Any]) -> tuple[tuple, dict[str, Any]]:
    """Put tensors into the slots of (args, kwargs)."""
    return mapped(arguments, lambda leaf: tensors[leaf.position] if isinstance(leaf, Slot) else leaf)


def flat(structure: Any) -> list[Any]:
    """List the tensors of a structure, in the order of Keras."""
    import tensorflow as tf

    return tf.nest.flatten(structure)


def _packed(structure: Any, leaves: list[int]) -> Any:
    import tensorflow as tf

    if not isinstance(structure, (list, tuple, dict)):
        return leaves[0]
    return tf.nest.pack_sequence_as(structure, leaves)
