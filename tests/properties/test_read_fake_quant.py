"""The fake quants of training become ranges that give their very grids, and nothing else changes."""

import numpy as np
import pytest

from tests.properties.graphs import constant, dangling, kinds, run
from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.passes.range_lstm import range_lstm
from tfcompress.litert.passes.read_fake_quant import int8_grid, int16_results, read_fake_quant
from tfcompress.litert.passes.requantize_operands import requantize_operands
from tfcompress.litert.serialization import options


def fake_quant(graph, value, scale, zero_point, dtype="uint8"):
    """The pair of casts that a fake quant is in a float file; returns what readers read."""
    rounded = graph.add(Value(f"{value.name}_rounded", value.shape, dtype))
    rounded.quantize(dtype, scale)
    rounded.quantization.zero_points[:] = zero_point
    result = graph.add(Value(f"{value.name}_fake", value.shape))
    graph.append(Op("QUANTIZE", [value], [rounded]))
    graph.append(Op("DEQUANTIZE", [rounded], [result], version=2))
    return result


def chain(*steps, shape=(1, 4)):
    """x, then ops and fake quants one after the other: "RELU", or (scale, zero point[, type])."""
    graph = Graph("main")
    value = graph.add(Value("x", shape))
    graph.inputs = [value]
    for place, step in enumerate(steps):
        if isinstance(step, str):
            made = graph.add(Value(f"{step}_{place}", shape))
            graph.append(Op(step, [value], [made]))
            value = made
        else:
            value = fake_quant(graph, value, *step)
    graph.outputs = [value]
    return graph


def value_of(graph, name):
    return next(value for value in graph.values if value.name == name)


def test_casts_become_ranges_of_what_they_round():
    graph = chain((0.5, 128), "RELU", (0.25, 0))
    read_fake_quant(graph)
    assert kinds(graph) == ["RELU"]
    assert graph.inputs[0].range == (-64.0, 63.5)
    assert graph.outputs[0] is graph.ops[0].outputs[0]
    assert graph.outputs[0].range == (0.0, 63.75)
    assert dangling(graph) == []


def test_the_range_gives_back_scale_and_zero_point_to_the_last_bit_of_float32(rng):
    exact = 0
    for scale, point in zip(np.float32(10.0 ** rng.uniform(-6, 3, 300)), rng.integers(0, 256, 300), strict=True):
        graph = chain((scale, point), "RELU")
        read_fake_quant(graph)
        found, zero = int8_grid(graph.inputs[0].range)
        assert zero == point - 128
        assert abs(np.float32(found) - scale) <= np.spacing(scale)
        exact += np.float32(found) == scale
    assert exact > 150, "where no two ends in float32 are just so far apart, the next ones serve"


@pytest.mark.parametrize(
    ("scale", "point", "dtype", "steps"),
    [(0.050968997180461884, 220, "uint8", 0), (0.0014516588998958468, 122, "uint8", -1),
     (0.13701863586902618, 244, "uint8", -8), (3.6625020503997803, 208, "uint8", 1),
     (0.0012382998829707503, 237, "uint8", 8), (0.002691172529011965, 244, "uint8", None),
     (0.07792549580335617, 36791, "uint16", -1), (4.63927698135376, 58651, "uint16", 8),
     (0.00010320304136257619, 80, "int8", -1), (7.258297443389893, 31662, "int16", 8)],
)  # fmt: skip
def test_the_upper_end_is_the_next_that_gives_back_the_scale(scale, point, dtype, steps):
    """Up to eight numbers of float32 further up or down; where none does, the end itself."""
    graph, limits = chain((scale, point, dtype), "RELU"), np.iinfo(dtype)
    read_fake_quant(graph)
    low, high = map(np.float32, graph.inputs[0].range)
    end = np.float32((limits.max - point) * scale)
    for _ in range(abs(steps or 0)):
        end = np.nextafter(end, np.float32(np.copysign(np.inf, steps)))
    assert (low, high) == (np.float32((limits.min - point) * scale), end)
    whole = np.float32(int(limits.max) - int(limits.min))
    assert ((high - low) / whole == np.float32(scale)) == (steps is not None)
    assert graph.inputs[0].quantization.bits == limits.bits


