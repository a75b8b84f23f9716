"""Bias correction in closed form: what rounded weights add on average is taken out, to a step of the accumulator."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from tests.properties.graphs import constant
from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.passes.correct_biases import correct_biases, float_layers, shift_of, write_bias
from tfcompress.litert.serialization import options

READS = 0.5
"""Scale of what the layers read."""


def layer(kind, weights, image, result, form, bias=None, dtype="float32", reads=READS):
    """A graph of one layer whose weights are float, or integers with scales."""
    graph = Graph("main")
    x, y = graph.add(Value("x", image, dtype)), graph.add(Value("y", result, dtype))
    held = constant(graph, weights)
    op = graph.append(Op(kind, [x, held, *([] if bias is None else [constant(graph, bias)])], [y], form))
    graph.inputs, graph.outputs = [x], [y]
    if dtype != "float32":
        x.quantize(dtype, reads)
    return graph, op


def pair(rng, kind, shape, image, result, form, wide=False, with_bias=True):
    """A float layer, its rounded twin, and what the twin's weights really are."""
    axis = -1 if kind == "DEPTHWISE_CONV_2D" else 0
    weights = rng.normal(size=shape).astype(np.float32)
    channels = shape[axis]
    scales = rng.uniform(0.05, 0.2, channels)
    spread = scales.reshape([-1 if i == axis % len(shape) else 1 for i in range(len(shape))])
    rounded = np.clip(np.rint(weights / spread), -127, 127).astype(np.int8)
    before, _ = layer(kind, weights, image, result, form)
    bias = np.zeros(channels, np.int64 if wide else np.int32) if with_bias else None
    after, op = layer(kind, rounded, image, result, form, bias, "int16" if wide else "int8")
    op.inputs[1].quantize("int8", scales, axis % len(shape))
    return before, after, op, rounded * spread - weights, scales


CONV = options("Conv2D", strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, padding=1)
SAME = options("Conv2D", strideH=1, strideW=1, dilationHFactor=2, dilationWFactor=1, padding=0)
DEPTHWISE = options("DepthwiseConv2D", strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, padding=1)
LAYERS = {
    "dense": ("FULLY_CONNECTED", (3, 5), (1, 5), (1, 3), None),
    "conv": ("CONV_2D", (4, 3, 3, 2), (1, 6, 6, 2), (1, 4, 4, 4), CONV),
    "padded": ("CONV_2D", (4, 3, 3, 2), (1, 8, 5, 2), (1, 8, 5, 4), SAME),
    "grouped": ("CONV_2D", (4, 3, 3, 2), (1, 6, 6, 4), (1, 4, 4, 4), CONV),
    "depthwise": ("DEPTHWISE_CONV_2D", (1, 3, 3, 4), (1, 6, 6, 2), (1, 4, 4, 4), DEPTHWISE),
}


