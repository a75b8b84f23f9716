"""Kernels that passes write anew: in 8 bits again, in shared scales of clusters, and behind a DECODE op."""

import numpy as np
import pytest

from tests.properties.graphs import constant
from tfcompress.litert.decode.encoding import DECODE, Encoding
from tfcompress.litert.graph import Graph, Op, Quantization, Value
from tfcompress.litert.passes.correct_biases import float_layers
from tfcompress.litert.passes.insert_decode import insert_decode, unpacked_like
from tfcompress.litert.passes.share_cluster_scales import share_cluster_scales
from tfcompress.litert.passes.weights_in_int8 import real_numbers, write_int8
from tfcompress.litert.serialization import options

SHAPES = {"CONV_2D": (4, 3, 3, 2), "DEPTHWISE_CONV_2D": (1, 3, 3, 4), "FULLY_CONNECTED": (4, 6)}
AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4}
FORM = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1, "padding": 1}
FORMS = {"CONV_2D": options("Conv2D", **FORM), "DEPTHWISE_CONV_2D": options("DepthwiseConv2D", **FORM)}
IMAGES = {"CONV_2D": (1, 6, 6, 2), "DEPTHWISE_CONV_2D": (1, 6, 6, 4), "FULLY_CONNECTED": (1, 6)}
STEP = 0.5
"""The scale of what layers read."""


def along(numbers, kind):
    shape = [1] * len(SHAPES[kind])
    shape[AXES[kind]] = -1
    return np.reshape(numbers, shape)


def layer(graph, kind, kernel, name="y", bias=None, dtype="int8", scales=None):
    """A layer on an input of its own; in int8 with a scale for each channel."""
    x, y = graph.add(Value(f"x_{name}", IMAGES[kind], dtype)), graph.add(Value(name, (*IMAGES[kind][:-1], 4), dtype))
    held = kernel if isinstance(kernel, Value) else constant(graph, kernel)
    if dtype == "int8":
        x.quantize("int8", STEP)
        if scales is not None:
            held.quantize("int8", scales, AXES[kind])
    inputs = [x, held, *([] if bias is None else [constant(graph, bias)])]
    return graph.append(Op(kind, inputs, [y], FORMS.get(kind), version=9))


# In 8 bits again


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("apart", [True, False])
def test_weights_in_8_bits_go_by_the_largest(rng, kind, apart):
    weights = rng.normal(size=SHAPES[kind]).astype(np.float32)
    weights[..., :1] *= 3
    others = tuple(place for place in range(weights.ndim) if place != AXES[kind])
    if apart:
        weights *= along([1, 0, 1, 2], kind)
    op = layer(Graph("main"), kind, np.zeros(SHAPES[kind], np.int8), scales=np.ones(4 if apart else 1))
    write_int8(op, weights)
    value = op.inputs[1]
    largest = np.abs(weights).max(axis=others) if apart else np.abs(weights).max(keepdims=True).ravel()
    scales = np.maximum(largest, 1e-9) / 127
    assert (value.dtype, op.version) == ("int8", VERSIONS[kind])
    assert value.data.dtype == np.int8
    assert np.allclose(value.quantization.scales, scales, rtol=1e-6)
    assert value.quantization.axis == (AXES[kind] if apart else 0)
    spread = along(scales, kind) if apart else scales
    assert np.array_equal(value.data, np.clip(np.rint(weights / spread), -127, 127))
    assert np.abs(value.data).max() == 127
    real = real_numbers(value)
    assert real.dtype == np.float32
    assert np.allclose(real, value.data * spread, rtol=1e-6)
    assert np.abs(real - weights).max() <= 0.5001 * scales.max()


def test_two_channels_have_a_scale_each(rng):
    weights = rng.normal(size=(2, 6)).astype(np.float32)
    op = layer(Graph("main"), "FULLY_CONNECTED", np.zeros((2, 6), np.int8), scales=np.ones(2))
    write_int8(op, weights)
    scales = op.inputs[1].quantization.scales
    assert np.allclose(scales, np.abs(weights).max(axis=1) / 127, rtol=1e-6)
    assert np.abs(real_numbers(op.inputs[1]) - weights).max() <= 0.5001 * scales.max()


# Scales of clusters


