"""Ops in int16 compute what they did in float, to the fine steps of int16, and cast at their borders alone."""

from importlib.metadata import version

import numpy as np
import pytest

from tests.properties.graphs import constant, kinds, run, run_each
from tfcompress.errors import ConversionError
from tfcompress.litert.graph import Graph, Op, Quantization, Signature, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.int16_scales import FIXED_SCALE, MAX_INT16, magnitude
from tfcompress.litert.passes.integer_casts import quantize_integers
from tfcompress.litert.passes.quantize_int16 import quantize_int16
from tfcompress.litert.passes.symmetric_operands import symmetric_operands
from tfcompress.litert.passes.tie_ranges import tie_ranges
from tfcompress.litert.serialization import TYPE_CODES, options

EVERY = {"is_meant": lambda op: True}


def dense_and_sum(rng, bias=True):
    """x → FULLY_CONNECTED → h → ADD(h, h) → y, all in float."""
    graph = Graph("main")
    x, h, y = graph.add(Value("x", (1, 6))), graph.add(Value("h", (1, 4))), graph.add(Value("y", (1, 4)))
    weights = constant(graph, rng.normal(size=(4, 6)).astype(np.float32))
    more = [constant(graph, rng.normal(size=4).astype(np.float32))] if bias else []
    graph.append(Op("FULLY_CONNECTED", [x, weights, *more], [h], options("FullyConnected")))
    graph.append(Op("ADD", [h, h], [y], options("Add")))
    graph.inputs, graph.outputs = [x], [y]
    graph.signatures = [Signature("serving_default", [("x", x)], [("y", y)])]
    return graph


def ranges_of(graph, x, names):
    """Ranges of some values, measured one sample at a time."""
    kept = graph.outputs
    graph.outputs = [value for value in graph.values if value.name in names]
    rows = run_each(graph, x[:, np.newaxis, np.newaxis])
    found = {
        v.name: (float(min(r[i].min() for r in rows)), float(max(r[i].max() for r in rows)))
        for i, v in enumerate(graph.outputs)
    }
    graph.outputs = kept
    return found | {"x": (float(x.min()), float(x.max()))}


def decibels(right, found):
    return 10 * np.log10(np.var(right) / np.mean(np.square(np.subtract(found, right))))


@pytest.mark.parametrize("bias", [True, False])
def test_a_float_graph_becomes_int16_inside(rng, bias):
    graph, x = dense_and_sum(rng, bias), rng.normal(size=(40, 6)).astype(np.float32)
    right = np.concatenate([y for (y,) in run_each(graph, x[:, np.newaxis, np.newaxis])])
    quantize_int16(graph, ranges_of(graph, x, {"h", "y"}), **EVERY)
    assert kinds(graph) == ["QUANTIZE", "FULLY_CONNECTED", "ADD", "DEQUANTIZE"]
    assert {op.outputs[0].dtype for op in graph.ops[:3]} == {"int16"}
    assert [graph.ops[place].version for place in (0, 3)] == [
        op_spec(kind).int16_border for kind in ("QUANTIZE", "DEQUANTIZE")
    ]
    found = np.concatenate([y for (y,) in run_each(graph, x[:, np.newaxis, np.newaxis])])
    assert decibels(right, found) > 38, "int8 weights with one scale"
    assert graph.outputs[0].dtype == graph.signatures[0].outputs[0][1].dtype == "float32"
    assert graph.signatures[0].outputs[0][1] is graph.outputs[0]


def test_inputs_and_outputs_become_int16_where_asked(rng):
    graph, x = dense_and_sum(rng), rng.normal(size=(40, 6)).astype(np.float32)
    bounds = ranges_of(graph, x, {"h", "y"})
    quantize_int16(graph, bounds, **EVERY, io=True)
    assert kinds(graph) == ["FULLY_CONNECTED", "ADD"]
    assert [value.dtype for value in (*graph.inputs, *graph.outputs)] == ["int16", "int16"]
    assert graph.inputs[0].scale == pytest.approx(max(map(abs, bounds["x"])) / MAX_INT16)
    assert graph.ops[0].version == 7
    assert graph.ops[1].options.potScaleInt16 is False


