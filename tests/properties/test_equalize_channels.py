"""Factors of channels: which activations can have them, what becomes of kernels, and that results stay the same."""

import json
import zlib

import numpy as np
import pytest

from tests.properties.graphs import constant, run
from tfcompress.litert.graph import EditableFile, Graph, Op, Value
from tfcompress.litert.passes.equalize_channels import (
    KEY,
    by_channels_read,
    channel_groups,
    equalize,
    factors_of,
    note,
    noted,
)
from tfcompress.litert.serialization import options

SHAPE = (1, 4, 4, 3)
POOL = {"filterHeight": 1, "filterWidth": 1, "strideH": 1, "strideW": 1, "padding": 0}


class Net:
    """A float graph of 3 channels, op by op."""

    def __init__(self, rng):
        self.rng, self.graph = rng, Graph("main")
        self.x = self.graph.add(Value("x", SHAPE))
        self.graph.inputs = [self.x]

    def op(self, kind, inputs, form=None, shape=SHAPE, dtype="float32"):
        y = self.graph.add(Value(f"y{len(self.graph.ops)}", shape, dtype))
        self.graph.append(Op(kind, inputs, [y], form))
        return y

    def held(self, *shape):
        return constant(self.graph, self.rng.normal(size=shape).astype(np.float32))

    def conv(self, x, act=0, bias=True, width=3, kernel=None):
        form = options("Conv2D", strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, padding=0,
                       fusedActivationFunction=act)  # fmt: skip
        kernel = kernel or self.held(width, 1, 2, x.shape[-1])
        return self.op("CONV_2D", [x, kernel, *([self.held(width)] if bias else [])], form, (*SHAPE[:3], width))

    def depthwise(self, x, times=1):
        form = options("DepthwiseConv2D", strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, padding=0,
                       depthMultiplier=times, fusedActivationFunction=0)  # fmt: skip
        width = x.shape[-1] * times
        return self.op("DEPTHWISE_CONV_2D", [x, self.held(1, 2, 2, width), self.held(width)], form, (*SHAPE[:3], width))

    def between(self, build, act=1):
        """conv → … → conv, the last of them the output."""
        y = self.conv(build(self, self.conv(self.x, act)))
        self.graph.outputs = [y]
        return self.graph


def described(graph):
    return [
        ([value.name for value in group.values], [op.name for op in group.writers], [op.name for op in group.readers])
        for group in channel_groups(graph)
    ]


def pool(kind):
    return lambda net, y: net.op(kind, [y], options("Pool2D", **POOL, fusedActivationFunction=0))


def add(act=0, other=None):
    def build(net, y):
        read = other(net) if other else net.conv(net.x)
        return net.op("ADD", [y, read], options("Add", fusedActivationFunction=act))

    return build


def pad(*channels):
    def build(net, y):
        return net.op("PAD", [y, constant(net.graph, np.array([[0, 0], [0, 0], [0, 0], channels], np.int32))])

    return build


def mean(axis, shape):
    form = options("Reducer", keepDims=True)
    return lambda net, y: net.op("MEAN", [y, constant(net.graph, np.array([axis], np.int32))], form, shape)


