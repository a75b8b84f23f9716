"""What is narrow keeps its own range beside what is wide, and ops that int8 cannot do are found."""

import numpy as np
import pytest

from tests.properties.graphs import constant, graph_of, kinds, run
from tfcompress.litert.graph import Graph, Op, Quantization, Value
from tfcompress.litert.passes.beyond_int8 import beyond_int8, free_scales, read_directly, sqnr, with_arithmetic
from tfcompress.litert.passes.bypass_int8 import bypass_int8
from tfcompress.litert.passes.quantize_int16 import quantize_int16
from tfcompress.litert.passes.requantize_narrow import (
    EPSILON,
    drop_shields,
    requantize_narrow,
    shield_scales,
)
from tfcompress.litert.passes.tie_ranges import tie_ranges
from tfcompress.litert.serialization import options


def chosen(wide=100.0, readers=1):
    """SELECT_V2(c, x, wide y), and x read by others."""
    graph = Graph("main")
    where = graph.add(Value("where", (1, 2), "bool"))
    x, y, result = (graph.add(Value(name, (1, 2))) for name in ("x", "y", "result"))
    x.range, y.range, result.range = (-1.0, 1.0), (-wide, wide), (-wide, wide)
    graph.append(Op("SELECT_V2", [where, x, y], [result], options("SelectV2")))
    for number in range(readers):
        made = graph.add(Value(f"made_{number}", (1, 2)))
        made.range = (0.0, 1.0)
        graph.append(Op("MUL", [x, x], [made], options("Mul")))
    graph.inputs, graph.outputs = [where, x, y], [result]
    return graph, x


def test_a_narrow_input_that_others_read_is_copied_into_the_wide_range():
    graph, x = chosen()
    requantize_narrow(graph, lambda op: False)
    assert kinds(graph) == ["MUL", "SELECT_V2", "MUL"]
    copy = graph.ops[1].inputs[1]
    assert copy.producer is graph.ops[0]
    assert copy.range == (-100.0, 100.0)
    tie_ranges(graph)
    assert x.range == (-1.0, 1.0)
    assert graph.ops[0].inputs[0] is x


def joined(kind, *ranges, result=None, given_out=(), readers=1):
    """An op that joins values of some ranges, each of which others read as well, behind one that is apart."""
    graph = Graph("main")
    values = [graph.add(Value(f"x{place}", (1, 2))) for place in range(len(ranges))]
    for value, bounds in zip(values, ranges, strict=True):
        value.range = bounds
    for name in ("apart", "y"):
        out = graph.add(Value(name, (1, 2 * len(values))))
        out.range = result or (min(low for low, _ in ranges), max(high for _, high in ranges))
        graph.append(Op(kind, list(values), [out], options("Concatenation", axis=1)))
    if not readers:
        graph.remove(graph.ops[0])
    graph.inputs, graph.outputs = values, [*(values[place] for place in given_out), graph.ops[-1].outputs[0]]
    return graph


@pytest.mark.parametrize(
    ("kind", "ranges", "result", "given_out", "readers", "copied"),
    [
        ("CONCATENATION", [(-1, 1), (-8, 8)], None, (), 1, []),  # eight times as wide: half a bit for three
        ("CONCATENATION", [(-1, 1), (-8.1, 8)], None, (), 1, [0]),
        ("MAXIMUM", [(-1, 1), (-2, 2)], None, (), 1, []),  # where most may be of the narrow one, twice is much
        ("MAXIMUM", [(-1, 1), (-2, 2.1)], None, (), 1, [0]),
        ("CONCATENATION", [(-1, 1), (-50, 50), (0, 2)], None, (), 1, [0, 2]),
        ("CONCATENATION", [(-1, 1), (-50, 50), (0, 2)], None, (), 0, []),
        ("CONCATENATION", [(-1, 1), (-50, 50), (0, 2)], None, (2,), 0, [2]),
        ("CONCATENATION", [(-1, 1), (-102, 102)], None, (), 0, [0]),
        ("CONCATENATION", [(-1, 1), (-1, 1)], (-9, 9), (), 1, [0, 1]),
        ("CONCATENATION", [(-1, 1), (5, 30)], (6, 29), (), 1, [0]),
    ],
)
def test_an_input_is_copied_where_the_result_is_many_times_as_wide(kind, ranges, result, given_out, readers, copied):
    graph = joined(kind, *ranges, result=result, given_out=given_out, readers=readers)
    values, reader = list(graph.inputs), graph.ops[-1]
    requantize_narrow(graph, lambda op: op.name == "apart")
    assert [place for place, value in enumerate(reader.inputs) if value is not values[place]] == copied
    every = [*ranges, result or ranges[0]]
    whole = (min(low for low, _ in every), max(high for _, high in every))
    assert all(reader.inputs[place].range == whole for place in copied)
    assert all(value.range == bounds for value, bounds in zip(values, ranges, strict=True))
    products = [reader.inputs[place].producer for place in copied]
    assert all(type(product.options).__name__ == "MulOptionsT" for product in products)
    factors = [product.inputs[1] for product in products]
    assert [(factor.dtype, factor.data.item()) for factor in factors] == [
        ("float32", np.float32(1 + (number + 1) * EPSILON)) for number in range(len(copied))
    ], "each its own: products that are alike would become one"
    if readers:
        assert graph.ops[0].inputs == values or graph.ops[len(copied)].inputs == values, "what is apart stays"


