"""Some ops of a file become a file that runs alone, with nothing in it that they do not use.

In: the bytes of a file, which ops. Out: bytes; tensors keep their numbers, so that inputs and outputs can be found.
What is refused of the rest of the file, such as a bad tensor or another op kind, does not stand against these ops.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.flatbuffer.calls import calls_of, renumber_calls
from tfcompress.flatbuffer.packing import pack, unpack

HANDLES = (schema.TensorType.RESOURCE, schema.TensorType.VARIANT)
"""Types of tensors that no one can feed: the op that makes one goes with the op that reads it."""

LARGE = 4096
"""Bytes of constant data from which on they are weights, whose values no runtime refuses."""


def keep_ops(content: bytes, first: int | None, last: int, subgraph: int = 0) -> bytes:
    """Cut some ops out of a file.

    Args:
        content: A .tflite file.
        first: The first op of the subgraph to keep; the activations that the ops read become the inputs. None:
            all from the beginning, with the inputs of the file.
        last: The op after the last one to keep, whose results become the outputs.
        subgraph: The subgraph that the ops are of.
    """
    model = unpack(content)
    graph = model.subgraphs[subgraph]
    before = [] if first is None else _makers_of_handles(model, graph, first, last)
    graph.operators = [*before, *graph.operators[first:last]]
    written = {index for op in graph.operators for index in _listed(op.outputs)}
    read = dict.fromkeys(index for op in graph.operators for index in _listed(op.inputs) if index >= 0)
    if first is not None:
        graph.inputs = [index for index in read if index not in written and not _is_held(model, graph.tensors[index])]
    graph.outputs = [index for index in _listed(graph.operators[-1].outputs) if index >= 0]
    model.signatureDefs = [one for one in model.signatureDefs or [] if one.subgraphIndex == subgraph]
    for signature in model.signatureDefs:
        signature.outputs = [_named(index) for index in graph.outputs]
        signature.inputs = signature.inputs if first is None else [_named(index) for index in graph.inputs]
        signature.subgraphIndex = 0
    _keep_graphs(model, subgraph)
    _keep_codes(model)
    _keep_tensors(model)
    return pack(model)


def kind_of(content: bytes) -> bytes:
    """Return what two ops that were cut out have in common if no runtime takes one of them and not the other."""
    model = unpack(content)
    model.signatureDefs = None
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.name = None
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) > LARGE:
            buffer.data = np.frombuffer(str(len(buffer.data)).encode(), np.uint8)
    return pack(model)


def _makers_of_handles(model: schema.ModelT, graph: schema.SubGraphT, first: int, last: int) -> list[schema.OperatorT]:
    """Return the ops before that make the variables which some ops read, and give them their first values."""
    needed = {index for op in graph.operators[first:last] for index in _handles(graph, op.inputs)}
    found: list[schema.OperatorT] = []
    for op in reversed(graph.operators[:first]):
        if needed & set(_handles(graph, op.outputs)):
            needed |= set(_handles(graph, op.inputs))
            found.insert(0, op)
        elif needed and model.operatorCodes[op.opcodeIndex].builtinCode == schema.BuiltinOperator.CALL_ONCE:
            found.insert(0, op)
    return found


def _handles(graph: schema.SubGraphT, indices: Any) -> list[int]:
    return [int(i) for i in _listed(indices) if i >= 0 and graph.tensors[i].type in HANDLES]


def _keep_graphs(model: schema.ModelT, subgraph: int) -> None:
    """Put a graph first, with the graphs that it runs behind it and no others."""
    kept = [subgraph]
    for number in kept:  # grows
        called = {one for op in model.subgraphs[number].operators or [] for one in calls_of(op)}
        kept += sorted(called - set(kept))
    model.subgraphs = [model.subgraphs[number] for number in kept]
    for graph in model.subgraphs:
        for op in graph.operators or []:
            renumber_calls(op, kept.index)


def _keep_codes(model: schema.ModelT) -> None:
    ops = [op for graph in model.subgraphs for op in graph.operators or []]
    used = sorted({op.opcodeIndex for op in ops})
    model.operatorCodes = [model.operatorCodes[index] for index in used]
    for op in ops:
        op.opcodeIndex = used.index(op.opcodeIndex)


def _keep_tensors(model: schema.ModelT) -> None:
    """Empty the tensors and buffers that nothing uses; metadata tells of the whole file, so it goes."""
    model.metadata = model.metadataBuffer = None
    for graph in model.subgraphs:
        lists = [_listed(graph.inputs), _listed(graph.outputs)]
        lists += [_listed(side) for op in graph.operators or [] for side in (op.inputs, op.outputs, op.intermediates)]
        used = {int(index) for each in lists for index in each}
        graph.tensors = [one if index in used else schema.TensorT() for index, one in enumerate(graph.tensors)]
    filled = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    for number, buffer in enumerate(model.buffers):
        if number not in filled:
            buffer.data = None


def _listed(numbers: Any) -> Any:
    """Return a vector of a file, or none of it where the file leaves it out."""
    return [] if numbers is None else numbers


def _is_held(model: schema.ModelT, tensor: schema.TensorT) -> bool:
    """Tell whether a tensor is no activation: a constant, or the state of a recurrent layer."""
    data = model.buffers[tensor.buffer].data
    return tensor.isVariable or (data is not None and len(data) > 0)


def _named(index: int) -> schema.TensorMapT:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = f"tensor_{index}", index
    return entry