def test_casts_that_no_training_has_put_there_stay():
    """Integers that an op reads, that nothing reads, or that other integers are made of."""
    for case in ("read", "unread", "of integers"):
        graph = Graph("main")
        x, y = graph.add(Value("x", (1, 4))), graph.add(Value("y", (1, 4)))
        back = fake_quant(graph, x, 0.5, 128)
        rounded = graph.ops[0].outputs[0]
        if case == "unread":
            graph.remove(graph.ops[1])
        elif case == "read":
            graph.append(Op("RELU", [rounded], [graph.add(Value("z", (1, 4), "uint8"))]))
        else:
            x.dtype = "int8"
        graph.append(Op("ABS", [x if case == "unread" else back], [y]))
        graph.inputs, graph.outputs = [x], [y]
        before = kinds(graph)
        read_fake_quant(graph)
        assert kinds(graph) == before, case


def test_a_value_without_a_fake_quant_has_no_range():
    graph = chain((0.5, 128), "RELU", "ABS", (0.25, 0))
    read_fake_quant(graph)
    assert kinds(graph) == ["RELU", "ABS"]
    assert graph.ops[0].outputs[0].range is None
    assert graph.outputs[0].range is not None


def test_casts_of_the_file_itself_stay():
    graph = chain("RELU", (0.25, 0))
    graph.outputs = [value_of(graph, "RELU_0_rounded")]
    read_fake_quant(graph)
    assert kinds(graph) == ["RELU", "QUANTIZE", "DEQUANTIZE"]


def test_what_is_rounded_twice_is_rounded_twice(rng):
    graph, x = chain((0.25, 100), (0.5, 128)), rng.uniform(-40, 60, (1, 4)).astype(np.float32)
    read_fake_quant(graph)
    assert graph.inputs[0].range == (-25.0, 38.75)
    assert kinds(graph) == ["QUANTIZE", "DEQUANTIZE"]
    assert graph.ops[0].outputs[0].dtype == "int8"
    np.testing.assert_allclose(run(graph, x)[0], np.clip(np.rint(x / 0.5), -128, 127) * 0.5)
    same = chain((0.25, 100), (0.25, 100), "RELU")
    read_fake_quant(same)
    assert kinds(same) == ["RELU"]


def test_a_constant_is_rounded_to_the_grid_of_training(rng):
    numbers = rng.uniform(-2, 3, 4).astype(np.float32)
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 4))), graph.add(Value("y", (1, 4)))
    slopes = fake_quant(graph, constant(graph, numbers), 0.02, 100)
    graph.append(Op("MUL", [x, slopes], [y], options("Mul")))
    graph.inputs, graph.outputs = [x], [y]
    ones = np.ones((1, 4), np.float32)
    read_fake_quant(graph)
    assert kinds(graph) == ["DEQUANTIZE", "MUL"]
    rounded = graph.ops[0].inputs[0]
    assert (rounded.dtype, rounded.zero_point) == ("int8", -28)
    np.testing.assert_allclose(run(graph, ones)[0][0], np.rint(numbers / 0.02) * 0.02, atol=1e-6)


def test_a_constant_is_rounded_with_the_scale_of_each_channel(rng):
    numbers, scales = rng.uniform(-1, 1, (3, 5)).astype(np.float32), np.float32([0.01, 0.02, 0.05])
    graph = Graph("main")
    x, y = graph.add(Value("x", (3, 5))), graph.add(Value("y", (3, 5)))
    weights = fake_quant(graph, constant(graph, numbers), 0.01, 128)
    known = weights.producer.inputs[0].quantization
    known.scales, known.zero_points = scales, np.int64([128, 128, 128])
    graph.append(Op("MUL", [x, weights], [y], options("Mul")))
    graph.inputs, graph.outputs = [x], [y]
    read_fake_quant(graph)
    rounded = graph.ops[0].inputs[0]
    assert list(rounded.quantization.zero_points) == [0, 0, 0]
    np.testing.assert_allclose(rounded.data * scales[:, None], numbers, atol=0.026)
    np.testing.assert_array_equal(rounded.data, np.rint(numbers / scales.astype(float)[:, None]))


