"""Weights of four bits in a graph: which layers have them, on which grid, and that biases stay what they were."""

from dataclasses import replace

import numpy as np
import pytest

from tests.properties.graphs import constant
from tfcompress.int4 import least_error_scales, rounded
from tfcompress.litert.constants import unpacked
from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.passes.correct_biases import float_layers
from tfcompress.litert.passes.round_to_int4 import pack_int4, round_to_int4, use_trained_int4
from tfcompress.litert.serialization import options

IN_STEP, W_STEP = 0.5, 0.25
"""Scales of what every layer reads, and of its weights in int8."""
CONV = options("Conv2D", strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, padding=1)
DEPTHWISE = options("DepthwiseConv2D", strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, padding=1)


def net(rng, kinds, weights=None, bias=True):
    """A chain of layers, each on the result of the one before: float, and as int8 by channel."""
    twins = []
    held = weights or [rng.normal(size=_shape(kind)).astype(np.float32) for kind in kinds]
    biases = [rng.normal(0, 3, 4).astype(np.float32) for _ in kinds]
    for dtype in ("float32", "int8"):
        graph = Graph("main")
        x = first = graph.add(Value("x", (1, 5, 5, 4), dtype))
        for place, kind in enumerate(kinds):
            y = graph.add(Value(f"y{place}", (1, 4) if kind == "FULLY_CONNECTED" else (1, 5, 5, 4), dtype))
            if kind == "RELU":
                graph.append(Op(kind, [x], [y]))
            else:
                form = {"CONV_2D": CONV, "DEPTHWISE_CONV_2D": DEPTHWISE}.get(kind)
                inputs = [x, *_constants(graph, kind, dtype, held[place], biases[place] if bias else None)]
                graph.append(Op(kind, inputs, [y], form))
            x = y
        graph.inputs, graph.outputs = [first], [x]
        for value in graph.values:
            if dtype == "int8" and not value.is_constant:
                value.quantize("int8", IN_STEP)
        twins.append(graph)
    return twins[1], float_layers(twins[0])


def _shape(kind):
    return {"CONV_2D": (4, 3, 3, 4), "DEPTHWISE_CONV_2D": (1, 3, 3, 4)}.get(kind, (4, 4))


def _constants(graph, kind, dtype, weights, bias):
    kernel = constant(
        graph, weights if dtype == "float32" else np.clip(np.rint(weights / W_STEP), -127, 127).astype("int8")
    )
    made = [kernel]
    steps = np.full(1 if kind == "FULLY_CONNECTED" else 4, W_STEP)
    if dtype == "int8":
        kernel.quantize("int8", steps, 3 if kind == "DEPTHWISE_CONV_2D" else 0)
    if bias is not None:
        made.append(constant(graph, bias if dtype == "float32" else np.rint(bias / IN_STEP / W_STEP).astype("int32")))
        if dtype == "int8":
            made[1].quantize("int32", IN_STEP * steps)
    return made


def names(ops):
    return [op.name for op in ops]


