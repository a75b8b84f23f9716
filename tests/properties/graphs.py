"""Graphs of a few ops, built by hand and run on the reference kernels."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tfcompress.litert.graph import EditableFile, Graph, Op, Value
from tfcompress.litert.serialization import write_graph


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


def run(graph, *arrays, kernels=OpResolverType.BUILTIN_REF):
    """All outputs of a graph for its inputs, on the reference kernels unless told otherwise, in this process."""
    return run_each(graph, [arrays], kernels=kernels)[0]


def run_each(graph, rows, kernels=OpResolverType.BUILTIN_REF):
    """The same for several samples: a file is written and read once."""
    assert dangling(graph) == []
    content = write_graph(EditableFile([graph]))
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for arrays in rows:
        for detail, array in zip(inputs, arrays, strict=True):
            interpreter.set_tensor(detail["index"], np.asarray(array, detail["dtype"]))
        interpreter.invoke()
        found.append([interpreter.get_tensor(detail["index"]) for detail in outputs])
    return found


def run_optimised(graph, *arrays):
    """The same on the kernels of a phone, of which some ops have no other."""
    return run_each_optimised(graph, [arrays])[0]


def run_each_optimised(graph, rows):
    """The same for several samples."""
    return run_each(graph, rows, OpResolverType.AUTO)


def kinds(graph):
    return [op.kind for op in graph.ops]


def run_on_tflm(graph, *arrays):
    """All outputs of a graph for its inputs, in TensorFlow Lite Micro, in this process."""
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    interpreter = runtime.Interpreter.from_bytes(write_graph(EditableFile([graph])))
    for place, (value, array) in enumerate(zip(graph.inputs, arrays, strict=True)):
        interpreter.set_input(np.asarray(array, value.dtype), place)
    interpreter.invoke()
    return [interpreter.get_output(place) for place in range(len(graph.outputs))]


def dangling(graph: Graph) -> list[str]:
    """List what makes a graph unfit to run: values read before they are produced, outputs that nothing produces.

    A rewrite pass that leaves a fault has a bug.
    """
    held = [value for value in graph.values if value.is_constant or value.is_variable]
    known = {id(value) for value in (*graph.inputs, *held)}
    present = set(map(id, graph.values))
    faults = []
    for place, op in enumerate(graph.ops):
        faults += [
            f"op {place} {op.kind} reads {value.name!r}, which nothing has produced"
            for value in filter(None, op.inputs)
            if id(value) not in known
        ]
        faults += [
            f"op {place} {op.kind} has {value.name!r}, which is no value of the graph"
            for value in (*filter(None, op.inputs), *op.outputs, *op.intermediates)
            if id(value) not in present
        ]
        known |= set(map(id, op.outputs))
    return faults + [f"nothing produces the output {value.name!r}" for value in graph.outputs if id(value) not in known]