def test_only_what_is_meant_changes_and_floats_read_floats(rng):
    graph, x = dense_and_sum(rng), rng.normal(size=(40, 6)).astype(np.float32)
    quantize_int16(graph, ranges_of(graph, x, {"h", "y"}), lambda op: op.kind == "FULLY_CONNECTED")
    assert kinds(graph) == ["QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE", "ADD"]
    add = graph.ops[-1]
    assert add.inputs[0] is add.inputs[1] is graph.ops[2].outputs[0]
    assert add.outputs[0].dtype == "float32"


@pytest.mark.parametrize("requantize", [False, True])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_int8_goes_to_int16_by_way_of_int32_or_at_once(rng, dtype, requantize):
    graph = Graph("main")
    whole, x, y = (graph.add(Value(name, (1, 4))) for name in ("whole", "x", "y"))
    whole.dtype, zero = dtype, 3 if dtype == "int8" else 131
    whole.quantization = Quantization(np.array([0.05], np.float32), np.array([zero], np.int64))
    graph.append(Op("DEQUANTIZE", [whole], [x], version=2))
    graph.append(Op("MUL", [x, x], [y], options("Mul")))
    graph.inputs, graph.outputs = [whole], [y]
    given = rng.integers(-100, 100, (1, 4)) + (128 if dtype == "uint8" else 0)
    right = run(graph, given)[0]
    quantize_int16(graph, {"y": (0.0, 50.0)}, **EVERY, requantize=requantize)
    assert kinds(graph) == [*([] if requantize else ["CAST"]), "QUANTIZE", "MUL", "DEQUANTIZE"]
    if not requantize:
        (cast,) = (op for op in graph.ops if op.kind == "CAST")
        wide = cast.outputs[0]
        assert (wide.dtype, wide.name, wide.scale, wide.zero_point) == ("int32", "whole_int32", whole.scale, zero)
        assert (cast.options.inDataType, cast.options.outDataType) == (TYPE_CODES[dtype], TYPE_CODES["int32"])
        assert cast.version == op_spec("CAST").int16_border
    read = next(op for op in graph.ops if op.kind == "QUANTIZE").outputs[0]
    limits = np.iinfo(dtype)
    assert read.scale == pytest.approx(0.05 * max(limits.max - zero, zero - limits.min) / MAX_INT16, rel=1e-5)
    young = tuple(map(int, version("ai-edge-litert").split(".")[:3])) >= (2, 1, 3)  # older ones refuse it at once
    if not requantize or (dtype == "int8" and young):
        np.testing.assert_allclose(run(graph, given)[0], right, atol=0.005)


def test_shared_and_fixed_scales(rng):
    """A concatenation has one scale with what it joins; a sigmoid's is fixed."""
    graph = Graph("main")
    a, b = graph.add(Value("a", (1, 2))), graph.add(Value("b", (1, 2)))
    joined, gate = graph.add(Value("joined", (1, 4))), graph.add(Value("gate", (1, 4)))
    graph.append(Op("CONCATENATION", [a, b], [joined], options("Concatenation", axis=1)))
    graph.append(Op("LOGISTIC", [joined], [gate]))
    graph.inputs, graph.outputs = [a, b], [gate]
    bounds = {"a": (-1.0, 2.0), "b": (-8.0, 3.0), "joined": (-7.0, 3.0), "gate": (0.0, 1.0)}
    quantize_int16(graph, bounds, **EVERY)
    read = [op.outputs[0] for op in graph.ops if op.kind == "QUANTIZE"]
    assert len(read) == 2
    assert all(value.scale == pytest.approx(8 / MAX_INT16) for value in (joined, *read))
    assert gate.scale == pytest.approx(FIXED_SCALE)


@pytest.mark.parametrize("io", [False, True])
def test_a_missing_range_is_an_error_that_names_the_layer(rng, io):
    graph, x = dense_and_sum(rng), rng.normal(size=(40, 6)).astype(np.float32)
    known = ranges_of(graph, x, {"h", "y"})
    for missing in ("x", "h", "y"):
        ranges = {name: bounds for name, bounds in known.items() if name != missing}
        with pytest.raises(ConversionError, match=f"must have a range.*none for the layer of {missing}"):
            quantize_int16(dense_and_sum(rng), ranges, **EVERY, io=io, layer=lambda name: f"the layer of {name}")