CHAIN = ("CONV_2D", "RELU", "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "RELU", "FULLY_CONNECTED")


def test_the_ends_and_depthwise_layers_stay_in_eight_bits(rng):
    assert names(round_to_int4(*net(rng, CHAIN), None)) == ["y2", "y4"]
    graph, layers = net(rng, CHAIN)
    assert names(round_to_int4(graph, layers, lambda op: op.name == "y2")) == ["y0", "y3", "y4", "y6"], "as users say"


def test_every_branch_has_its_first_and_its_last_layer(rng):
    graph, layers = net(rng, ("CONV_2D", "CONV_2D", "CONV_2D"))
    first, second, _ = graph.ops
    graph.set_input(second, 0, graph.inputs[0])  # y0 is an output of its own now, and y1 begins a branch
    graph.outputs.append(first.outputs[0])
    assert names(round_to_int4(graph, layers, None)) == []
    graph.set_input(second, 0, first.outputs[0])
    assert names(round_to_int4(graph, layers, None)) == ["y1"]


@pytest.mark.parametrize("kind", ["CONV_2D", "FULLY_CONNECTED", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize("bias", [True, False])
def test_weights_lie_on_the_grid_of_least_error_and_biases_are_what_they_were(rng, kind, bias):
    graph, layers = net(rng, (kind,), bias=bias)
    (op,) = round_to_int4(graph, layers, lambda op: False)
    axis = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}.get(kind)
    value, right = op.inputs[1], layers["y0"].weights
    scales = least_error_scales(right, () if axis is None else (axis,))
    assert value.dtype == "int8"
    np.testing.assert_array_equal(value.data, rounded(right, scales))
    np.testing.assert_array_equal(value.quantization.scales, scales.ravel())
    assert value.quantization.axis == (axis or 0)
    assert len(op.inputs) == 2 + bias
    if bias:
        steps = IN_STEP * scales.ravel()
        np.testing.assert_allclose(op.inputs[2].data * steps, layers["y0"].bias, atol=0.501 * steps.max())
        np.testing.assert_allclose(op.inputs[2].quantization.scales, steps, rtol=1e-6)
        assert (op.inputs[2].dtype, op.inputs[2].quantization.axis) == ("int32", 0)


def test_packed_weights_are_the_same_numbers_in_half_the_bytes(rng):
    graph, layers = net(rng, ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"))
    ops = round_to_int4(graph, layers, lambda op: False)
    before = [op.inputs[1].data.copy() for op in ops]
    pack_int4(ops)
    for op, numbers in zip(ops, before, strict=True):
        assert op.inputs[1].dtype == "int4"
        assert op.inputs[1].shape == numbers.shape
        assert op.inputs[1].content.size == numbers.size // 2
        np.testing.assert_array_equal(unpacked(op.inputs[1].content, "int4"), numbers.ravel())
    assert [op.version for op in ops] == [7, 6, 10]
    pack_int4(ops)
    assert ops[0].inputs[1].content.size == before[0].size // 2, "packed once"


def test_only_what_training_rounded_is_on_its_grid(rng):
    steps = rng.uniform(0.1, 0.4, (4, 1, 1, 1))
    numbers = rng.integers(-7, 8, (4, 3, 3, 4))
    numbers[..., 0] = 7
    weights = [(numbers * steps).astype(np.float32), rng.normal(size=(4, 3, 3, 4)).astype(np.float32)]
    graph, layers = net(rng, ("CONV_2D", "CONV_2D"), weights)
    other = graph.ops[1].inputs[1].data.copy()
    (op,) = use_trained_int4(graph, layers)
    assert op.name == "y0"
    np.testing.assert_array_equal(op.inputs[1].data, numbers)
    np.testing.assert_allclose(op.inputs[1].quantization.scales, steps.ravel(), rtol=1e-5)
    np.testing.assert_array_equal(graph.ops[1].inputs[1].data, other)


def test_shared_weights_are_rounded_with_all_their_readers_or_not_at_all(rng):
    for kept in (None, "y1"):
        graph, layers = net(rng, ("CONV_2D", "CONV_2D"))
        first, second = graph.ops
        graph.set_input(second, 1, first.inputs[1])
        layers["y1"] = layers["y0"]
        before = first.inputs[1].data.copy()
        found = round_to_int4(graph, layers, lambda op, kept=kept: op.name == kept)
        assert names(found) == ([] if kept else ["y0", "y1"])
        assert np.array_equal(before, first.inputs[1].data) == bool(kept)


@pytest.mark.parametrize("trained", [False, True])
def test_a_bias_of_two_layers_becomes_one_of_each(rng, trained):
    """Their weights have other scales, so that the bias has other steps."""
    numbers = rng.integers(-7, 8, (2, 4, 3, 3, 4))
    numbers[..., 0] = 7
    weights = [(each * step).astype(np.float32) for each, step in zip(numbers, (0.25, 0.5), strict=True)]
    graph, layers = net(rng, ("CONV_2D", "CONV_2D"), weights)
    first, second = graph.ops
    graph.set_input(second, 2, first.inputs[2])
    right = layers["y0"].bias
    layers["y1"] = replace(layers["y1"], bias=right)
    found = use_trained_int4(graph, layers) if trained else round_to_int4(graph, layers, lambda op: False)
    assert names(found) == ["y0", "y1"]
    assert first.inputs[2] is not second.inputs[2]
    for op in (first, second):
        steps = IN_STEP * op.inputs[1].quantization.scales
        np.testing.assert_allclose(op.inputs[2].data * steps, right, atol=0.501 * steps.max())


def test_a_table_of_words_is_the_first_layer_and_a_factor_a_channel_is_none(rng):
    """So that the layer behind the table has four bits, and the one behind the factors has not."""
    for kind in ("GATHER", "MUL"):
        graph, layers = net(rng, ("CONV_2D", "CONV_2D", "CONV_2D"))
        table = constant(graph, rng.integers(-99, 99, (5 if kind == "GATHER" else 1, 4)).astype("int8"))
        y = graph.add(Value("rows", (1, 5, 5, 4), "int8"))
        y.quantize("int8", IN_STEP)
        ids = graph.add(Value("ids", (1, 5, 5), "int32"))
        inputs = [table, ids] if kind == "GATHER" else [graph.inputs[0], table]
        graph.insert(Op(kind, inputs, [y], options("Gather") if kind == "GATHER" else options("Mul")), 0)
        graph.set_input(graph.ops[1], 0, y)
        assert names(round_to_int4(graph, layers, None)) == (["y0", "y1"] if kind == "GATHER" else ["y1"])


def test_what_has_no_kernel_stays(rng):
    def left(change):
        graph, layers = net(rng, ("CONV_2D", "CONV_2D"))
        change(graph, graph.ops[1])
        return names(round_to_int4(graph, layers, lambda op: False))

    def computed(graph, op):
        graph.set_input(op, 2, graph.add(Value("bias", (4,), "int32")))

    def unknown(graph, op):
        op.outputs[0].name = "of no layer"

    def in_int16(graph, op):
        op.inputs[0].dtype = "int16"

    def in_float(graph, op):
        op.inputs[1].dtype = "float32"

    def without_scales(graph, op):
        op.inputs[1].quantization = None

    def one_weight_a_scale(graph, op):
        op.inputs[1].data = op.inputs[1].data[:, :1, :1, :1]

    def variable(graph, op):
        op.inputs[1].content = None

    for change in (computed, unknown, in_int16, in_float, without_scales, one_weight_a_scale, variable):
        assert left(change) == ["y0"], change.__name__
    assert left(lambda graph, op: None) == ["y0", "y1"]