def expected_shift(error, mean, name):
    if name == "dense":
        return error @ mean
    if name == "conv":
        return (error * mean).sum((1, 2, 3))
    if name == "padded":  # of 8 rows, 2 apart, the outer taps miss 2; of 5 columns 1
        taps = np.multiply.outer([6 / 8, 1, 6 / 8], [4 / 5, 1, 4 / 5])
        return (error * taps[np.newaxis, :, :, np.newaxis] * mean).sum((1, 2, 3))
    if name == "grouped":
        return np.array([(error[o] * mean[2 * (o // 2) : 2 * (o // 2) + 2]).sum() for o in range(4)])
    return np.array([error[0, :, :, o].sum() * mean[o // 2] for o in range(4)])


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_the_bias_takes_back_what_rounding_adds(rng, name, with_bias, wide):
    before, after, op, error, scales = pair(rng, *LAYERS[name], wide=wide, with_bias=with_bias)
    mean = rng.normal(0, 100, LAYERS[name][2][-1])
    correct_biases(after, float_layers(before), {"x": mean})
    bias = op.inputs[2]
    assert bias.dtype == ("int64" if wide else "int32")
    real = bias.data * READS * scales
    np.testing.assert_allclose(real, -expected_shift(error, mean, name), atol=0.51 * READS * scales.max())
    if not with_bias:
        assert (bias.name, bias.shape) == ("y_bias", scales.shape)
        np.testing.assert_allclose(bias.quantization.scales, READS * scales, rtol=1e-6)


@pytest.mark.parametrize("size", [1e3, -1e3, 1e12, -1e12])
@pytest.mark.parametrize(("wide", "held"), [(False, [2**31 - 1, -(2**31), 100]), (True, [2**40, -(2**40), 100])])
def test_it_adds_to_the_bias_that_is_there_and_saturates(size, wide, held):
    """Steps and a bias of int32 end at the ends of int32; a bias of int64 has room for more."""
    limits, dtype, found = np.iinfo(np.int32), np.int64 if wide else np.int32, []
    for bias in (held, [0, 0, 0]):
        before, after, op, error, scales = pair(np.random.default_rng(7), *LAYERS["dense"], wide=wide)
        op.inputs[2].data = np.array(bias, dtype)
        correct_biases(after, float_layers(before), {"x": np.full(5, size)})
        found.append(op.inputs[2].data.tolist())
    alone = np.clip(np.rint(-size * error.sum(1) / (READS * scales)), limits.min, limits.max)
    np.testing.assert_allclose(found[1], alone, atol=1)
    sums = np.add(held, found[1], dtype=np.int64)
    assert found[0] == (sums if wide else np.clip(sums, limits.min, limits.max)).tolist()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_a_tap_counts_as_often_as_it_reads_the_image(size, stride, dilation):
    """Against a count by hand of the places of SAME padding, as TensorFlow defines it."""
    places = -(-size // stride)
    form = options("Conv2D", strideH=stride, strideW=1, dilationHFactor=dilation, dilationWFactor=1, padding=0)
    graph, _ = layer("CONV_2D", np.zeros((1, 3, 1, 1), np.float32), (1, size, 4, 1), (1, places, 4, 1), form)
    total = max((places - 1) * stride + 2 * dilation + 1 - size, 0)
    read = [sum(0 <= p * stride - total // 2 + t * dilation < size for p in range(places)) / places for t in range(3)]
    found = float_layers(graph)["y"].taps
    assert found.shape == (1, 3, 1, 1)
    np.testing.assert_allclose(found[0, :, 0, 0], read)


def test_taps_of_both_axes_multiply():
    form = options("Conv2D", strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=2, padding=0)
    graph, _ = layer("CONV_2D", np.zeros((1, 3, 3, 1), np.float32), (1, 2, 4, 1), (1, 2, 4, 1), form)
    rows, columns = [0.5, 1, 0.5], [0.5, 1, 0.5]
    np.testing.assert_allclose(float_layers(graph)["y"].taps[0, :, :, 0], np.multiply.outer(rows, columns))


CASES = [
    "flattened",
    "unknown mean",
    "other name",
    "float",
    "shared bias",
    "other shape",
    "no layer",
    "weights in int4",
    "no scale",
]


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_corrected_stays_and_keeps_nothing_from_the_others(rng, case):
    before, after, op, *_ = pair(rng, *LAYERS["dense"])
    layers, means = float_layers(before), {"x": np.full(5, 1e3)}
    _, other, last, *_ = pair(rng, *LAYERS["dense"])
    layers["last"], last.outputs[0].name = layers["y"], "last"
    alone = copy.deepcopy(last)
    if case == "flattened":
        layers["y"], means["flat"] = replace(layers["y"], reads="flat"), np.full(3, 1e3)
    elif case == "unknown mean":
        layers["y"] = replace(layers["y"], reads="elsewhere")
    elif case == "other name":
        op.outputs[0].name = "z"
    elif case == "float":
        op.inputs[0].dtype = "float32"
    elif case == "shared bias":
        op.inputs[2].readers.append(op)
    elif case == "no layer":
        op.kind = "MUL"
    elif case == "weights in int4":
        op.inputs[1].dtype = "int4"
    elif case == "no scale":
        op.inputs[1].quantization = None
    else:
        op.inputs[1].shape = (5, 3)
    after.ops.append(last)
    correct_biases(after, layers, means)
    assert op.inputs[2].data.tolist() == [0, 0, 0]
    other.ops = [alone]
    correct_biases(other, layers, means)
    assert last.inputs[2].data.tolist() == alone.inputs[2].data.tolist() != [0, 0, 0]


@pytest.mark.parametrize("bias", [None, np.float32([1, 2, 3])])
def test_a_layer_is_its_weights_its_bias_and_what_it_reads(rng, bias):
    weights = rng.normal(size=(3, 5)).astype(np.float32)
    graph, _ = layer("FULLY_CONNECTED", weights, (1, 5), (1, 3), None, bias)
    ((name, found),) = float_layers(graph).items()
    assert (name, found.reads, found.taps) == ("y", "x", None)
    assert found.weights.tolist() == weights.tolist()
    assert (found.bias is None) if bias is None else found.bias.tolist() == [1, 2, 3]


def test_only_ops_with_channels_are_layers():
    factors = np.ones((1, 1, 1, 4), np.float32)
    graph, _ = layer("MUL", factors, (1, 2, 2, 4), (1, 2, 2, 4), options("Mul"))
    assert float_layers(graph) == {}


def test_a_dense_layer_that_flattens_by_itself_stays(rng):
    before, after, op, *_ = pair(rng, *LAYERS["dense"])
    correct_biases(after, float_layers(before), {"x": np.full(3, 1e3)})
    assert op.inputs[2].data.tolist() == [0, 0, 0]


def test_the_shift_of_each_axis(rng):
    error, mean = rng.normal(size=(4, 3, 3, 2)), rng.normal(size=2)
    np.testing.assert_allclose(shift_of(error, mean, 0), (error * mean).sum((1, 2, 3)))
    depthwise = rng.normal(size=(1, 3, 3, 4))
    np.testing.assert_allclose(shift_of(depthwise, mean, -1), depthwise.sum((0, 1, 2)) * np.repeat(mean, 2))


def integer_layer(bias=None, shared=False):
    """A dense layer of two channels with weights in steps of 0.5 and 0.25, an input in steps of READS."""
    graph, op = layer("FULLY_CONNECTED", np.ones((2, 3), np.int8), (1, 3), (1, 2), None, bias, "int8")
    op.inputs[1].quantize("int8", [0.5, 0.25])
    if bias is not None:
        op.inputs[2].quantize("int32", [0.1, 0.2])
    if shared:
        graph.append(Op("FULLY_CONNECTED", [*op.inputs], [graph.add(Value("z", (1, 2), "int8"))]))
    return graph, op


def test_a_bias_is_written_in_the_steps_of_its_weights():
    for held in (None, np.int32([7, 7])):
        graph, op = integer_layer(held)
        write_bias(graph, op, np.float32([1.0, -3.0]))
        bias = op.inputs[2]
        np.testing.assert_array_equal(bias.data, [4, -24])  # in steps of READS * 0.5 and READS * 0.25
        assert (bias.dtype, bias.shape, bias.quantization.scales.tolist()) == ("int32", (2,), [0.25, 0.125])
        assert bias in graph.values
        assert bias.readers == [op]
        assert bias.name == ("y_bias" if held is None else "held_3")


def test_a_bias_from_before_stays_the_same_number():
    graph, op = integer_layer(np.int32([10, -15]))
    write_bias(graph, op, None)
    np.testing.assert_array_equal(op.inputs[2].data, [4, -24])
    graph, op = integer_layer()
    write_bias(graph, op, None)
    assert len(op.inputs) == 2, "no bias, none made"


def test_a_bias_that_others_read_is_copied():
    graph, op = integer_layer(np.int32([10, -15]), shared=True)
    other = graph.ops[1].inputs[2]
    write_bias(graph, op, None)
    assert op.inputs[2] is not other
    assert (op.inputs[2].name, op.inputs[2].shape, other.data.tolist()) == ("y_bias", (2,), [10, -15])
    np.testing.assert_array_equal(op.inputs[2].data, [4, -24])


def test_a_bias_beyond_32_bits_is_clipped_and_not_wrapped():
    graph, op = integer_layer()
    write_bias(graph, op, np.float64([1e12, -1e12]))
    np.testing.assert_array_equal(op.inputs[2].data, [2**31 - 1, -(2**31)])
