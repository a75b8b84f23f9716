"""Graphs of a few ops, built by hand and run on the reference kernels."""

import numpy as np

from tfcompress import Runner
from tfcompress.flatbuffer.graph import EditableFile, Graph, Op, Value, dangling
from tfcompress.flatbuffer.model import TFLiteModel
from tfcompress.flatbuffer.serialization import write_graph


def graph_of(kind, shape, results, options=None, *, more=(), before=False, version=1):
    """A graph of one op: an input, constants before or behind it, outputs of some shapes."""
    graph = Graph("main")
    entry = graph.add(Value("x", shape))
    made = [graph.add(Value(f"y{place}", result)) for place, result in enumerate(results)]
    constants = [constant(graph, array) for array in more]
    graph.append(Op(kind, [*constants, entry] if before else [entry, *constants], made, options, version))
    graph.inputs, graph.outputs = [entry], made
    return graph


def constant(graph, array):
    value = graph.add(Value(f"held_{len(graph.values)}", ()))
    value.data = np.asarray(array)
    return value


def run(graph, x):
    """All outputs of a graph for one input array, on the reference kernels."""
    assert dangling(graph) == []
    found = Runner(TFLiteModel(write_graph(EditableFile([graph]))), runtime="reference").predict(np.asarray(x))
    return [*found.values()] if isinstance(found, dict) else [found]


def kinds(graph):
    return [op.kind for op in graph.ops]