@pytest.mark.parametrize(("dtype", "zero_point"), [("uint8", 100), ("int8", -28)])
def test_a_constant_beyond_the_grid_ends_at_its_ends(dtype, zero_point):
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 3))), graph.add(Value("y", (1, 3)))
    held = fake_quant(graph, constant(graph, np.float32([-9, 0.5, 9])), 0.02, zero_point, dtype)
    graph.append(Op("MUL", [x, held], [y], options("Mul")))
    graph.inputs, graph.outputs = [x], [y]
    read_fake_quant(graph)
    assert graph.ops[0].inputs[0].data.tolist() == [-128, -3, 127]
    np.testing.assert_allclose(run(graph, np.ones((1, 3), np.float32))[0], [[-2, 0.5, 3.1]], rtol=1e-5)


def test_a_constant_with_a_scale_for_each_column():
    graph = Graph("main")
    x, y = graph.add(Value("x", (3, 2))), graph.add(Value("y", (3, 2)))
    weights = fake_quant(graph, constant(graph, np.float32([[1, 1], [2, 2], [-3, -3]])), 0.1, 0, "int8")
    known = weights.producer.inputs[0].quantization
    known.scales, known.zero_points, known.axis = np.float32([0.5, 0.25]), np.int64([0, 0]), 1
    graph.append(Op("MUL", [x, weights], [y], options("Mul")))
    graph.inputs, graph.outputs = [x], [y]
    read_fake_quant(graph)
    assert graph.ops[0].inputs[0].data.tolist() == [[2, 4], [4, 8], [-6, -12]]


WIDE = (1e-4, 32768, "uint16")


def test_a_constant_in_sixteen_bits_stays_in_float():
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 3))), graph.add(Value("y", (1, 3)))
    held = constant(graph, np.float32([-9, 0.5, 9]))
    graph.append(Op("MUL", [x, fake_quant(graph, held, *WIDE)], [y], options("Mul")))
    graph.inputs, graph.outputs = [x], [y]
    read_fake_quant(graph)
    assert kinds(graph) == ["MUL"]
    assert graph.ops[0].inputs == [x, held]
    assert held.dtype == "float32"


def test_sixteen_bits_mark_what_is_to_be_in_int16():
    graph = chain((0.5, 128), "MUL", WIDE, "ADD", (0.5, 128), "RELU", (0.5, 128))
    read_fake_quant(graph)
    low, high = value_of(graph, "MUL_1").range
    assert (low, high) == pytest.approx((-3.2768, 3.2767))
    # ADD reads what has 16 bits, and is rounded to int8 behind; RELU reads int8.
    assert int16_results(graph) == {"MUL_1", "ADD_3"}


def test_a_layer_with_weights_reads_int8_whatever_comes_before():
    graph = chain("MUL", WIDE, "CONV_2D", (0.5, 128))
    read_fake_quant(graph)
    assert int16_results(graph) == {"MUL_0"}


def test_a_reshape_without_a_range_goes_with_its_neighbours():
    graph = chain("MUL", WIDE, "RESHAPE", "ADD", (0.5, 128))
    read_fake_quant(graph)
    assert int16_results(graph) == {"MUL_0", "RESHAPE_2", "ADD_3"}
    graph = chain("FULLY_CONNECTED", "RESHAPE", WIDE, "CONV_2D", (0.5, 128))
    read_fake_quant(graph)
    assert int16_results(graph) == {"FULLY_CONNECTED_0", "RESHAPE_1"}
    # Without a range an op that is no copy has no scale in int16: it stays in float, and the proof finds it.
    graph = chain("MUL", WIDE, "ABS", "MUL", WIDE)
    read_fake_quant(graph)
    assert int16_results(graph) == {"MUL_0", "MUL_3"}