def test_what_shares_a_scale_needs_no_range_of_its_own():
    graph, ranges = joined(boxes=5.0)
    del ranges["x"]
    quantize_int16(graph, ranges, **EVERY)
    read = next(op for op in graph.ops if op.kind == "CONCATENATION").inputs[0]
    assert read.scale == pytest.approx(5 / MAX_INT16)


def test_a_constant_operand_is_stored_in_int16():
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 3))), graph.add(Value("y", (1, 3)))
    graph.append(Op("MUL", [x, constant(graph, np.array([1.0, -4.0, 0.5], np.float32))], [y], options("Mul")))
    graph.inputs, graph.outputs = [x], [y]
    quantize_int16(graph, {"x": (-2.0, 2.0), "y": (-8.0, 8.0)}, **EVERY)
    held = next(op for op in graph.ops if op.kind == "MUL").inputs[1]
    np.testing.assert_allclose(held.data * held.scale, [1.0, -4.0, 0.5], atol=1e-3)
    assert held.data.dtype == np.int16
    np.testing.assert_allclose(run(graph, [[1.0, 1.5, -2.0]])[0], [[1.0, -6.0, -1.0]], atol=1e-3)


def test_a_constant_that_training_rounded_keeps_its_numbers():
    """Of int8 with a zero point, behind a DEQUANTIZE."""
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 3))), graph.add(Value("y", (1, 3)))
    held, floats = constant(graph, np.int8([[-100, 5, 50]])), graph.add(Value("floats", (1, 3)))
    held.quantization = Quantization(np.array([0.02], np.float32), np.array([5], np.int64))
    graph.append(Op("DEQUANTIZE", [held], [floats], version=2))
    graph.append(Op("MUL", [x, floats], [y], options("Mul")))
    graph.inputs, graph.outputs = [x], [y]
    quantize_int16(graph, {"x": (-2.0, 2.0), "y": (-8.0, 8.0)}, **EVERY)
    assert kinds(graph) == ["QUANTIZE", "MUL", "DEQUANTIZE"]
    np.testing.assert_allclose(run(graph, [[1.0, 1.5, -2.0]])[0], [[-2.1, 0.0, -1.8]], atol=1e-3)


def test_an_operand_in_two_scales_has_a_copy_of_each():
    """Read by two concatenations of other ranges."""
    graph = Graph("main")
    x, a, b = (graph.add(Value(name, (1, 2))) for name in "xab")
    results = [graph.add(Value(name, (1, 4))) for name in ("first", "second", "third")]
    for other, result in zip((a, b, b), results, strict=True):
        graph.append(Op("CONCATENATION", [x, other], [result], options("Concatenation", axis=1)))
    graph.inputs, graph.outputs = [x, a, b], results
    bounds = {"x": (-1.0, 1.0), "a": (-8.0, 8.0), "b": (-90.0, 90.0)}
    bounds |= {"first": (-8.0, 8.0), "second": (-90.0, 90.0), "third": (-90.0, 90.0)}
    quantize_int16(graph, bounds, **EVERY)
    read = [op.inputs[0] for op in graph.ops if op.kind == "CONCATENATION"]
    names = [value.name for value in read]
    assert len({*names}) == len({*map(id, read)}), "each copy has a name of its own"
    given = [[[0.5, -1.0]], [[8.0, 1.0]], [[90.0, 3.0]]]
    found = run(graph, *given)
    for one, other in zip(found, given[1:] + given[2:], strict=True):
        np.testing.assert_allclose(one, [[0.5, -1.0, *other[0]]], atol=2e-3)


