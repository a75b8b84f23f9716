"""A fused LSTM is known by its weights, and its neighbours without a name have that of the layer."""

import numpy as np

from tests.properties.graphs import constant
from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.passes.name_lstms import fingerprint, name_lstms


def two_lstms(rng):
    """x → reversed → LSTM → last and x → LSTM → sum, as the converter names them; and their kernels."""
    graph = Graph("main")
    names = ("x", "tfl.reverse_v2", "tfl.lstm", "tfl.strided_slice", "tfl.lstm1", "model/sum")
    x, back, first, last, second, total = (graph.add(Value(name, (1, 3))) for name in names)
    kernels = [rng.normal(size=(3, 8)).astype("float32") for _ in range(2)]
    graph.append(Op("REVERSE_V2", [x], [back]))
    for source, result, kernel in ((back, first, kernels[0]), (x, second, kernels[1])):
        weights = constant(graph, np.ascontiguousarray(kernel[:, :2].T))
        graph.append(Op("UNIDIRECTIONAL_SEQUENCE_LSTM", [source, weights], [result]))
    graph.append(Op("STRIDED_SLICE", [first], [last]))
    graph.append(Op("SUM", [second], [total]))
    graph.inputs, graph.outputs = [x], [last, total]
    return graph, kernels


def test_each_has_the_name_of_its_layer(rng):
    graph, kernels = two_lstms(rng)
    names = {fingerprint(kernel, 2): f"model/layer_{number}" for number, kernel in enumerate(kernels)}
    name_lstms(graph, names)
    assert [op.name for op in graph.ops] == [
        "model/layer_0/reversed",
        "model/layer_0/lstm",
        "model/layer_1/lstm",
        "model/layer_0/last",
        "model/sum",
    ]


def test_other_weights_have_no_name(rng):
    graph, kernels = two_lstms(rng)
    name_lstms(graph, {fingerprint(kernels[0] + 1, 2): "model/other"})
    assert [op.name for op in graph.ops][1] == "tfl.lstm"


def test_what_has_no_name_to_give_keeps_nothing_from_the_next(rng):
    """An LSTM whose weights are computed, one of unknown weights, then one that is known; and no other op."""
    graph, kernels = two_lstms(rng)
    first, second = graph.ops[1:3]
    other = constant(graph, second.inputs[1].data)
    mul = graph.append(Op("MUL", [graph.inputs[0], other], [graph.add(Value("tfl.mul", (1, 3)))]))
    computed = graph.add(Value("tfl.weights", (2, 3)))
    bare = Op("UNIDIRECTIONAL_SEQUENCE_LSTM", [graph.inputs[0], computed], [graph.add(Value("tfl.bare", (1, 3)))])
    short = Op("UNIDIRECTIONAL_SEQUENCE_LSTM", [graph.inputs[0]], [graph.add(Value("tfl.short", (1, 3)))])
    graph.ops = [mul, bare, short, *graph.ops]
    name_lstms(graph, {fingerprint(kernels[1], 2): "model/second"})
    assert [op.name for op in (mul, bare, short, first, second)] == [
        "tfl.mul",
        "tfl.bare",
        "tfl.short",
        "tfl.lstm",
        "model/second/lstm",
    ]