def test_of_several_results_those_without_a_range_of_their_own_go_on_in_int16():
    graph = chain("MUL", WIDE)
    whole, parts = graph.outputs[0], [graph.add(Value(f"part_{place}", (1, 2))) for place in range(2)]
    graph.append(Op("UNPACK", [whole], parts))
    ends = [graph.add(Value(f"end_{place}", (1, 2))) for place in range(2)]
    for part, end in zip([fake_quant(graph, parts[0], *WIDE), parts[1]], ends, strict=True):
        graph.append(Op("RESHAPE", [part], [end]))
    graph.outputs = [fake_quant(graph, end, 0.5, 128) for end in ends]
    read_fake_quant(graph)
    assert {"MUL_0", "part_0", "part_1", "end_0", "end_1"} <= int16_results(graph)


def concatenation(ranges, result, *, given=()):
    """Values of some ranges, computed or given, joined to one of the range `result`; each is read by an ABS as well."""
    graph = Graph("main")
    joined = []
    for place, bounds in enumerate(ranges):
        value = graph.add(Value(f"x_{place}", (1, 2)))
        graph.inputs.append(value)
        if place not in given:
            made = graph.add(Value(f"y_{place}", (1, 2)))
            graph.append(Op("ABS", [value], [made]))
            value = made
        if bounds is not None:
            value.range = bounds
        joined.append(value)
    out = graph.add(Value("out", (1, 2 * len(joined))))
    out.range = result
    graph.append(Op("CONCATENATION", joined, [out], options("Concatenation", axis=1)))
    graph.outputs = [out]
    return graph


def test_operands_with_another_range_are_requantized():
    graph = concatenation([(0.0, 2.55), (0.0, 5.1), None], (0.0, 5.1))
    requantize_operands(graph, lambda op: False)
    assert kinds(graph) == ["ABS", "ABS", "ABS", "MUL", "CONCATENATION"]
    first, second, third = graph.ops[-1].inputs
    assert (first.producer.inputs[0].name, second.name, third.name) == ("y_0", "y_1", "y_2")
    assert {value.range for value in (first, second, third)} == {(0.0, 5.1)}
    assert value_of(graph, "y_0").range == (0.0, 2.55)
    assert dangling(graph) == []


def test_what_stands_for_a_requantization_changes_no_number(rng):
    graph, x = concatenation([(0.0, 2.55)], (0.0, 5.1), given=[0]), rng.normal(0, 3, (1, 2)).astype(np.float32)
    requantize_operands(graph, lambda op: False)
    np.testing.assert_allclose(run(graph, x)[0], x, rtol=1e-6)
    assert kinds(graph) == ["MUL", "CONCATENATION"]


def test_two_ops_that_want_one_range_share_the_requantization():
    graph = concatenation([(0.0, 2.0), (0.0, 5.1)], (0.0, 5.1))
    other = graph.add(Value("other", (1, 4)))
    other.range = (0.0, 5.1)
    graph.append(Op("CONCATENATION", list(graph.ops[-1].inputs), [other], options("Concatenation", axis=1)))
    requantize_operands(graph, lambda op: False)
    assert kinds(graph).count("MUL") == 1
    assert dangling(graph) == []


def test_casts_that_training_left_stand_for_a_requantization_too():
    graph = chain("ABS", (0.25, 0), (0.5, 0), "RELU")
    read_fake_quant(graph)
    assert kinds(graph) == ["ABS", "QUANTIZE", "DEQUANTIZE", "RELU"]
    requantize_operands(graph, lambda op: False)
    assert kinds(graph) == ["ABS", "MUL", "RELU"]
    assert [op.outputs[0].range for op in graph.ops] == [(0.0, 63.75), (0.0, 127.5), None]