def test_constants_and_what_is_no_float_are_not_copied():
    graph = joined("CONCATENATION", (-1, 1), (-50, 50), (-1, 1), (-1, 1), (-1, 1))
    reader, values = graph.ops[-1], list(graph.inputs)
    values[0].dtype = "int8"
    values[2].data = np.zeros((1, 2), np.float32)
    values[2].range = (-1, 1)
    values[3].range = None
    reader.inputs.insert(0, None)
    requantize_narrow(graph, lambda op: op.name == "apart")
    assert reader.inputs[1:5] == values[:4]
    assert reader.inputs[5] is not values[4]


def test_shields_change_no_number_and_stand_where_scales_would_be_tied(rng):
    """Before what is in int8 and has a range; not before constants, integers, or what is apart as well."""
    graph = Graph("main")
    names = ("x", "apart", "whole", "free", "y", "other")
    x, apart, whole, free, y, other = (graph.add(Value(name, (1, 2))) for name in names)
    held = constant(graph, np.float32([[7, 8]]))
    for value in (x, apart, whole, y, held):
        value.range = (-4.0, 4.0)
    whole.dtype = "int8"
    graph.append(Op("ABS", [x], [apart]))
    graph.append(Op("ABS", [x], [free]))
    reads = [apart, held, free, x]
    join = graph.append(Op("CONCATENATION", list(reads), [y], options("Concatenation", axis=1)))
    graph.append(Op("ABS", [y], [other]))
    y.shape = other.shape = (1, 8)
    graph.inputs, graph.outputs = [x], [y, other]
    given = rng.normal(size=(1, 2)).astype(np.float32)
    right = run(graph, given)[0]

    def is_apart(op):
        return op in (join, graph.ops[0])

    made = shield_scales(graph, is_apart)
    assert kinds(graph) == ["ABS", "ABS", "MUL", "CONCATENATION", "ABS"]
    assert join.inputs[:3] == reads[:3]
    assert made == {join.inputs[3].name: join}
    assert type(graph.ops[2].options).__name__ == "MulOptionsT"
    np.testing.assert_allclose(run(graph, given)[0], right, rtol=1e-6)
    shielded = join.inputs[3]
    shielded.dtype = "int8"
    drop_shields(graph)
    assert "MUL" in kinds(graph), "a product that the quantizer has used as a cast stays"
    shielded.dtype = "float32"
    product = Op("MUL", [x, x], [graph.add(Value("square", (1, 2)))], options("Mul"))
    graph.insert(product, join)
    graph.outputs.append(shielded)
    drop_shields(graph)
    assert kinds(graph) == ["ABS", "ABS", "MUL", "MUL", "CONCATENATION", "ABS"], "it is given out"
    assert join.inputs == reads
    graph.outputs.pop()
    drop_shields(graph)
    assert kinds(graph) == ["ABS", "ABS", "MUL", "CONCATENATION", "ABS"]
    assert graph.ops[2] is product


@pytest.mark.parametrize(("wide", "readers"), [(1.5, 1), (50.0, 0)])
def test_what_is_nearly_as_wide_or_read_by_nothing_else_shares_the_range(wide, readers):
    graph, x = chosen(wide, readers)
    requantize_narrow(graph, lambda op: False)
    assert kinds(graph)[0] == "SELECT_V2"
    tie_ranges(graph)
    assert x.range == (-wide, wide)


