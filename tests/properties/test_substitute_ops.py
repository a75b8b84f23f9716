"""What takes the place of an op computes the same, on graphs of one op."""

import numpy as np
import pytest

from tests.properties.graphs import constant, graph_of, kinds, run
from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.passes.substitute_ops import substitute_ops
from tfcompress.litert.serialization import options

IMAGE = (1, 4, 6, 3)
POOL = {"filterHeight": 4, "filterWidth": 6, "strideH": 4, "strideW": 6, "padding": 1}
AXES = np.array([1, 2], np.int32)
CASES = {
    "SQUARE": (("SQUARE", IMAGE, [IMAGE], options("Square")), ["MUL"]),
    "NEG": (("NEG", IMAGE, [IMAGE], options("Neg")), ["MUL"]),
    "RELU": (("RELU", IMAGE, [IMAGE]), ["MUL"]),
    "RELU6": (("RELU6", IMAGE, [IMAGE]), ["MUL"]),
    "SUM": (("SUM", IMAGE, [(1, 3)], options("Reducer"), AXES), ["MEAN", "MUL"]),
    "ADD_N": (
        ("ADD_N", IMAGE, [IMAGE], options("AddN"), np.ones(IMAGE, np.float32), np.full(IMAGE, 2, np.float32)),
        ["ADD", "ADD"],
    ),
    "SUM, axes kept": (("SUM", IMAGE, [(1, 1, 1, 3)], options("Reducer", keepDims=True), AXES), ["MEAN", "MUL"]),
    "SUM of all": (
        ("SUM", IMAGE, [(1, 1, 1, 1)], options("Reducer", keepDims=True), np.array([1, 2, 3], np.int32)),
        ["MEAN", "MUL"],
    ),
    "REVERSE_V2": (("REVERSE_V2", IMAGE, [IMAGE], options("ReverseV2"), np.array([2], np.int32)), ["GATHER"]),
    "REVERSE_V2, from the end": (
        ("REVERSE_V2", IMAGE, [IMAGE], options("ReverseV2"), np.array([-3], np.int32)),
        ["GATHER"],
    ),
    "pool of the whole image": (("AVERAGE_POOL_2D", IMAGE, [(1, 1, 1, 3)], options("Pool2D", **POOL)), ["MEAN"]),
}


def built(case):
    kind, shape, results, *rest = case
    return graph_of(kind, shape, results, rest[0] if rest else None, more=rest[1:])


@pytest.mark.parametrize("name", CASES)
def test_the_substitute_computes_the_same(rng, name):
    case, expected = CASES[name]
    x = rng.normal(0, 5, IMAGE).astype(np.float32)
    graph = built(case)
    before = run(graph, x)
    substitute_ops(graph)
    assert kinds(graph) == expected
    np.testing.assert_allclose(run(graph, x)[0], before[0], rtol=1e-5, atol=1e-5)
    assert graph.outputs[0].name == "y0"


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"fusedActivationFunction": 1}, (1, 1, 1, 3)),
        ({"filterWidth": 3, "strideW": 3}, (1, 1, 2, 3)),
        ({"filterHeight": 2, "strideH": 2}, (1, 2, 1, 3)),
        ({"padding": 0, "strideH": 1, "strideW": 1}, IMAGE),
    ],
)
def test_pools_that_are_no_plain_mean_stay(rng, change, result):
    graph = graph_of("AVERAGE_POOL_2D", IMAGE, [result], options("Pool2D", **(POOL | change)))
    x = rng.normal(-1, 1, IMAGE).astype(np.float32)
    before = run(graph, x)
    substitute_ops(graph)
    assert kinds(graph) == ["AVERAGE_POOL_2D"]
    assert np.array_equal(run(graph, x)[0], before[0])


def test_a_reverse_of_two_axes_stays(rng):
    graph = graph_of("REVERSE_V2", IMAGE, [IMAGE], options("ReverseV2"), more=[AXES])
    substitute_ops(graph)
    assert kinds(graph) == ["REVERSE_V2"]