PASSES = {
    "RELU": (lambda net, y: net.op("RELU", [y]), ["y0", "y1"]),
    "PRELU": (lambda net, y: net.op("PRELU", [y, net.held(1, 1, 3)]), ["y0", "y1"]),
    "MAX_POOL_2D": (pool("MAX_POOL_2D"), ["y0", "y1"]),
    "AVERAGE_POOL_2D": (pool("AVERAGE_POOL_2D"), ["y0", "y1"]),
    "PAD": (pad(0, 0), ["y0", "y1"]),
    "MEAN over rows": (mean(1, (1, 1, 4, 3)), ["y0", "y1"]),
    "MEAN over rows from the end": (mean(-3, (1, 1, 4, 3)), ["y0", "y1"]),
    "ADD": (add(), ["y0", "y1", "y2"]),
    "ADD with RELU": (add(1), ["y0", "y1", "y2"]),
    "nothing": (lambda net, y: y, ["y0"]),
}
STOPS = {
    "LOGISTIC": lambda net, y: net.op("LOGISTIC", [y]),
    "RELU6": lambda net, y: net.op("RELU6", [y]),
    "MUL": lambda net, y: net.op("MUL", [y, net.conv(net.x)], options("Mul", fusedActivationFunction=0)),
    "ADD with RELU6": add(3),
    "ADD of a constant": add(0, lambda net: net.held(*SHAPE)),
    "ADD of one channel": add(0, lambda net: net.conv(net.x, width=1)),
    "ADD of the input": add(0, lambda net: net.x),
    "MEAN over axes that are computed": lambda net, y: net.op(
        "MEAN", [y, net.graph.add(Value("axes", (1,), "int32"))], options("Reducer", keepDims=True), (1, 1, 4, 3)
    ),
    "MEAN over channels": mean(-1, (1, 4, 4, 1)),
    "MEAN over the last axis": mean(3, (1, 4, 4, 1)),
}


@pytest.mark.parametrize("name", PASSES)
def test_what_keeps_factors_is_one_group_and_the_graph_computes_the_same(rng, name):
    build, values = PASSES[name]
    graph = Net(rng).between(build)
    writers = [op.name for op in graph.ops if op.kind == "CONV_2D"]
    assert described(graph) == [(values, writers[:-1], writers[-1:])]
    x = rng.normal(size=SHAPE).astype(np.float32)
    before = run(graph, x)
    kernels = {op.name: (op.inputs[1].data, op.inputs[2].data) for op in graph.ops if op.kind == "CONV_2D"}
    factors = np.array([0.5, 4.0, 2**0.25])
    equalize(graph, {values[-1]: [-4, 8, 1]})
    assert np.allclose(run(graph, x), before, rtol=1e-4, atol=1e-4)
    for op in graph.ops:
        if op.kind == "CONV_2D":
            kernel, bias = kernels[op.name]
            last = op.name == writers[-1]
            wanted = kernel / factors if last else kernel * factors.reshape(3, 1, 1, 1)
            assert np.allclose(op.inputs[1].data, wanted, rtol=1e-6)
            assert np.allclose(op.inputs[2].data, bias if last else bias * factors, rtol=1e-6)
            assert op.inputs[1].dtype == op.inputs[2].dtype == "float32"


@pytest.mark.parametrize("name", STOPS)
def test_what_does_not_keep_factors_ends_a_group(rng, name):
    graph = Net(rng).between(STOPS[name])
    assert described(graph) == []


def test_padding_of_channels_ends_a_group(rng):
    net = Net(rng)
    wide = net.op("PAD", [net.conv(net.x), constant(net.graph, np.array([[0, 0]] * 3 + [[0, 1]], np.int32))], None,
                  (*SHAPE[:3], 4))  # fmt: skip
    net.graph.outputs = [net.conv(wide)]
    assert described(net.graph) == []
    assert described(Net(rng).between(pad(1, 0))) == []


@pytest.mark.parametrize("act", [0, 1, 2, 3, 4])
def test_of_activations_inside_of_layers_rectifiers_alone_keep_factors(rng, act):
    found = described(Net(rng).between(lambda net, y: y, act))
    assert found == ([(["y0"], ["y0"], ["y1"])] if act in (0, 1, 3) else [])