def test_all_that_read_or_give_out_casts_take_what_stands_for_them():
    """Twice by one op, once by another, and as an output of the model."""
    graph = chain("ABS", (0.25, 0), (0.5, 0))
    twice = graph.outputs[0]
    for number, inputs in enumerate(([twice, twice], [graph.inputs[0], twice])):
        graph.append(Op("ADD", inputs, [graph.add(Value(f"sum_{number}", (1, 4)))], options("Add")))
    graph.outputs += [op.outputs[0] for op in graph.ops[-2:]]
    read_fake_quant(graph)
    requantize_operands(graph, lambda op: False)
    assert kinds(graph) == ["ABS", "MUL", "ADD", "ADD"]
    copy = graph.ops[1].outputs[0]
    assert [op.inputs for op in graph.ops[2:]] == [[copy, copy], [graph.inputs[0], copy]]
    assert graph.outputs == [copy, graph.ops[2].outputs[0], graph.ops[3].outputs[0]]
    assert dangling(graph) == []


def test_what_is_made_in_int16_is_rounded_to_int8_by_casts():
    graph = concatenation([(0.0, 2.0), (0.0, 5.1)], (0.0, 5.1))
    requantize_operands(graph, lambda op: op.kind == "ABS")
    assert kinds(graph) == ["ABS", "ABS", "QUANTIZE", "DEQUANTIZE", "CONCATENATION"]
    rounded, back = graph.ops[2].outputs[0], graph.ops[3].outputs[0]
    assert (rounded.dtype, rounded.scale, rounded.zero_point) == ("int8", pytest.approx(0.02), -128)
    assert (rounded.name[:4], back.name, back.range) == ("y_0_", rounded.name + "_float", (0.0, 5.1))
    assert (graph.ops[2].version, graph.ops[3].version) == (1, 2)
    np.testing.assert_allclose(run(graph, [[1.013, -9.0]], [[2.0, 0.5]])[0], [[1.02, 5.1, 2.0, 0.5]], rtol=1e-5)
    assert len({value.name for value in graph.values}) == len(graph.values)


def test_a_constant_keeps_no_operand_behind_it_from_a_requantization():
    graph = concatenation([(0.0, 2.0), (0.0, 5.1)], (0.0, 5.1))
    held = graph.constant([[1.0, 2.0]], "float32")
    held.range = (0.0, 2.0)
    graph.ops[-1].inputs.insert(0, held)
    graph.ops[-1].inputs.insert(1, None)
    requantize_operands(graph, lambda op: False)
    assert [value and value.name for value in graph.ops[-1].inputs][:2] == [held.name, None]
    assert kinds(graph) == ["ABS", "ABS", "MUL", "CONCATENATION"]


@pytest.mark.parametrize(
    ("given", "dtypes", "found"),
    [([(0.0, 2.0)], ["float32", "float32"], (0.0, 2.0)), ([(0.0, 2.0), (0.0, 2.0)], ["float32"] * 3, (0.0, 2.0)),
     ([(0.0, 2.0), (0.0, 3.0)], ["float32"] * 3, None), ([(0.0, 2.0), None], ["float32"] * 3, None),
     ([None], ["float32"] * 2, None), ([(0.0, 2.0)], ["float32", "int32"], None),
     ([(0.0, 2.0), None], ["float32", "int32", "float32"], (0.0, 2.0))],
)  # fmt: skip
def test_a_result_without_a_range_has_that_of_what_it_is_made_of(given, dtypes, found):
    """Where the op has one scale, and all floats that it reads have one range."""
    graph = Graph("main")
    *read, result = (graph.add(Value(f"v{place}", (1, 2), dtype)) for place, dtype in enumerate(dtypes))
    for value, bounds in zip(read, given, strict=True):
        if bounds:
            value.range = bounds
    graph.inputs, graph.outputs = list(read), [result]
    graph.append(Op("CONCATENATION", [*read, None], [result], options("Concatenation", axis=1)))
    requantize_operands(graph, lambda op: False)
    assert result.range == found
    assert kinds(graph) == ["CONCATENATION"]