def pair(rng, kind, *, values=5, factors=(1, 1, 1, 1), bias=True, scales=None, clustered=True):
    """A clustered layer in floats and in int8 by the largest of each channel."""
    table = np.array([-1.0, -0.45, 0.25, 0.7, 1.5, 0.125][:values])
    kernel = rng.choice(table, SHAPES[kind]) if clustered else rng.normal(size=SHAPES[kind])
    np.moveaxis(kernel, AXES[kind], 0)[1].clip(max=0.7, out=np.moveaxis(kernel, AXES[kind], 0)[1])
    kernel = (kernel * along(factors, kind)).astype(np.float32)
    if kind != "FULLY_CONNECTED":
        flat = np.moveaxis(kernel, AXES[kind], 0)
        flat[:, 0, 0] = 0
    numbers = rng.normal(0, 3, 4).astype(np.float32) if bias else None
    before, after = Graph("main"), Graph("main")
    layer(before, kind, kernel, bias=numbers, dtype="float32")
    others = tuple(place for place in range(kernel.ndim) if place != AXES[kind])
    steps = np.abs(kernel).max(axis=others) / 127 if scales is None else scales
    whole = np.clip(np.rint(kernel / along(steps, kind)), -127, 127).astype(np.int8)
    op = layer(after, kind, whole, bias=None if numbers is None else np.zeros(4, np.int32), scales=steps)
    return after, float_layers(before), op, kernel, numbers


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("bias", [True, False])
def test_a_clustered_kernel_has_one_scale_and_as_many_integers_as_values(rng, kind, bias):
    graph, layers, op, kernel, numbers = pair(rng, kind, bias=bias)
    value = op.inputs[1]
    assert share_cluster_scales(graph, layers) == [op]
    scale = np.abs(kernel).max() / 127
    assert np.allclose(value.quantization.scales, [scale] * 4, rtol=1e-6)
    assert value.quantization.scales.dtype == np.float32
    assert (value.quantization.axis, value.dtype) == (AXES[kind], "int8")
    assert np.array_equal(value.data, np.rint(kernel / scale))
    assert len(np.unique(value.data)) == len(np.unique(kernel))
    if bias:
        assert np.array_equal(op.inputs[2].data, np.rint(numbers / (STEP * scale)))


def test_what_a_norm_multiplies_channels_by_is_in_the_scales(rng):
    factors = np.array([1, 0.5, 3, 0.2])
    graph, layers, op, kernel, numbers = pair(rng, "CONV_2D", factors=factors)
    assert share_cluster_scales(graph, layers) == [op]
    found = op.inputs[1].quantization.scales
    assert np.allclose(found / found[0], factors, rtol=1e-4)
    assert len(np.unique(op.inputs[1].data)) <= 6
    assert np.allclose(op.inputs[1].data * along(found, "CONV_2D"), kernel, atol=0.51 * found.max())
    assert np.array_equal(op.inputs[2].data, np.rint(numbers / (STEP * found.astype(np.float64))))


def test_scales_that_are_shared_already_stay(rng):
    graph, layers, op, kernel, _ = pair(rng, "CONV_2D", scales=np.full(4, 1.5 / 127))
    content = op.inputs[1].content
    assert np.abs(kernel).max() == 1.5
    assert share_cluster_scales(graph, layers) == [op]
    assert op.inputs[1].content is content
    assert not op.inputs[2].data.any(), "and the bias stays"


def test_what_is_not_clustered_stays(rng):
    graph, layers, op, *_ = pair(rng, "CONV_2D", clustered=False)
    content = op.inputs[1].content
    assert share_cluster_scales(graph, layers) == []
    assert op.inputs[1].content is content


def test_two_layers_with_one_kernel_are_written_once_with_a_bias_each(rng):
    graph, layers, op, kernel, numbers = pair(rng, "CONV_2D")
    other = layer(graph, "CONV_2D", op.inputs[1], "z", np.zeros(4, np.int32))
    assert share_cluster_scales(graph, layers) == [], "the other op is no float layer"
    layers["z"] = layers["y"]
    assert share_cluster_scales(graph, layers) == [op, other]
    scale = np.abs(kernel).max() / 127
    for each in (op, other):
        assert np.array_equal(each.inputs[2].data, np.rint(numbers / (STEP * scale)))


def joined(*pairs):
    """Several graphs of a layer as one, and the float layers of all."""
    graph, layers = Graph("main"), {}
    for place, (one, known, op, *_) in enumerate(pairs):
        for value in one.values:
            value.name += f"_{place}"
        graph.values += one.values
        graph.ops += one.ops
        graph.inputs += one.inputs
        graph.outputs += one.outputs
        layers[op.name] = next(iter(known.values()))
    return graph, layers


def test_layers_that_stay_keep_none_behind_them_from_shared_scales(rng):
    """One whose kernel another op reads, one that is not clustered, one that has one scale, one of a trained grid."""
    read, plain, shared, last = (
        pair(rng, "CONV_2D"),
        pair(rng, "CONV_2D", clustered=False),
        pair(rng, "CONV_2D", scales=np.full(4, 1.5 / 127)),
        pair(rng, "CONV_2D"),
    )
    trained = pair(rng, "CONV_2D", scales=np.full(4, 0.05))
    graph, layers = joined(read, plain, shared, trained, last)
    other = graph.add(Value("other", (1, 4)))
    graph.append(Op("ABS", [read[2].inputs[1]], [other]))
    before = [each[2].inputs[1].content for each in (read, plain, shared, trained)]
    found = share_cluster_scales(graph, layers)
    assert found == [shared[2], last[2]]
    assert [each[2].inputs[1].content for each in (read, plain, shared, trained)] == before


def test_layers_with_one_bias_get_one_of_each(rng):
    first, second = pair(rng, "CONV_2D"), pair(rng, "CONV_2D", factors=np.array([1, 0.5, 3, 0.2]))
    graph, layers = joined(first, second)
    one, other = first[2], second[2]
    graph.set_input(other, 2, one.inputs[2])
    assert share_cluster_scales(graph, layers) == [one, other]
    for op, numbers in ((one, first[4]), (other, second[4])):
        assert np.array_equal(
            op.inputs[2].data, np.rint(numbers / (STEP * op.inputs[1].quantization.scales.astype(float)))
        )


