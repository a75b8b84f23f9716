"""Fixed sizes are written down, and sizes that follow from numbers stay open."""

import numpy as np

from tests.properties.graphs import graph_of
from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.passes.static_shapes import write_static_shapes
from tfcompress.litert.serialization import options


def test_reshapes_carry_their_shape_and_no_size_is_open():
    graph = graph_of("RESHAPE", (1, 6), [(1, 2, 3)], None, more=[np.array([-1, 2, 3], np.int32)])
    graph.inputs[0].shape_signature = (-1, 6)
    write_static_shapes(graph)
    assert graph.ops[0].options.newShape == [1, 2, 3]
    assert all(value.shape_signature is None for value in graph.values)


def test_what_is_behind_a_choice_of_rows_stays_open():
    graph = Graph("main")
    where, found = graph.add(Value("where", (4,), "bool")), graph.add(Value("found", (1, 1), "int64"))
    flat, size = graph.add(Value("flat", (1,), "int64")), graph.add(Value("size", (1,), "int32"))
    for value in (found, flat):
        value.shape_signature = (-1, *value.shape[1:])
    where.shape_signature = (-1,)
    graph.append(Op("WHERE", [where], [found]))
    graph.append(Op("RESHAPE", [found, size], [flat], options("Reshape", newShape=[-1])))
    graph.inputs, graph.outputs = [where, size], [flat]
    write_static_shapes(graph)
    assert where.shape_signature is None
    assert found.shape_signature == (-1, 1)
    assert flat.shape_signature == (-1,)
    assert graph.ops[1].options.newShape == [-1]


def test_a_shape_that_is_computed_stays_open():
    graph = graph_of("RESHAPE", (1, 6), [(1, 2, 3)])
    graph.set_input(graph.ops[0], 1, graph.add(Value("shape", (3,), "int32")))
    graph.outputs[0].shape_signature = (-1, 2, 3)
    write_static_shapes(graph)
    assert graph.outputs[0].shape_signature == (-1, 2, 3)
    assert graph.ops[0].options is None
