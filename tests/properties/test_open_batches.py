"""Reshapes follow the batch while a file is written for several samples, and are as they were afterwards."""

import numpy as np
import pytest

from tests.properties.graphs import constant, run
from tfcompress.litert.graph import EditableFile, Graph, Op, Value
from tfcompress.litert.serialization import options
from tfcompress.litert.write_metadata import opened_batch


def reshaped(target, shape):
    graph = Graph("main")
    x, y, z = graph.add(Value("x", (1, 6))), graph.add(Value("y", shape)), graph.add(Value("z", shape))
    form = options("Reshape", newShape=list(target))
    graph.append(Op("RESHAPE", [x, constant(graph, np.array(target, np.int32))], [y], form))
    graph.append(Op("ABS", [y], [z]))
    graph.inputs, graph.outputs = [x], [z]
    return graph


@pytest.mark.parametrize(
    ("target", "shape", "opened"),
    [((1, 2, 3), (1, 2, 3), [-1, 2, 3]), ((1, -1), (1, 6), [-1, 6]), ((2, 3), (2, 3), None), ((-1, 3), (2, 3), None)],
)
def test_a_target_that_begins_with_1_is_open_within_the_block_alone(target, shape, opened):
    graph = reshaped(target, shape)
    op, x = graph.ops[0], np.arange(6.0)[np.newaxis]
    form, held, before = op.options, op.inputs[1].content, run(graph, x)[0]
    with opened_batch(EditableFile([graph])) as changed:
        assert changed == (opened is not None)
        assert op.inputs[1].data.tolist() == (opened or list(target))
        assert (op.options is None) == changed
        assert np.array_equal(run(graph, x)[0], before)
    assert op.options is form
    assert op.inputs[1].content is held
    assert np.array_equal(run(graph, x)[0], before)


def test_what_something_else_reads_too_stays():
    graph = reshaped((1, 2, 3), (1, 2, 3))
    graph.append(Op("ABS", [graph.ops[0].inputs[1]], [graph.add(Value("other", (3,), "int32"))]))
    with opened_batch(EditableFile([graph])) as changed:
        assert not changed
    assert graph.ops[0].inputs[1].data.tolist() == [1, 2, 3]
