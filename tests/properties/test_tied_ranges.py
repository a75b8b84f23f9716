"""Passes on ranges and names: who shares a range with whom, on graphs of a few ops without weights."""

import numpy as np
import pytest

from tfcompress.litert.graph import Graph, Op, Signature, Value
from tfcompress.litert.passes.name_outputs import name_outputs
from tfcompress.litert.passes.symmetric_operands import symmetric_operands
from tfcompress.litert.passes.tie_ranges import MIN_CELL_RANGE, tie_ranges


def value(graph, name, *bounds):
    found = graph.add(Value(name, (1, 4)))
    if bounds:
        found.range = bounds
    return found


def append(graph, kind, inputs, *outputs):
    return graph.append(Op(kind, inputs, list(outputs)))


# tie_ranges


@pytest.mark.parametrize("kind", ["MINIMUM", "MAXIMUM"])
def test_a_minimum_shares_the_union_of_all_that_it_touches(kind):
    graph = Graph("main")
    x, y, z = value(graph, "x", -1.0, 2.0), value(graph, "y", -3.0, 1.0), value(graph, "z", 0.0, 5.0)
    other = value(graph, "other", -9.0, 9.0)
    append(graph, kind, [x, y], z)
    tie_ranges(graph)
    assert x.range == y.range == z.range == (-3, 5)
    assert other.range == (-9, 9)


def test_a_constant_without_a_range_has_none_afterwards():
    graph = Graph("main")
    x, limit, z = value(graph, "x", -1.0, 2.0), value(graph, "limit"), value(graph, "z", 0.0, 5.0)
    append(graph, "MINIMUM", [x, limit, None], z)
    tie_ranges(graph)
    assert (x.range, z.range, limit.range) == ((-1, 5), (-1, 5), None)


def test_what_keeps_its_scale_alone_is_left_to_the_quantizer():
    graph = Graph("main")
    x, y, z = value(graph, "x", -1.0, 2.0), value(graph, "y", -3.0, 1.0), value(graph, "z", 0.0, 5.0)
    append(graph, "RESHAPE", [x], y)
    append(graph, "ADD", [y, x], z)
    tie_ranges(graph)
    assert [one.range for one in (x, y, z)] == [(-1, 2), (-3, 1), (0, 5)]


@pytest.mark.parametrize("between", [1, 3])
def test_a_shared_range_goes_on_through_what_keeps_the_scale(between):
    """MINIMUM → RESHAPE … → CONCATENATION with another one; and no further than an op with a scale of its own."""
    graph = Graph("main")
    x, y, z = value(graph, "x", -1.0, 2.0), value(graph, "y", -3.0, 1.0), value(graph, "z", 0.0, 1.0)
    append(graph, "MINIMUM", [x, y], z)
    held = [x, y, z]
    for number in range(between):
        held.append(value(graph, f"r{number}", 0.0, 6.0 + number))
        append(graph, "RESHAPE", [held[-2]], held[-1])
    beside, joined, after = (
        value(graph, "beside", -7.0, 0.0),
        value(graph, "joined", 0.0, 1.0),
        value(graph, "a", 0.0, 99.0),
    )
    append(graph, "CONCATENATION", [held[-1], beside], joined)
    append(graph, "RELU", [joined], after)
    tie_ranges(graph)
    assert {one.range for one in (*held, beside, joined)} == {(-7, 5.0 + between)}
    assert after.range == (0, 99)


def test_two_groups_that_meet_become_one_and_others_stay_apart():
    graph = Graph("main")
    values = [value(graph, f"v{number}", -float(number), float(number)) for number in range(9)]
    append(graph, "MINIMUM", values[0:2], values[2])
    append(graph, "MAXIMUM", values[3:5], values[5])
    append(graph, "MINIMUM", values[6:8], values[8])
    append(graph, "CONCATENATION", [values[2]], values[5])
    tie_ranges(graph)
    assert [one.range[1] for one in values] == [5] * 6 + [8] * 3