@pytest.mark.parametrize(
    ("kind", "shape", "axis"), [("CONV_2D", (5, 1, 1, 3), 0), ("DEPTHWISE_CONV_2D", (1, 1, 1, 3), 3)]
)
def test_convolutions_have_a_scale_for_each_channel_and_one_kernel_for_all_who_share_it(rng, kind, shape, axis):
    graph = Graph("main")
    channels = shape[axis]
    x = graph.add(Value("x", (1, 4, 4, 3)))
    kernel = constant(graph, rng.normal(size=shape).astype(np.float32) * 3)
    bias = constant(graph, rng.normal(size=channels).astype(np.float32))
    form = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    settings = options("Conv2D", **form) if axis == 0 else options("DepthwiseConv2D", depthMultiplier=1, **form)
    results = [graph.add(Value(name, (1, 4, 4, channels))) for name in ("y", "z")]
    for result in results:
        graph.append(Op(kind, [x, kernel, bias], [result], settings))
    graph.inputs, graph.outputs = [x], results
    given = rng.normal(size=(1, 4, 4, 3)).astype(np.float32)
    right = run(graph, given)
    quantize_int16(graph, {name: (-30.0, 30.0) for name in "xyz"}, **EVERY)
    first, second = (op for op in graph.ops if op.kind == kind)
    assert first.inputs[1] is second.inputs[1]
    assert first.inputs[2] is second.inputs[2]
    weights, held = first.inputs[1], first.inputs[2]
    assert (weights.dtype, held.dtype, weights.quantization.axis) == ("int8", "int64", axis)
    assert (
        np.abs(weights.data).reshape(np.prod(shape[:axis], dtype=int), channels, -1).max((0, 2)).tolist()
        == [127] * channels
    )
    others = tuple(place for place in range(4) if place != axis)
    np.testing.assert_allclose(weights.quantization.scales, np.abs(kernel.data).max(others) / 127, rtol=1e-6)
    np.testing.assert_allclose(held.quantization.scales, weights.quantization.scales * first.inputs[0].scale, rtol=1e-6)
    for one, other in zip(run(graph, given), right, strict=True):
        np.testing.assert_allclose(one, other, atol=0.15)


def test_a_bias_far_above_its_kernel_still_fits_into_int32():
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 2))), graph.add(Value("y", (1, 1)))
    weights, bias = (constant(graph, np.array(v, np.float32)) for v in ([[0.0, 0.0]], [5.0]))
    graph.append(Op("FULLY_CONNECTED", [x, weights, bias], [y], options("FullyConnected")))
    graph.inputs, graph.outputs = [x], [y]
    quantize_int16(graph, {"x": (-1.0, 1.0), "y": (0.0, 6.0)}, **EVERY)
    assert abs(int(next(op for op in graph.ops if op.kind == "FULLY_CONNECTED").inputs[2].data[0])) <= 2**31
    np.testing.assert_allclose(run(graph, [[1.0, -1.0]])[0], [[5.0]], atol=0.01)


def test_ops_without_an_int16_kernel_stay():
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 2))), graph.add(Value("y", (1, 2)))
    graph.append(Op("FLOOR", [x], [y]))
    graph.inputs, graph.outputs = [x], [y]
    quantize_int16(graph, {}, **EVERY)
    assert kinds(graph) == ["FLOOR"]
    assert y.dtype == "float32"


def with_range(graph, name, low, high, shape=(1, 2)):
    value = graph.add(Value(name, shape))
    value.range = (low, high)
    return value


def test_a_minimum_has_one_range_with_what_it_is_taken_of_and_passes_it_on():
    graph = Graph("main")
    x, y, low, wide = (
        with_range(graph, n, *r) for n, r in {"x": (-1, 5), "y": (-4, 2), "low": (-4, 2), "wide": (-4, 9)}.items()
    )
    other = with_range(graph, "other", -9, 9)
    graph.append(Op("MINIMUM", [x, y], [low]))
    graph.append(Op("ADD", [low, other], [wide]))
    tie_ranges(graph)
    assert {value.range for value in (x, y, low)} == {(-4, 5)}
    assert (wide.range, other.range) == ((-4, 9), (-9, 9))


