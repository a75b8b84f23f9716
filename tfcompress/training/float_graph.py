"""A float model as a flat list of calls, nested models opened.

In: a functional, Sequential or traceable subclassed model of either Keras. Out: `CallGraph`, the calls in the order of
execution with the tensors between them as numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.keras_compat.graph_nodes import Node, computed_alike, graph_of, leaves, mapped, nodes
from tfcompress.layers.catalogue import layer_spec
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
    step_axes: int = 0
    """How many axes after the first are steps that the operation takes as samples."""


@dataclass
class CallGraph:
    """The calls of a model; tensors are numbers."""

    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    dtypes: dict[int, str] = field(default_factory=dict)
    shapes: dict[int, tuple] = field(default_factory=dict)
    masks: dict[int, tuple] = field(default_factory=dict)
    """The shapes of the masks that tensors carry."""
    entries: list[tuple[Any, int]] = field(default_factory=list)
    """Each input layer of a model inside, with the tensor that a call gives to it."""

    def seen_shapes(self, call: Call) -> list[tuple]:
        """List the shapes of what the operation of a call reads."""
        return [samples_shape(self.shapes[tensor], call.step_axes) for tensor in call.inputs]

    def is_masked(self, call: Call) -> bool:
        """Tell whether what the operation of a call reads carries a mask."""
        return any(len(self.masks.get(tensor, ())) > 1 + call.step_axes for tensor in call.inputs)

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


def samples_shape(shape: tuple, step_axes: int) -> tuple:
    """Return the shape of a tensor whose steps are samples."""
    return (None, *shape[1 + step_axes :]) if step_axes else shape


def read(model: Any, opens: Callable[[str], bool] | None = None) -> CallGraph:
    """Read a functional model as a flat graph.

    Args:
        model: The model.
        opens: Tells of the path of a layer around a layer, such as TimeDistributed, whether the calls inside it are
            those of the graph; then masks travel on the tensors that they are of, in Keras 3 as well, which passes them
            as arguments too. None: the calls are as Keras has them.
    """
    graph, taken = CallGraph(), set()
    paths = {id(layer): path for path, layer in model_view.layers(model)}
    source = functional(model)

    def number(tensor: Any, steps: tuple = ()) -> int:
        key = len(graph.dtypes)
        dtype = tensor.dtype
        graph.dtypes[key] = dtype if isinstance(dtype, str) else dtype.name
        graph.shapes[key] = (*tensor.shape[:1], *steps, *tensor.shape[1:])
        mask = getattr(tensor, "_keras_mask", None)
        if mask is not None:
            graph.masks[key] = (*mask.shape[:1], *steps, *mask.shape[1:])
        return key

    def walk(part: Any, given: Sequence[int], prefix: str, steps: tuple = ()) -> list[int]:
        numbers = {id(tensor): key for tensor, key in zip(flat(part.inputs), given, strict=True)}
        if part is not source:
            graph.entries += [(t._keras_history[0], numbers[id(t)]) for t in flat(part.inputs)]
        for node in nodes(part):
            operation = node.operation
            node = node if opens is None else _without_masks(node)
            position = {id(tensor): index for index, tensor in enumerate(node.inputs)}
            keys = [numbers[id(tensor)] for tensor in node.inputs]
            path = paths.get(id(operation)) or prefix + operation.name
            arguments = mapped(
                node.arguments,
                lambda leaf, at=position: Slot(at[id(leaf)]) if id(leaf) in at else leaf,
            )
            named, inside = path, steps
            while opens and opens(path) and len(keys) == 1 and (every := layer_spec(operation).each_step):
                operation, arguments = every(operation), ((Slot(0),), {})
                path = paths.get(id(operation)) or f"{path}/{operation.name}"
                inside = (*inside, graph.shapes[keys[0]][1 + len(inside)])
            if inner := graph_of(operation):
                results = walk(inner, keys, path + "/", inside)
            else:
                results = [number(tensor, steps) for tensor in flat(node.outputs)]
                name = unique(named.replace("/", "_"), taken)
                structure = _packed(node.outputs, results)
                call = Call(name, path, operation, arguments, tuple(keys), tuple(results), structure, len(inside))
                graph.calls.append(call)
            numbers.update(zip(map(id, flat(node.outputs)), results, strict=True))
        return [numbers[id(tensor)] for tensor in flat(part.outputs)]

    graph.inputs = [number(tensor) for tensor in flat(source.inputs)]
    graph.outputs = walk(source, graph.inputs, "")
    graph.calls = graph.calls if opens is None else _live(graph.calls, graph.outputs)
    return graph


def _without_masks(node: Node) -> Node:
    """Return a call without the arguments that are masks of its other arguments."""
    masks = [mask for tensor in node.inputs if (mask := getattr(tensor, "_keras_mask", None)) is not None]
    args, kwargs = node.arguments

    def stays(name: str, value: Any) -> bool:
        return not name.endswith("mask") or not any(computed_alike(value, mask) for mask in masks)

    kwargs = {name: value for name, value in kwargs.items() if stays(name, value)}
    used = {id(leaf) for leaf in leaves((args, kwargs))}
    return replace(node, arguments=(args, kwargs), inputs=[tensor for tensor in node.inputs if id(tensor) in used])


def _live(calls: list[Call], outputs: Sequence[int]) -> list[Call]:
    """Return the calls that the outputs need; nothing needs what made masks that travel on tensors."""
    needed, kept = set(outputs), []
    for call in reversed(calls):
        if needed.intersection(call.outputs):
            needed.update(call.inputs)
            kept.insert(0, call)
    return kept


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