def test_ties_do_not_hang_on_the_order_in_which_the_values_stand():
    found = set()
    for turn in (1, -1):
        graph = Graph("main")
        x, y, z = value(graph, "x", -1.0, 2.0), value(graph, "y", -3.0, 1.0), value(graph, "z", 0.0, 5.0)
        append(graph, "MINIMUM", [x, y][::turn], z)
        tie_ranges(graph)
        found.add((x.range, y.range, z.range))
    assert len(found) == 1


def lstm(graph, name="h", cell=(-2.0, 2.0)):
    """A fused LSTM: its result, its state and the hidden value between have one range in the kernel."""
    inputs = [value(graph, f"{name}_x", -1.0, 1.0), *[None] * 17]
    inputs += [value(graph, f"{name}_state", 0.0, 0.1), value(graph, f"{name}_cell", *cell), *[None] * 4]
    result = value(graph, name, -0.5, 0.75)
    op = append(graph, "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, result)
    op.intermediates = [value(graph, f"{name}_{number}", 0.0, float(number)) for number in range(5)]
    return op, result


def test_an_lstm_has_one_range_for_its_result_its_state_and_its_hidden_value():
    graph = Graph("main")
    op, result = lstm(graph)
    tie_ranges(graph)
    assert op.inputs[18].range == op.intermediates[4].range == result.range == (-0.5, 0.75)
    assert [one.range[1] for one in op.intermediates[:4]] == [0, 1, 2, 3]
    assert op.inputs[0].range == (-1, 1)


def test_two_directions_that_are_concatenated_share_one_range():
    graph = Graph("main")
    (first, h), (second, g) = lstm(graph, "h"), lstm(graph, "g")
    g.range = (-0.25, 0.9)
    both = value(graph, "both", -0.1, 0.1)
    append(graph, "CONCATENATION", [h, g], both)
    tie_ranges(graph)
    for op in (first, second):
        assert op.outputs[0].range == op.inputs[18].range == op.intermediates[4].range == both.range == (-0.5, 0.9)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ((-2.0, 3.0), (-2.0, 3.0)),
        ((-0.1, 0.2), (-MIN_CELL_RANGE, MIN_CELL_RANGE)),
        ((-0.1, 3.0), (-MIN_CELL_RANGE, 3.0)),
        ((-2.0, 0.1), (-2.0, MIN_CELL_RANGE)),
    ],
)
def test_the_cell_of_an_lstm_has_a_least_range(cell, expected):
    graph = Graph("main")
    op, _ = lstm(graph, cell=cell)
    tie_ranges(graph)
    assert op.inputs[19].range == expected


def test_an_op_with_fewer_intermediates_is_no_fused_lstm():
    graph = Graph("main")
    x, y = value(graph, "x", -1.0, 2.0), value(graph, "y", 0.0, 0.5)
    op = append(graph, "SVDF", [x], y)
    op.intermediates = [value(graph, f"i{number}", 0.0, 1.0) for number in range(4)]
    tie_ranges(graph)
    assert (x.range, y.range) == ((-1, 2), (0, 0.5))


# symmetric_operands


def product(*bounds, kinds=()):
    """x times the last of a chain of values."""
    graph = Graph("main")
    x, held = value(graph, "x", -1.0, 5.0), [value(graph, "first", *bounds)]
    for number, kind in enumerate(kinds):
        held.append(value(graph, f"v{number}", *bounds))
        append(graph, kind, [held[-2], None], held[-1])
    result = value(graph, "y", -4.0, 7.0)
    append(graph, "BATCH_MATMUL", [x, held[-1]], result)
    return graph, x, held, result


@pytest.mark.parametrize("bounds", [(-1.0, 2.0), (-3.0, 1.0), (0.0, 4.0), (-4.0, 0.0)])
def test_the_right_operand_of_a_product_gets_zero_point_0_and_holds_all_it_held(bounds):
    graph, x, (right,), result = product(*bounds)
    symmetric_operands(graph, lambda op: False)
    low, high = right.range
    assert low <= bounds[0]
    assert high >= bounds[1]
    scale = (high - low) / 255
    assert -128 - low / scale == pytest.approx(0), "the zero point of int8"
    assert high == max(map(abs, bounds)), "and no wider than that"
    assert (x.range, result.range) == ((-1, 5), (-4, 7))