def test_what_only_copies_keeps_its_own_range_unless_it_meets_one_that_is_tied():
    graph = Graph("main")
    x, y, low, flat = (
        with_range(graph, n, *r) for n, r in {"x": (-1, 5), "y": (-4, 2), "low": (-4, 2), "flat": (-3, 2)}.items()
    )
    alone, copied = with_range(graph, "alone", -1, 1), with_range(graph, "copied", 0, 1)
    graph.append(Op("MAXIMUM", [x, y], [low]))
    graph.append(Op("RESHAPE", [low, None], [flat]))
    graph.append(Op("RESHAPE", [alone, None], [copied]))
    tie_ranges(graph)
    assert flat.range == x.range == (-4, 5)
    assert (alone.range, copied.range) == ((-1, 1), (0, 1))


def test_an_lstm_has_one_range_for_result_and_state_and_a_floor_under_its_cell():
    graph = Graph("main")
    result, state, cell = (
        with_range(graph, "result", -0.5, 0.6),
        with_range(graph, "state", 0, 0),
        with_range(graph, "cell", -0.1, 2),
    )
    inner = [with_range(graph, f"inner_{i}", 0, 0) for i in range(5)]
    inputs = [None] * 24
    inputs[18], inputs[19] = state, cell
    op = graph.append(Op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [result]))
    op.intermediates = inner
    tie_ranges(graph)
    assert result.range == state.range == inner[4].range == (-0.5, 0.6)
    assert cell.range == (-0.75, 2)


def test_the_right_operand_of_a_product_is_symmetric_back_to_where_it_is_computed():
    graph = Graph("main")
    x, source, y = with_range(graph, "x", -1, 5), with_range(graph, "source", -2, 6), with_range(graph, "y", -1, 5)
    left, result = with_range(graph, "left", -1, 3), with_range(graph, "result", -9, 1)
    graph.append(Op("MUL", [x, x], [source]))
    graph.append(Op("TRANSPOSE", [source, None], [y]))
    graph.append(Op("BATCH_MATMUL", [left, y], [result]))
    symmetric_operands(graph, lambda op: True)
    assert y.range == (-1, 5)
    symmetric_operands(graph, lambda op: False)
    assert y.range == source.range == (-6 * 128 / 127, 6)
    assert (x.range, left.range, result.range) == ((-1, 5), (-1, 3), (-9, 1))


def joined(kind="CONCATENATION", *, boxes=500.0, gate="LOGISTIC", reader=False):
    """Boxes and the result of a gate in one op that copies both; the gate read alone where asked."""
    graph = Graph("main")
    x, logits = graph.add(Value("x", (1, 4))), graph.add(Value("logits", (1, 4)))
    score, both = (
        graph.add(Value("score", (1, 4))),
        graph.add(Value("both", (1, 8) if kind == "CONCATENATION" else (1, 4))),
    )
    graph.append(Op(gate, [logits], [score]))
    graph.append(
        Op(
            kind,
            [x, score],
            [both],
            options("Concatenation", axis=1) if kind == "CONCATENATION" else options("MaximumMinimum"),
        )
    )
    graph.inputs, graph.outputs = [x, logits], [both]
    if reader:
        alone = graph.add(Value("alone", (1, 4)))
        graph.append(Op("MUL", [score, score], [alone], options("Mul")))
        graph.outputs.append(alone)
    ranges = {
        "x": (-boxes, boxes),
        "logits": (-8.0, 8.0),
        "score": (0.0, 1.0),
        "both": (-boxes, boxes),
        "alone": (0.0, 1.0),
    }
    return graph, ranges


@pytest.mark.parametrize("kind", ["CONCATENATION", "MAXIMUM"])
@pytest.mark.parametrize("boxes", [500.0, 3.0])
def test_a_fixed_scale_is_requantized_where_wider_values_join_it(rng, kind, boxes):
    graph, ranges = joined(kind, boxes=boxes, reader=True)
    rows = [(rng.uniform(-boxes, boxes, (1, 4)), rng.uniform(-8, 8, (1, 4))) for _ in range(40)]
    right = [np.concatenate([y.reshape(-1) for y in outputs]) for outputs in run_each(graph, rows)]
    quantize_int16(graph, ranges, **EVERY)
    assert "QUANTIZE" in kinds(graph)[kinds(graph).index("LOGISTIC") :]
    found = [np.concatenate([y.reshape(-1) for y in outputs]) for outputs in run_each(graph, rows)]
    size = 8 if kind == "CONCATENATION" else 4
    assert decibels(np.array(right)[:, :size], np.array(found)[:, :size]) > 75
    assert decibels(np.array(right)[:, size:], np.array(found)[:, size:]) > 75, "who reads the score alone"