@pytest.mark.parametrize("times", [1, 2])
def test_a_depthwise_layer_lies_between_two_groups(rng, times):
    graph = Net(rng).between(lambda net, y: net.depthwise(y, times))
    assert described(graph) == [(["y0"], ["y0"], ["y1"]), (["y1"], ["y1"], ["y2"])]
    x = rng.normal(size=SHAPE).astype(np.float32)
    before, kernel, bias = run(graph, x), graph.ops[1].inputs[1].data, graph.ops[1].inputs[2].data
    many = 3 * times
    exponents = {"y0": [-4, 8, 2], "y1": [*range(many)]}
    equalize(graph, exponents)
    assert np.allclose(run(graph, x), before, rtol=1e-4, atol=1e-4)
    own, read = np.exp2(np.arange(many) / 4), np.repeat(np.exp2(np.array([-4, 8, 2]) / 4), times)
    assert np.allclose(graph.ops[1].inputs[1].data, kernel * own / read, rtol=1e-6)
    assert np.allclose(graph.ops[1].inputs[2].data, bias * own, rtol=1e-6)
    rows = by_channels_read(graph.ops[1])
    assert rows.shape == (4 * times, 3)
    held = graph.ops[1].inputs[1].data
    for channel in range(3):
        assert sorted(rows[:, channel]) == sorted(held[..., channel * times : (channel + 1) * times].ravel())
    assert np.array_equal(by_channels_read(graph.ops[0]), graph.ops[0].inputs[1].data.reshape(-1, 3))


def test_a_bias_of_several_layers_is_multiplied_in_one(rng):
    net = Net(rng)
    y = net.conv(net.x)
    graph = net.graph
    graph.outputs = [net.conv(y)]
    graph.set_input(graph.ops[1], 2, graph.ops[0].inputs[2])
    held = graph.ops[0].inputs[2]
    before = held.data.copy()
    equalize(graph, {"y0": [4, 0, -4]})
    assert np.array_equal(graph.ops[1].inputs[2].data, before)
    own = graph.ops[0].inputs[2]
    assert (own.name, own.readers, held.readers) == ("y0_bias", [graph.ops[0]], [graph.ops[1]])
    assert np.allclose(own.data, before * [2, 1, 0.5])


def test_layers_without_a_bias_have_factors(rng):
    net = Net(rng)
    net.graph.outputs = [net.conv(net.conv(net.x, bias=False))]
    first, second = net.graph.ops
    kernels = first.inputs[1].data, second.inputs[1].data
    equalize(net.graph, {"y0": [4, 0, -4]})
    assert len(first.inputs) == 2
    assert np.allclose(first.inputs[1].data, kernels[0] * np.reshape([2, 1, 0.5], (3, 1, 1, 1)))
    assert np.allclose(second.inputs[1].data, kernels[1] * [0.5, 1, 2])


def test_factors_of_other_groups_and_of_other_widths_change_nothing(rng):
    graph = Net(rng).between(lambda net, y: y)
    before = [op.inputs[1].content for op in graph.ops]
    for exponents in ({}, {"other": [1, 2, 3]}, {"y0": [1, 2]}, {"y0": [1, 2, 3, 4]}):
        equalize(graph, exponents)
        assert all(op.inputs[1].content is content for op, content in zip(graph.ops, before, strict=True))


def test_each_group_has_its_own_factors_and_two_channels_are_enough(rng):
    """One without factors keeps none behind it from having some."""
    net = Net(rng)
    net.graph.outputs = [net.conv(net.conv(net.conv(net.x, width=2), width=4))]
    assert described(net.graph) == [(["y0"], ["y0"], ["y1"]), (["y1"], ["y1"], ["y2"])]
    x = rng.normal(size=SHAPE).astype(np.float32)
    before, kernels = run(net.graph, x), [op.inputs[1].data for op in net.graph.ops]
    equalize(net.graph, {"y1": [4, 8, 0, -4]})
    assert np.array_equal(net.graph.ops[0].inputs[1].data, kernels[0])
    assert np.allclose(net.graph.ops[2].inputs[1].data, kernels[2] / [2, 4, 1, 0.5])
    assert np.allclose(run(net.graph, x), before, rtol=1e-4, atol=1e-4)


