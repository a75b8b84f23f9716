"""Some ops of a file become a file that runs alone, with nothing in it that they do not use.

In: the bytes of a file, which ops. Out: bytes; tensors keep their numbers, so that inputs and outputs can be found.
What is refused of the rest of the file, such as a bad tensor or another op kind, does not stand against these ops.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tfcompress.litert.graph import EditableFile, Graph, Op, Signature, Value
from tfcompress.litert.serialization import read_graph, write_graph
from tfcompress.litert.subgraph_calls import calls_of, renumber_calls

HANDLES = ("resource", "variant")
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
    file = read_graph(content)
    graph = file.graphs[subgraph]
    before = [] if first is None else _makers_of_handles(graph, first, last)
    graph.ops = [*before, *graph.ops[first:last]]
    written = {value for op in graph.ops for value in op.outputs}
    read = dict.fromkeys(value for op in graph.ops for value in op.inputs if value is not None)
    if first is not None:
        graph.inputs = [one for one in read if one not in written and not one.is_constant and not one.is_variable]
    graph.outputs = list(graph.ops[-1].outputs)
    places = {value: place for place, value in enumerate(graph.values)}
    named = {side: [(f"tensor_{places[one]}", one) for one in getattr(graph, side)] for side in ("inputs", "outputs")}
    graph.signatures = [
        Signature(one.key, one.inputs if first is None else named["inputs"], named["outputs"])
        for one in graph.signatures
    ]
    _keep_graphs(file, subgraph)
    _keep_values(file)
    return write_graph(file)


def kind_of(content: bytes) -> bytes:
    """Return what two ops that were cut out have in common if no runtime takes one of them and not the other."""
    file = read_graph(content)
    for graph in file.graphs:
        graph.signatures = []
        for value in graph.values:
            value.name = ""
            if value.content is not None and len(value.content) > LARGE:
                value.content = np.frombuffer(str(len(value.content)).encode(), np.uint8)
    return write_graph(file)


def _makers_of_handles(graph: Graph, first: int, last: int) -> list[Op]:
    """Return the ops before that make the variables which some ops read, and give them their first values."""
    needed = {value for op in graph.ops[first:last] for value in _handles(op.inputs)}
    found: list[Op] = []
    for op in reversed(graph.ops[:first]):
        if needed & set(_handles(op.outputs)):
            needed |= set(_handles(op.inputs))
            found.insert(0, op)
        elif needed and op.kind == "CALL_ONCE":
            found.insert(0, op)
    return found


def _handles(values: Iterable[Value | None]) -> list[Value]:
    return [value for value in values if value is not None and value.dtype in HANDLES]


def _keep_graphs(file: EditableFile, subgraph: int) -> None:
    """Put a graph first, with the graphs that it runs behind it and no others, and no signature but its own."""
    kept = [subgraph]
    for number in kept:  # grows
        called = {one for op in file.graphs[number].ops for one in calls_of(op)}
        kept += sorted(called - set(kept))
    file.graphs = [file.graphs[number] for number in kept]
    for graph in file.graphs:
        for op in graph.ops:
            renumber_calls(op, kept.index)
    for graph in file.graphs[1:]:
        graph.signatures = []


def _keep_values(file: EditableFile) -> None:
    """Empty the values that nothing uses, which keep their numbers; metadata tells of the whole file, so it goes."""
    file.metadata = []
    for graph in file.graphs:
        used = {*graph.inputs, *graph.outputs}
        for op in graph.ops:
            used |= {*filter(None, op.inputs), *op.outputs, *op.intermediates}
        graph.values = [value if value in used else Value("", ()) for value in graph.values]