def test_scales_are_not_tied_by_a_choice_that_is_apart():
    graph, x = chosen(readers=0)
    made = shield_scales(graph, lambda op: op.kind == "SELECT_V2")
    assert kinds(graph) == ["MUL", "MUL", "SELECT_V2"]
    assert set(made) == {op.name for op in graph.ops[:2]}
    assert set(made.values()) == {graph.ops[2]}
    assert graph.ops[0].outputs[0].range == x.range
    first = graph.ops[0].outputs[0]
    first.dtype = "int8"
    drop_shields(graph)
    assert kinds(graph) == ["MUL", "SELECT_V2"], "one that stays keeps none behind it"
    first.dtype = "float32"
    drop_shields(graph)
    assert kinds(graph) == ["SELECT_V2"]
    assert graph.ops[0].inputs[1] is x
    assert shield_scales(graph, lambda op: False) == {}


def test_ops_that_are_apart_stay():
    graph, x = chosen()
    requantize_narrow(graph, lambda op: True)
    tie_ranges(graph, lambda op: True)
    assert kinds(graph) == ["SELECT_V2", "MUL"]
    assert x.range == (-1.0, 1.0)


@pytest.mark.parametrize(("kind", "positions", "found"), [("SOFTMAX", 8, False), ("SOFTMAX", 500, True)])
def test_a_softmax_over_hundreds_of_positions_is_beyond_int8(rng, kind, positions, found):
    graph = graph_of(kind, (1, positions), [(1, positions)], options("Softmax", beta=1.0))
    logits = rng.normal(size=(50, positions))
    powers = np.exp(logits)
    drawn = {graph.outputs[0]: (powers / powers.sum(1, keepdims=True)).reshape(-1)}
    assert beyond_int8(graph, drawn) == (graph.ops if found else [])


def test_a_softmax_that_knows_what_it_wants_stays():
    """Whatever the number of classes: int8 holds the classes that matter."""
    graph = graph_of("SOFTMAX", (1, 1000), [(1, 1000)], options("Softmax", beta=1.0))
    assert beyond_int8(graph, {graph.outputs[0]: np.r_[np.full(999, 1e-5), 0.99]}) == []
    assert beyond_int8(graph, {graph.outputs[0]: np.zeros(9)}) == []


def test_a_division_is_beyond_int8_unless_it_is_by_a_constant():
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 2))), graph.add(Value("y", (1, 2)))
    other, two = graph.add(Value("other", (1, 2))), constant(graph, np.full((1, 1), 2.0, np.float32))
    first = graph.append(Op("DIV", [x, other], [y], options("Div")))
    graph.append(Op("DIV", [y, two], [graph.add(Value("z", (1, 2)))], options("Div")))
    assert beyond_int8(graph, {}) == [first]


def test_powers_and_places_without_values_are_beyond_int8():
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 2))), graph.add(Value("y", (1, 2)))
    power = graph.append(Op("POW", [x, constant(graph, np.float32(1.5))], [y], options("Pow")))
    values, places = graph.add(Value("values", (1, 1))), graph.add(Value("places", (1, 1), "int32"))
    top = graph.append(Op("TOPK_V2", [y, constant(graph, np.int32(1))], [values, places], options("TopKV2")))
    graph.outputs = [places]
    assert beyond_int8(graph, {}) == [power, top]
    graph.outputs = [values, places]
    assert beyond_int8(graph, {}) == [power]
    graph.outputs = [graph.add(Value("ids", (1, 1), "int64"))]
    graph.append(Op("CAST", [places], list(graph.outputs)))
    assert beyond_int8(graph, {}) == [power, top], "only its places are read"


def test_what_is_no_float_keeps_nothing_from_the_ops_behind_it():
    graph = Graph("main")
    x, y, other = (graph.add(Value(name, (1, 2))) for name in ("x", "y", "other"))
    graph.append(Op("ASSIGN_VARIABLE", [x], []))
    graph.append(Op("DIV", [x, other], [graph.add(Value("whole", (1, 2), "int32"))], options("Div")))
    last = graph.append(Op("DIV", [x, other], [y], options("Div")))
    assert beyond_int8(graph, {}) == [last]
    last.inputs[1] = constant(graph, np.float32(2))
    last.kind = "POW"
    last.inputs[1].content = None
    assert beyond_int8(graph, {}) == [], "a power that is computed has no form"


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("size", "found"), [(1.0, False), (0.02, True), (0.001, True)])
def test_a_tanh_that_stays_near_zero_is_beyond_int8(rng, size, sign, found):
    """Against steps of 1 / 128, those of the range between the ends, whichever sign the values have."""
    graph = graph_of("TANH", (1, 500), [(1, 500)])
    drawn = {graph.outputs[0]: sign * rng.uniform(0, size, 500)}
    assert beyond_int8(graph, drawn) == (graph.ops if found else [])
    assert beyond_int8(graph, {graph.outputs[0]: np.zeros(0)}) == []