def test_a_fixed_scale_serves_a_group_within_one():
    graph, ranges = joined(boxes=0.9)
    quantize_int16(graph, ranges, **EVERY)
    assert kinds(graph) == ["QUANTIZE", "LOGISTIC", "QUANTIZE", "CONCATENATION", "DEQUANTIZE"]
    assert graph.ops[3].outputs[0].scale == pytest.approx(FIXED_SCALE)


@pytest.mark.parametrize("guard", [1e6, 1e12])
@pytest.mark.parametrize("kind", ["MINIMUM", "MAXIMUM"])
def test_a_guard_takes_no_steps_from_what_it_guards(rng, kind, guard):
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 8))), graph.add(Value("y", (1, 8)))
    limit = constant(graph, np.array(guard if kind == "MINIMUM" else -guard, np.float32))
    graph.append(Op(kind, [x, limit], [y], options("MaximumMinimum")))
    graph.inputs, graph.outputs = [x], [y]
    quantize_int16(graph, {"x": (-2.0, 2.0), "y": (-2.0, 2.0)}, **EVERY)
    given = rng.uniform(-2, 2, (1, 8))
    np.testing.assert_allclose(run(graph, given)[0], given, atol=1e-4)


def test_a_value_that_joins_a_far_wider_one_keeps_its_steps_for_the_others():
    graph = Graph("main")
    wide, fine, both, alone = (
        graph.add(Value(n, (1, s))) for n, s in (("wide", 2), ("fine", 2), ("both", 4), ("alone", 2))
    )
    made = graph.add(Value("made", (1, 2)))
    graph.append(Op("ADD", [fine, fine], [made], options("Add")))
    graph.append(Op("CONCATENATION", [wide, made], [both], options("Concatenation", axis=1)))
    graph.append(Op("MUL", [made, made], [alone], options("Mul")))
    graph.inputs, graph.outputs = [wide, fine], [both, alone]
    ranges = {"wide": (-900, 900), "fine": (-0.05, 0.05), "made": (-0.1, 0.1), "both": (-900, 900), "alone": (0, 0.01)}
    quantize_int16(graph, ranges, **EVERY)
    both_found, alone_found = run(graph, [[900.0, -450.0]], [[0.03, -0.01]])
    np.testing.assert_allclose(both_found, [[900, -450, 0.06, -0.02]], atol=0.03)
    np.testing.assert_allclose(alone_found, [[0.0036, 0.0004]], atol=2e-6)


@pytest.mark.parametrize("kind", ["EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"])
def test_comparisons_are_made_in_one_scale(kind):
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 7))), graph.add(Value("y", (1, 7)))
    mask = graph.add(Value("mask", (1, 7), "bool"))
    graph.append(Op(kind, [x, y], [mask], options("".join(part.title() for part in kind.split("_")))))
    graph.inputs, graph.outputs = [x, y], [mask]
    given = [[1.0, -3.0, 0.5, 2.0, 0.0, 3.0, -3.0]], [[1.5, -30.0, 0.25, 2.5, 0.0, 30.0, -3.1]]
    right = run(graph, *given)[0]
    quantize_int16(graph, {"x": (-3.0, 3.0), "y": (-30.0, 30.0)}, **EVERY)
    assert kinds(graph)[-3:] == ["CAST", "CAST", kind]
    assert np.array_equal(run(graph, *given)[0], right)