def test_what_the_operand_is_a_copy_of_gets_the_same_range():
    graph, _, held, _ = product(-1.0, 2.0, kinds=("RELU", "RESHAPE", "TRANSPOSE"))
    held[2].range = (-3.0, 1.0)
    symmetric_operands(graph, lambda op: False)
    assert held[0].range == (-1, 2), "before the RELU another scale holds"
    assert len({one.range for one in held[1:]}) == 1
    assert held[3].range[1] == 3


def test_every_branch_that_the_operand_is_joined_of_gets_the_same_range():
    """Each part of the concatenation is a copy of another value, and one of them has no range."""
    graph = Graph("main")
    sources = [value(graph, f"s{number}", -1.0 - number, 2.0) for number in range(3)]
    parts = [value(graph, f"p{number}", -1.0, 1.0) for number in range(3)]
    for source, part in zip(sources, parts, strict=True):
        append(graph, "RESHAPE", [source], part)
    bare, whole = value(graph, "bare"), value(graph, "whole", -1.0, 1.0)
    x, y = value(graph, "x", -1.0, 1.0), value(graph, "y", -1.0, 1.0)
    append(graph, "CONCATENATION", [parts[0], bare, parts[1], bare, parts[2]], whole)
    append(graph, "BATCH_MATMUL", [x, whole], y)
    symmetric_operands(graph, lambda op: False)
    assert {one.range for one in (*sources, *parts, whole)} == {(-3 * 128 / 127, 3)}
    assert bare.range is None


def test_only_products_in_int8_are_changed():
    graph, _, (right,), _ = product(-1.0, 2.0)
    symmetric_operands(graph, lambda op: op.kind == "BATCH_MATMUL")
    assert right.range == (-1, 2)
    graph = Graph("main")
    x, y, z = value(graph, "x", -1.0, 2.0), value(graph, "y", -1.0, 2.0), value(graph, "z", -1.0, 2.0)
    append(graph, "MUL", [x, y], z)
    product_after = value(graph, "p", 0.0, 1.0)
    append(graph, "BATCH_MATMUL", [x, z], product_after)
    symmetric_operands(graph, lambda op: False)
    assert y.range == (-1, 2)
    assert z.range[1] == 2
    assert z.range[0] == pytest.approx(-2 * 128 / 127)


def test_weights_and_values_read_twice_end_the_search():
    graph = Graph("main")
    x, weights, result = value(graph, "x", -1.0, 5.0), value(graph, "weights"), value(graph, "y", -4.0, 7.0)
    weights.data = np.zeros((4, 4), np.float32)
    append(graph, "BATCH_MATMUL", [x, weights], result)
    symmetric_operands(graph, lambda op: False)
    assert weights.range is None
    graph = Graph("main")
    left, first, twice, last = (value(graph, name, -1.0, 2.0) for name in "abcd")
    append(graph, "CONCATENATION", [first, first, left], twice)
    append(graph, "BATCH_MATMUL", [left, twice], last)
    symmetric_operands(graph, lambda op: False)
    assert first.range == twice.range == left.range == (-2 * 128 / 127, 2)


# name_outputs


def test_outputs_get_the_names_of_their_layers():
    graph = Graph("main")
    x, y, z = value(graph, "x"), value(graph, "StatefulPartitionedCall:0"), value(graph, "StatefulPartitionedCall:1")
    graph.inputs, graph.outputs = [x], [y, z, x]
    graph.signatures = [
        Signature("serving_default", [("in", x)], [("output_0", y), ("output_1", z), ("output_2", x)]),
        Signature("other", [("in", x)], [("again", z)]),
    ]
    name_outputs(graph, {"output_0": "model/digit/output_0", "output_1": "", "output_2": "echo", "again": "twice"})
    assert [one.name for one in graph.values] == ["x", "model/digit/output_0", "twice"]
    name_outputs(graph, {})
    assert [one.name for one in graph.values] == ["x", "model/digit/output_0", "twice"]