def test_a_convolution_in_groups_ends_a_group(rng):
    """Its kernel knows the channels of one of its groups alone."""
    net = Net(rng)
    y = net.conv(net.x, width=4)
    net.graph.outputs = [net.conv(net.conv(y, kernel=net.held(4, 1, 2, 2), width=4))]
    assert described(net.graph) == [(["y1"], ["y1"], ["y2"])]


def test_what_has_no_kernel_of_its_own_has_no_factors(rng):
    """A kernel of two layers, one that is computed, one channel, an output of the model, an activation of integers."""
    net = Net(rng)
    shared = net.held(3, 1, 2, 3)
    net.graph.outputs = [net.conv(net.conv(net.x, kernel=shared), kernel=shared)]
    assert described(net.graph) == []
    net = Net(rng)
    made = net.op("RELU", [net.held(3, 1, 2, 3)], shape=(3, 1, 2, 3))
    net.graph.outputs = [net.conv(net.conv(net.x), kernel=made)]
    assert described(net.graph) == []
    net = Net(rng)
    net.graph.outputs = [net.conv(net.conv(net.x, width=1))]
    assert described(net.graph) == []
    net = Net(rng)
    y = net.conv(net.x)
    net.graph.outputs = [y, net.conv(y)]
    assert described(net.graph) == []
    net = Net(rng)
    computed = net.op("RELU", [net.held(3)], shape=(3,))
    y = net.conv(net.x, bias=False)
    net.graph.set_input(net.graph.ops[-1], 2, computed)
    net.graph.outputs = [net.conv(y)]
    assert described(net.graph) == []
    graph = Net(rng).between(lambda net, y: net.op("RELU", [y]))
    graph.values[[value.name for value in graph.values].index("y1")].dtype = "float16"
    assert described(graph) == []


def test_a_group_is_known_by_its_first_activation(rng):
    graph = Net(rng).between(PASSES["RELU"][0])
    (group,) = channel_groups(graph)
    assert (group.name, group.channels) == ("y0", 3)
    assert factors_of([0, 4, -8, 1]).tolist() == [1, 2, 0.25, 2**0.25]


def test_channels_that_relu6_cuts_have_factors_and_tell_so(rng):
    graph = Net(rng).between(PASSES["RELU"][0], act=3)
    (group,) = channel_groups(graph)
    assert [value.name for value in group.cut] == ["y0"]
    (plain,) = channel_groups(Net(rng).between(PASSES["RELU"][0]))
    assert plain.cut == []


def test_factors_are_noted_and_read():
    file = EditableFile([Graph("main")])
    assert noted(file) == {}
    exponents = {"a": [0, -64, 64], "é": [1]}
    note(file, exponents)
    (entry,) = file.metadata
    assert entry[0] == KEY == "tfcompress_channel_factors"
    assert json.loads(zlib.decompress(entry[1].tobytes())) == exponents
    assert b" " not in zlib.decompress(entry[1].tobytes())
    assert noted(file) == exponents
    note(file, {"b": [2]})
    assert noted(file) == {"b": [2]}
    file.set_metadata("other", b"x")
    assert noted(file) == {"b": [2]}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"no zlib", {}), (zlib.compress(b"no json"), {}), (zlib.compress(b"[1]"), {}), (zlib.compress(b"3"), {}),
        (zlib.compress(b'{"a": 1, "b": [65], "c": [-65], "d": [0.5], "e": ["1"], "f": [64, -64]}'), {"f": [64, -64]}),
        (zlib.compress(b"[" * 100_000), {}), (zlib.compress(b'{"a": [' + b"1," * 600_000 + b"1]}"), {}),
    ],
    ids=range(7),
)  # fmt: skip
def test_what_anyone_else_wrote_is_left_out(content, found):
    file = EditableFile([Graph("main")])
    file.set_metadata(KEY, content)
    assert noted(file) == found