def test_places_that_the_model_gives_out_as_floats_become_int16():
    graph = Graph("main")
    x, places, floats = (
        graph.add(Value("x", (1, 9))),
        graph.add(Value("places", (1,), "int32")),
        graph.add(Value("y", (1,))),
    )
    axis = constant(graph, np.array(1, np.int32))
    graph.append(Op("ARG_MAX", [x, axis], [places], options("ArgMax", outputType=2)))
    graph.append(Op("CAST", [places], [floats], options("Cast", inDataType=2, outDataType=0)))
    graph.inputs, graph.outputs = [x], [floats]
    graph.signatures = [Signature("serving_default", [("x", x)], [("y", floats)])]
    quantize_int16(graph, {"x": (-1.0, 1.0), "y": (0.0, 8.0)}, **EVERY, io=True)
    quantize_integers(graph)
    assert kinds(graph) == ["CAST", "ARG_MAX", "CAST", "QUANTIZE"]
    (found,) = run(graph, [[0, 3, -5, 900, 2, 1, 4, 5, 6]])
    assert found[0] * graph.outputs[0].scale == pytest.approx(3, abs=1e-3)


def test_every_float_output_becomes_int16_whatever_stands_beside_it(rng):
    """An output in int16 already, one of integers, an input that is given out, then two of ops in float."""
    graph = Graph("main")
    x, inside, places = graph.add(Value("x", (1, 3))), graph.add(Value("inside", (1, 3))), Value("p", (1,), "int32")
    first, second = graph.add(Value("first", (1, 3))), graph.add(Value("second", (1, 3)))
    graph.append(Op("MUL", [x, x], [inside], options("Mul")))
    axis = constant(graph, np.array(1, np.int32))
    graph.append(Op("ARG_MAX", [inside, axis], [graph.add(places)], options("ArgMax", outputType=2)))
    for result in (first, second):
        graph.append(Op("FLOOR", [x], [result]))
    graph.inputs, graph.outputs = [x], [inside, places, x, first, second]
    quantize_int16(graph, dict.fromkeys(("x", "inside", "first", "second"), (-9.0, 9.0)), **EVERY, io=True)
    assert [value.dtype for value in graph.outputs] == ["int16", "int32", "int16", "int16", "int16"]
    assert [value.name for value in graph.outputs[3:]] == ["first_int16", "second_int16"]
    last = [op for op in graph.ops if op.kind == "QUANTIZE"]
    assert {op.version for op in last} == {op_spec("QUANTIZE").int16_border}


def test_inputs_and_outputs_of_ops_in_float_are_int16_at_the_border(rng):
    graph, x = dense_and_sum(rng), rng.normal(size=(40, 6)).astype(np.float32)
    right, bounds = run(graph, x[:1])[0], ranges_of(graph, x, {"h", "y"})
    quantize_int16(graph, bounds, lambda op: False, io=True)
    assert kinds(graph) == ["DEQUANTIZE", "FULLY_CONNECTED", "ADD", "QUANTIZE"]
    assert [value.dtype for value in (*graph.inputs, *graph.outputs)] == ["int16", "int16"]
    (found,) = run(graph, np.rint(x[:1] / graph.inputs[0].scale))
    np.testing.assert_allclose(found * graph.outputs[0].scale, right, atol=2e-3)


def test_the_largest_magnitude_is_measured_stored_or_what_integers_can_hold():
    graph = Graph("main")
    x, made, read, alone = (graph.add(Value(name, (1, 2))) for name in ("x", "made", "read", "alone"))
    whole, rounded = graph.add(Value("whole", (1, 2), "int8")), graph.add(Value("rounded", (1, 2), "uint8"))
    for value, scale, zero in ((whole, 0.5, -28), (rounded, 0.25, 100)):
        value.quantization = Quantization(np.float32([scale]), np.int64([zero]))
    graph.append(Op("DEQUANTIZE", [whole], [made], version=2))
    graph.append(Op("ABS", [x], [read]))
    graph.append(Op("QUANTIZE", [read], [rounded], version=2))
    ranges = {"x": (-3.0, 2.0)}
    assert magnitude(x, ranges) == 3
    assert magnitude(constant(graph, np.float32([1, -7])), ranges) == 7
    assert magnitude(made, ranges) == 0.5 * (127 + 28)
    assert magnitude(read, ranges) == 0.25 * (255 - 100)
    assert magnitude(alone, ranges) is None
    assert magnitude(made, {"made": (-1.0, 9.0)}) == 9, "what was measured goes before what could be"