def test_a_wider_step_that_brings_little_is_no_reason(rng):
    """Between -0.2 and 0.2 the range has steps a fifth as wide: 14 dB; between -0.9 and 0.9 nearly as wide: 1 dB."""
    graph = graph_of("TANH", (1, 4000), [(1, 4000)])
    noisy = rng.uniform(-0.02, 0.02, 40_000)
    assert sqnr(np.r_[noisy, 0.9, -0.9], 1 / 128) < 18, "little enough in both cases"
    for largest, found in ((0.2, True), (0.9, False)):
        assert beyond_int8(graph, {graph.outputs[0]: np.r_[noisy, largest, -largest]}) == (graph.ops if found else [])


def test_noise_of_a_step(rng):
    values = rng.uniform(-1, 1, 100_000)
    assert sqnr(values, 2 / 255) == pytest.approx(10 * np.log10((1 / 3) / ((2 / 255) ** 2 / 12)), abs=0.1)
    assert sqnr(np.zeros(3), 0.1) == np.inf


def test_the_result_of_a_fixed_scale_is_read_in_its_own_range(rng):
    graph = graph_of("SOFTMAX", (1, 500), [(1, 500)], options("Softmax", beta=1.0))
    y = graph.add(Value("whole", (1, 500), "int8"))
    y.quantization = Quantization(np.array([0.03 / 255], np.float32), np.array([-128], np.int64))
    result = graph.outputs[0]
    result.range = (0.0, 0.03)
    logits = rng.normal(size=(1, 500))
    right = run(graph, logits)[0]
    form, graph.ops[0].version, graph.ops[0].rest = graph.ops[0].options, 2, {"debugMetadataIndex": 7}
    names = free_scales(graph, graph.ops[:])
    assert kinds(graph) == ["SOFTMAX", "MAXIMUM"]
    assert (graph.ops[0].options, graph.ops[0].version) == (form, 2)
    assert graph.ops[0].rest == {"debugMetadataIndex": 7}
    assert graph.ops[1].options is not None
    least = graph.ops[1].inputs[1]
    assert (least.dtype, least.data.item()) == ("float32", -1.0), "below whatever a fixed scale gives"
    assert graph.ops[0].outputs[0].range == (0.0, 0.03)
    assert names == [op.name for op in graph.ops]
    assert graph.ops[1].outputs == [result]
    graph.append(Op("QUANTIZE", [result], [y], version=2))
    graph.outputs = [y]
    quantize_int16(graph, {"x": (-5.0, 5.0), **{name: (0.0, 0.03) for name in names}}, lambda op: op.kind != "QUANTIZE")
    read_directly(graph)
    assert kinds(graph) == ["QUANTIZE", "SOFTMAX", "QUANTIZE"]
    found = (run(graph, logits)[0].astype(float) + 128) * y.scale
    assert 10 * np.log10(np.square(right).mean() / np.square(found - right).mean()) > 25


def test_results_of_fixed_scales_are_freed_one_by_one_and_read_directly_where_they_can_be():
    """What is given out, is no int16, or has not been freed is read as before, and keeps none behind it from it."""
    graph = Graph("main")
    x = graph.add(Value("x", (1, 4)))
    soft = [graph.append(Op("SOFTMAX", [x], [graph.add(Value(f"s{number}", (1, 4)))])) for number in range(3)]
    graph.append(Op("RELU", [x], [graph.add(Value("relu", (1, 4)))]))
    names = free_scales(graph, graph.ops[:])
    assert names == [f"s{number}{end}" for number in range(3) for end in ("/in_fixed_steps", "")]
    copies = [op for op in graph.ops if op.kind == "MAXIMUM"]
    other = graph.append(Op("MAXIMUM", [x, x], [graph.add(Value("other", (1, 4)))]))
    lower = graph.append(
        Op("MINIMUM", [graph.add(Value("m/in_fixed_steps", (1, 4), "int16")), x], [graph.add(Value("n", (1, 4)))])
    )
    for op in (*copies[:1], copies[2]):
        op.inputs[0].dtype = "int16"
    reads = [graph.append(Op("QUANTIZE", [op.outputs[0]], [graph.add(Value(f"q{op.name}", (1, 4), "int8"))]))
             for op in (*copies, other, lower)]  # fmt: skip
    graph.outputs = [copies[0].outputs[0]]
    assert [op.kind for op in soft] == ["SOFTMAX"] * 3
    read_directly(graph)
    assert [op.inputs[0].name for op in reads] == ["s0", "s1", "s2/in_fixed_steps", "other", "n"]