def test_layers_of_other_forms_stay(rng):
    def changed(change):
        graph, layers, op, *_ = pair(rng, "CONV_2D")
        change(graph, op, layers)
        return share_cluster_scales(graph, layers)

    def one_scale(graph, op, layers):
        op.inputs[1].quantize("int8", 0.1)

    def computed_bias(graph, op, layers):
        graph.set_input(op, 2, graph.add(Value("computed", (4,), "int32")))

    def wide(graph, op, layers):
        op.inputs[0].dtype = "int16"

    def narrow(graph, op, layers):
        op.inputs[1].dtype = "uint8"

    def unquantized(graph, op, layers):
        op.inputs[1].quantization = None

    def no_constant(graph, op, layers):
        op.inputs[1].content = None

    def turned(graph, op, layers):
        op.inputs[1].data = op.inputs[1].data.reshape(4, 2, 3, 3)
        op.inputs[1].quantize("int8", np.full(4, 0.1))

    def unknown(graph, op, layers):
        op.outputs[0].name = "other"

    for change in (one_scale, computed_bias, wide, narrow, unquantized, no_constant, turned, unknown):
        assert changed(change) == [], change.__name__
    assert len(changed(lambda graph, op, layers: None)) == 1


# Behind a DECODE op


def test_each_reader_has_a_decode_of_its_own_and_streams_are_there_once():
    graph = Graph("main")
    x = graph.add(Value("x", (1, 4), "int8"))
    kernel, bias, free = (constant(graph, np.zeros(shape, np.int8)) for shape in ((4, 4), (4,), (4,)))
    results = [graph.add(Value(f"y{place}", (1, 4), "int8")) for place in range(3)]
    ops = [graph.append(Op("FULLY_CONNECTED", [x, kernel, bias], [results[0]])),
           graph.append(Op("FULLY_CONNECTED", [results[0], kernel, None], [results[1]])),
           graph.append(Op("ADD", [results[1], free], [results[2]]))]  # fmt: skip
    graph.inputs, graph.outputs = [x], [results[2]]
    table = np.arange(3, dtype=np.uint8)
    packed = {
        kernel: Encoding("m", np.arange(5, dtype=np.uint8), table),
        bias: Encoding("m", np.ones(2, np.uint8), table),
    }
    insert_decode(graph, packed)
    assert [op.kind for op in graph.ops] == [DECODE, "FULLY_CONNECTED", DECODE, "FULLY_CONNECTED", "ADD"]
    first, second = graph.ops[0], graph.ops[2]
    assert first.is_custom
    assert second.is_custom
    assert [value.content.tolist() for value in first.inputs] == [[0, 1, 2, 3, 4], [0, 1, 2], [1, 1], [0, 1, 2]]
    assert all((value.dtype, value.name, value.shape) == ("uint8", "", (len(value.content),)) for value in first.inputs)
    assert first.inputs[1] is first.inputs[3] is second.inputs[1]
    assert first.inputs[0] is second.inputs[0]
    assert ops[0].inputs == [x, *first.outputs]
    assert ops[1].inputs == [results[0], second.outputs[0], None]
    assert ops[2].inputs == [results[1], free]
    assert [(value.name, value.shape) for value in first.outputs] == [(kernel.name, (4, 4)), (bias.name, (4,))]
    assert kernel not in graph.values
    assert bias not in graph.values
    assert free in graph.values


def test_a_constant_that_an_op_reads_twice_is_unpacked_once():
    graph = Graph("main")
    held, y = constant(graph, np.zeros(4, np.int8)), graph.add(Value("y", (4,), "int8"))
    op = graph.append(Op("ADD", [held, held], [y]))
    graph.outputs = [y]
    insert_decode(graph, {held: Encoding("m", np.zeros(1, np.uint8), np.zeros(1, np.uint8))})
    assert len(graph.ops) == 2
    assert op.inputs[0] is op.inputs[1] is graph.ops[0].outputs[0]


def test_what_decode_writes_has_the_scales_of_the_constant():
    scales, points = np.array([0.5, 0.25], np.float32), np.zeros(2, np.int64)
    value = Value("w", (2, 3), "int4", quantization=Quantization(scales, points, 1))
    made = unpacked_like(value)
    assert (made.name, made.shape, made.dtype, made.content) == ("w", (2, 3), "int8", None)
    assert made.quantization is value.quantization
    one = unpacked_like(Value("w", (2, 3), "int16", quantization=Quantization(scales[:1], points[:1], 1)))
    assert (one.dtype, one.quantization.axis, one.quantization.scales.tolist()) == ("int16", 0, [0.5])
    none = unpacked_like(Value("w", (2, 3), "float32", quantization=Quantization(axis=1)))
    assert none.quantization.axis == 0
    assert unpacked_like(Value("w", (2,), "float32")).quantization is None