def test_what_others_read_or_give_out_has_no_range_of_an_op_behind_it():
    for case in ("alone", "another reads it", "given out", "an input", "an op with a scale of its own"):
        graph = Graph("main")
        x, y, result = (graph.add(Value(name, (1, 2))) for name in ("x", "y", "result"))
        result.range = (0.0, 2.0)
        if case != "an input":
            graph.append(Op("ABS", [x], [y]))
        graph.append(Op("ABS" if case == "an op with a scale of its own" else "RESHAPE", [y], [result]))
        if case == "another reads it":
            graph.append(Op("ABS", [y], [graph.add(Value("z", (1, 2)))]))
        graph.inputs, graph.outputs = [x if case != "an input" else y], [result, *([y] if case == "given out" else [])]
        requantize_operands(graph, lambda op: False)
        assert y.range == ((0.0, 2.0) if case == "alone" else None), case


def test_what_has_the_range_of_the_result_is_not_rounded_again():
    graph = concatenation([(0.0, 5.1), (0.0, 5.1)], (0.0, 5.1))
    requantize_operands(graph, lambda op: False)
    assert kinds(graph) == ["ABS", "ABS", "CONCATENATION"]


def test_an_output_that_is_made_in_another_type_is_rounded_behind_the_op():
    graph = chain((0.5, 128), "ABS", (0.25, 0))
    read_fake_quant(graph)
    requantize_operands(graph, lambda op: op.kind == "ABS")
    assert kinds(graph) == ["ABS", "QUANTIZE", "DEQUANTIZE"]
    assert value_of(graph, "ABS_1").range == graph.outputs[0].range == (0.0, 63.75)
    assert graph.outputs == graph.ops[2].outputs


def test_ops_that_are_apart_are_left_alone():
    graph = concatenation([(0.0, 2.0), (0.0, 5.1)], (0.0, 5.1))
    requantize_operands(graph, lambda op: op.kind == "CONCATENATION")
    assert [value.name for value in graph.ops[2].inputs] == ["y_0", "y_1"]


def test_an_lstm_gets_the_ranges_that_no_fake_quant_reaches():
    graph = Graph("main")
    x, state, cell, result = (graph.add(Value(name, (1, 2))) for name in ("x", "state", "cell", "bi/forward/result"))
    inputs = [x, *[None] * 17, state, cell]
    op = graph.append(Op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [result]))
    range_lstm(graph, lambda name: (-2.0, 3.0))
    assert op.intermediates == [], "without a range of its result it stays in float"
    result.range = (-0.5, 0.9)
    range_lstm(graph, lambda name: {"bi/forward/result": (-2.0, 3.0)}[name])
    assert len(op.intermediates) == 5
    assert {value.shape for value in op.intermediates} == {()}
    assert state.range == op.intermediates[4].range == (-0.5, 0.9)
    assert cell.range == (-2.0, 3.0)


def test_an_lstm_without_a_range_keeps_none_from_the_next():
    graph = Graph("main")
    for number in range(2):
        x, state, cell, result = (graph.add(Value(f"{name}_{number}", (1, 2))) for name in ("x", "state", "cell", "h"))
        graph.append(Op("UNIDIRECTIONAL_SEQUENCE_LSTM", [x, *[None] * 17, state, cell], [result]))
    graph.append(Op("ABS", [graph.values[0]], [graph.add(Value("other", (1, 2)))]))
    for op in graph.ops[1:]:
        op.outputs[0].range = (-1.0, 1.0)
    range_lstm(graph, lambda name: (-2.0, 3.0))
    assert [len(op.intermediates) for op in graph.ops] == [0, 5, 0]
    inner = [value.name for value in graph.ops[1].intermediates]
    assert inner == [f"h_1/intermediate_{number}" for number in range(5)]
    range_lstm(graph, lambda name: (-2.0, 3.0))
    assert [value.name for value in graph.ops[1].intermediates] == inner, "those that are there stay alone"


def test_an_input_that_is_given_out_is_written_by_an_op():
    graph = chain((0.5, 128))
    read_fake_quant(graph)
    assert kinds(graph) == ["QUANTIZE", "DEQUANTIZE"]
    assert graph.ops[0].outputs[0].dtype == "int8"