@pytest.mark.parametrize("apart", [{"MUL", "TANH"}, {"TANH"}, {"MUL"}])
def test_values_between_ops_that_are_apart_are_no_int8(apart):
    graph = Graph("main")
    x, y, back, result = (graph.add(Value(name, (1, 2))) for name in ("x", "y", "back", "result"))
    small = graph.add(Value("small", (1, 2), "int8"))
    graph.append(Op("TANH", [x], [y]))
    graph.append(Op("QUANTIZE", [y], [small], version=2))
    graph.append(Op("DEQUANTIZE", [small], [back], version=2))
    graph.append(Op("MUL", [back, back], [result], options("Mul")))
    graph.inputs, graph.outputs = [x], [result]
    bypass_int8(graph, lambda op: op.kind in apart)
    both = len(apart) == 2
    assert kinds(graph) == (["TANH", "MUL"] if both else ["TANH", "QUANTIZE", "DEQUANTIZE", "MUL"])
    assert graph.ops[-1].inputs == ([y, y] if both else [back, back])


def int16_parts(kept=False):
    """TANH → QUANTIZE → QUANTIZE → DEQUANTIZE → PACK, as the quantizer makes it of two ops with one scale."""
    graph = Graph("main")
    x, y, back, result = (graph.add(Value(name, (1, 2))) for name in ("x", "y", "back", "result"))
    fine, coarse = (graph.add(Value(name, (1, 2), "int8")) for name in ("fine", "coarse"))
    graph.append(Op("TANH", [x], [y]))
    graph.append(Op("QUANTIZE", [y], [fine], version=2))
    graph.append(Op("QUANTIZE", [fine], [coarse], version=2))
    graph.append(Op("DEQUANTIZE", [coarse], [back], version=2))
    graph.append(Op("PACK", [back, back], [result], options("Pack")))
    graph.inputs, graph.outputs = [x], [coarse, result] if kept else [result]
    return graph


def test_a_chain_of_scales_between_ops_that_are_apart_goes_too():
    graph = int16_parts()
    bypass_int8(graph, lambda op: op.kind in ("TANH", "PACK"))
    assert kinds(graph) == ["TANH", "PACK"]
    assert graph.ops[-1].inputs == [graph.ops[0].outputs[0]] * 2
    graph = int16_parts(kept=True)
    bypass_int8(graph, lambda op: op.kind in ("TANH", "PACK"))
    assert kinds(graph) == ["TANH", "QUANTIZE", "QUANTIZE", "PACK"]


def test_a_cast_that_stays_keeps_none_behind_it_from_going():
    """One of an int8 input comes first."""
    graph = int16_parts()
    small, floats = graph.add(Value("small", (1, 2), "int8")), graph.add(Value("floats", (1, 2)))
    graph.insert(Op("DEQUANTIZE", [small], [floats], version=2), 0)
    graph.insert(Op("PACK", [floats], [graph.add(Value("packed", (1, 2)))]), 1)
    bypass_int8(graph, lambda op: op.kind in ("TANH", "PACK"))
    assert kinds(graph) == ["DEQUANTIZE", "PACK", "TANH", "PACK"]


@pytest.mark.parametrize("name", ["fine", "coarse"])
def test_what_was_int8_before_the_quantizer_came_stays(name):
    graph = int16_parts()
    bypass_int8(graph, lambda op: op.kind in ("TANH", "PACK"), {name})
    assert kinds(graph) == ["TANH", "QUANTIZE", "QUANTIZE", "DEQUANTIZE", "PACK"]


def test_what_is_made_of_a_result_in_int16_by_arithmetic_is_in_int16_too():
    """x ? exp(x) - 1 : 0 of the first op; what another op has made, or has no arithmetic, stays."""
    graph = Graph("main")
    x, e, less, chosen, soft, other = (graph.add(Value(name, (1, 4))) for name in "xelcso")
    graph.inputs, graph.outputs = [x], [soft, other]
    first = graph.append(Op("EXP", [x], [e]))
    minus = graph.append(Op("SUB", [None, e], [less]))
    graph.append(Op("MUL", [x, x], [other]))
    choice = graph.append(Op("SELECT_V2", [x, x, less], [chosen]))
    graph.append(Op("SOFTMAX", [chosen], [soft]))
    assert with_arithmetic(graph, [first]) == [first, minus, choice]
    assert with_arithmetic(graph, []) == []
    assert with_arithmetic(graph, [minus, first]) == [minus, first, choice], "each once"
