"""Ops read int32 copies of int16 values: the same integers with the same scale, a cast a value, in order."""

import numpy as np
import pytest

from tests.properties.graphs import constant, dangling, kinds
from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.integers_in_int32 import cast, widen_operands
from tfcompress.litert.serialization import TYPE_CODES


def int16(graph, name, shape=(1, 4)):
    value = graph.add(Value(name, shape, "int16", shape_signature=(-1, 4)))
    value.quantize("int16", 0.5)
    return value


@pytest.fixture
def compared():
    """TANH(x) compared with itself, with a constant, and with what is no int16."""
    graph = Graph("main")
    x, y = int16(graph, "x"), int16(graph, "y")
    held = constant(graph, np.array([[-300, 5, 0, 32767]], np.int16))
    held.quantize("int16", 0.5)
    mask = graph.add(Value("m", (1, 4), "bool"))
    graph.append(Op("TANH", [x], [y]))
    op = graph.append(Op("SELECT_V2", [None, constant(graph, np.int32([[1, 2, 3, 4]])), y, held, y], [mask]))
    graph.inputs, graph.outputs = [x], [mask]
    return graph, op, y, held


def test_a_value_is_cast_once_and_constants_are_copied(compared):
    graph, op, y, held = compared
    widen_operands(graph, op)
    assert kinds(graph) == ["TANH", "CAST", "SELECT_V2"]
    nothing, whole, copy, numbers, again = op.inputs
    assert nothing is None
    assert whole.data.tolist() == [[1, 2, 3, 4]]
    assert copy is again
    assert graph.ops[1].inputs == [y]
    assert graph.ops[1].outputs == [copy]
    form = graph.ops[1].options
    assert (form.inDataType, form.outDataType) == (TYPE_CODES["int16"], TYPE_CODES["int32"])
    assert numbers.data.tolist() == held.data.tolist()
    for value, name in ((copy, "y_int32"), (numbers, f"{held.name}_int32")):
        assert (value.name, value.dtype, value.scale, value.shape) == (name, "int32", 0.5, (1, 4))
    assert (y.dtype, held.dtype) == ("int16", "int16")
    assert dangling(graph) == []


def test_results_become_int16_again_and_others_stay():
    graph = Graph("main")
    x, values = int16(graph, "x"), int16(graph, "v")
    places = graph.add(Value("p", (1, 4), "int32"))
    op = graph.append(Op("TOPK_V2", [x], [values, places]))
    last = graph.append(Op("TANH", [values], [int16(graph, "y")]))
    graph.inputs, graph.outputs = [x], [last.outputs[0], places]
    widen_operands(graph, op)
    assert kinds(graph) == ["CAST", "TOPK_V2", "CAST", "TANH"]
    wide = op.outputs[0]
    assert (wide.name, wide.dtype, wide.scale, wide.shape_signature) == ("v_int32", "int32", 0.5, (-1, 4))
    assert (wide.producer, op.outputs[1]) == (op, places)
    back = graph.ops[2]
    assert (back.inputs, back.outputs) == ([wide], [values])
    assert values.producer is back
    assert dangling(graph) == []


def test_a_cast_says_from_what_to_what():
    graph = Graph("main")
    op = cast(int16(graph, "x"), graph.add(Value("y", (1, 4), "int32")))
    assert (op.kind, op.version) == ("CAST", op_spec("CAST").int16_border)
    assert (op.options.inDataType, op.options.outDataType) == (TYPE_CODES["int16"], TYPE_CODES["int32"])
