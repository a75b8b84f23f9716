"""Inputs and outputs of int16 ops become int8: a cast at each, on the grid of the range, and nowhere else."""

import numpy as np
import pytest

from tests.properties.graphs import kinds
from tfcompress.litert.graph import Graph, Op, Signature, Value
from tfcompress.litert.passes.quantize_ends import quantize_ends
from tfcompress.litert.passes.read_fake_quant import int8_grid

RANGES = {"x": (-1.0, 3.0), "y": (0.0, 6.0)}


def net():
    """TANH(x) and x * x read the input, y is the product."""
    graph = Graph("main")
    x, t, y = (graph.add(Value(name, (2, 3), shape_signature=(-1, 3))) for name in "xty")
    graph.append(Op("TANH", [x], [t]))
    graph.append(Op("MUL", [x, x], [y]))
    graph.inputs, graph.outputs = [x], [y]
    graph.signatures = [Signature("serving_default", [("in", x)], [("out", y)])]
    return graph


def of_range(value):
    scale, point = int8_grid(RANGES[value.name.removesuffix("_int8")])
    return value.dtype == "int8" and np.isclose(value.scale, scale, rtol=1e-6) and value.zero_point == point


def test_an_input_is_int8_for_all_that_read_it():
    graph = net()
    graph.outputs = []
    quantize_ends(graph, RANGES, lambda op: True)
    assert kinds(graph) == ["DEQUANTIZE", "TANH", "MUL"]
    cast, tanh, product = graph.ops
    assert of_range(graph.inputs[0])
    assert cast.inputs == graph.inputs
    floats = cast.outputs[0]
    assert (floats.name, floats.dtype, floats.shape, floats.shape_signature) == ("x_float", "float32", (2, 3), (-1, 3))
    assert tanh.inputs == [floats]
    assert product.inputs == [floats, floats]
    assert (cast.version, graph.inputs[0].readers, len(floats.readers)) == (2, [cast], 3)


def test_an_output_is_int8_and_the_signature_follows():
    graph = net()
    graph.inputs = []
    float_output = graph.outputs[0]
    quantize_ends(graph, RANGES, lambda op: True)
    assert kinds(graph) == ["TANH", "MUL", "QUANTIZE"]
    (output,), cast = graph.outputs, graph.ops[-1]
    assert of_range(output)
    assert output.name == "y_int8"
    assert (cast.inputs, cast.outputs, cast.version) == ([float_output], [output], 1)
    assert graph.signatures[0].outputs == [("out", output)]
    assert float_output.dtype == "float32"


def test_an_output_that_is_given_out_twice_has_one_cast():
    graph = net()
    graph.outputs *= 2
    quantize_ends(graph, RANGES, lambda op: True)
    assert kinds(graph).count("QUANTIZE") == 1
    assert graph.outputs[0] is graph.outputs[1]


def left_alone(change=None, ranges=RANGES, is_int16=lambda op: True):
    graph = net()
    if change:
        change(graph)
    quantize_ends(graph, ranges, is_int16)
    return kinds(graph)


@pytest.mark.parametrize(
    ("given", "expected"),
    [({"is_int16": lambda op: op.kind == "MUL"}, ["TANH", "MUL", "QUANTIZE"]),
     ({"is_int16": lambda op: op.kind == "TANH"}, ["TANH", "MUL"]),
     ({"ranges": {"y": (0.0, 6.0)}}, ["TANH", "MUL", "QUANTIZE"]),
     ({"ranges": {"x": (0.0, 6.0)}}, ["DEQUANTIZE", "TANH", "MUL"])],
)  # fmt: skip
def test_ends_of_other_ops_and_without_a_range_stay(given, expected):
    assert left_alone(**given) == expected


def test_what_is_no_float_or_nobody_reads_or_writes_stays():
    def whole(graph):
        graph.inputs[0].dtype = graph.outputs[0].dtype = "int32"

    def unread(graph):
        graph.inputs = graph.outputs = [graph.add(Value("x", (2, 3)))]

    assert left_alone(whole) == ["TANH", "MUL"]
    assert left_alone(unread) == ["TANH", "MUL"]


def test_the_other_ends_are_looked_at_behind_one_that_stays():
    def change(graph):
        other = graph.add(Value("none", (2, 3)))
        graph.inputs, graph.outputs = [other, *graph.inputs], [other, *graph.outputs]

    assert left_alone(change) == ["DEQUANTIZE", "TANH", "MUL", "QUANTIZE"]