@pytest.mark.parametrize(
    ("kind", "settings", "axis", "count", "drop"),
    [("SPLIT", "Split", 3, 3, False), ("SPLIT", "Split", -3, 2, False), ("UNPACK", "Unpack", 1, 4, True),
     ("UNPACK", "Unpack", -1, 3, True)],
)  # fmt: skip
def test_splits_that_are_apart_become_slices(rng, kind, settings, axis, count, drop):
    size = IMAGE[axis] // count
    part = (
        tuple(n for i, n in enumerate(IMAGE) if i != axis % 4)
        if drop
        else (*IMAGE[: axis % 4], size, *IMAGE[axis % 4 + 1 :])
    )
    form = options(settings, numSplits=count) if kind == "SPLIT" else options(settings, num=count, axis=axis)
    more = [np.array(axis, np.int32)] if kind == "SPLIT" else []

    def fresh():
        return graph_of(kind, IMAGE, [part] * count, form, more=more, before=True)

    x = rng.normal(size=IMAGE).astype(np.float32)
    before, graph, left = run(fresh(), x), fresh(), fresh()
    substitute_ops(graph, is_apart=lambda op: True)
    assert kinds(graph) == ["STRIDED_SLICE"] * count
    for old, new in zip(before, run(graph, x), strict=True):
        assert np.array_equal(old, new)
    substitute_ops(left)
    assert kinds(left) == [kind]


@pytest.mark.parametrize("name", CASES)
def test_what_is_kept_stays_and_so_does_what_is_no_float(name):
    graph = built(CASES[name][0])
    (kind,) = kinds(graph)
    substitute_ops(graph, is_kept=lambda op: op.name == "y0")
    assert kinds(graph) == [kind]
    graph.outputs[0].dtype = "int8"
    substitute_ops(graph)
    assert kinds(graph) == [kind]


def test_what_stays_keeps_nothing_from_what_comes_after_it():
    """In one graph: an op that is kept, one in int8, one that is apart, one that is none of these."""
    graph = graph_of("SQUARE", IMAGE, [IMAGE])
    for number, kind in enumerate(("NEG", "RELU", "SQUARE"), 1):
        graph.append(Op(kind, [graph.inputs[0]], [graph.add(Value(f"y{number}", IMAGE))]))
    graph.ops[1].outputs[0].dtype = "int8"
    substitute_ops(graph, lambda op: op.name == "y2", lambda op: op.name == "y0")
    assert kinds(graph) == ["SQUARE", "NEG", "RELU", "MUL"]


def test_a_mask_becomes_ones_and_zeros(rng):
    graph = Graph("main")
    x, mask, y = graph.add(Value("x", IMAGE)), graph.add(Value("mask", IMAGE, "bool")), graph.add(Value("y", IMAGE))
    graph.append(Op("GREATER", [x, constant(graph, np.float32(0))], [mask], options("Greater")))
    graph.append(Op("CAST", [mask], [y], options("Cast", inDataType=6, outDataType=0)))
    graph.inputs, graph.outputs = [x], [y]
    given = rng.normal(size=IMAGE).astype(np.float32)
    substitute_ops(graph)
    assert kinds(graph) == ["GREATER", "SELECT_V2"]
    assert [value.dtype for value in graph.ops[1].inputs] == ["bool", "float32", "float32"]
    assert graph.ops[1].options is not None
    assert y.range == (0.0, 0.0)
    assert np.array_equal(run(graph, given)[0], (given > 0).astype(np.float32))


def test_a_relu_that_is_apart_or_in_int16_stays():
    for settings in ({"is_apart": lambda op: True}, {"fuse_relu": False}):
        graph = built(CASES["RELU"][0])
        substitute_ops(graph, **settings)
        assert kinds(graph) == ["RELU"]


def test_the_sums_of_several_await_a_range_but_for_the_last():
    graph = built(CASES["ADD_N"][0])
    substitute_ops(graph)
    first, last = (op.outputs[0] for op in graph.ops)
    assert (first.range, last.range) == ((0.0, 0.0), None)
    assert (first.name, last.name) == ("y0/sum_0", "y0")
    assert all(op.options is not None for op in graph.ops)


def test_the_mean_of_a_sum_awaits_a_range():
    graph = built(CASES["SUM"][0])
    substitute_ops(graph)
    assert graph.ops[0].outputs[0].range == (0.0, 0.0)


def test_a_sum_that_training_rounded_is_of_a_mean_with_its_range():
    """A part of it, by the number of what is summed, to as many bits."""
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 5, 3))), graph.add(Value("y", (1, 3)))
    y.range, y.quantization.bits = (-4.0, 8.0), 16
    graph.append(Op("SUM", [x, graph.constant([1])], [y], options("Reducer", keepDims=False)))
    graph.inputs, graph.outputs = [x], [y]
    substitute_ops(graph)
    mean = graph.ops[0].outputs[0]
    assert kinds(graph) == ["MEAN", "MUL"]
    assert (mean.range, mean.quantization.bits) == ((-0.8, 1.6), 16)
