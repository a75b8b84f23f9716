"""Integers that an op copies mean the same in its result; integers become real numbers and are compared as they are."""

from itertools import pairwise

import numpy as np
import pytest

from tests.properties.graphs import constant, kinds, run
from tfcompress.litert.graph import Graph, Op, Quantization, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.copied_constants import requantize_copied_constants
from tfcompress.litert.passes.integer_casts import quantize_integers, skip_floats
from tfcompress.litert.passes.integer_comparisons import compare_integers
from tfcompress.litert.passes.substitute_ops import substitute_ops
from tfcompress.litert.serialization import TYPE_CODES, options


def scaled(value, scale, zero=0, dtype="int8"):
    value.dtype = dtype
    value.quantization = Quantization(np.array([scale], np.float32), np.array([zero], np.int64))
    return value


def real(graph, *arrays):
    (found,) = run(graph, *arrays)
    return (found.astype(float) - graph.outputs[0].zero_point) * graph.outputs[0].scale


@pytest.mark.parametrize(("on", "off"), [(1.0, 0.0), (1.0, -0.5), (0.0, 1.0)])
def test_the_zeros_of_a_one_hot_are_zeros(on, off):
    graph = Graph("main")
    ids, hot = Value("ids", (1, 3), "int32"), scaled(Value("hot", (1, 3, 4)), 3 / 255, -43)
    graph.add(ids), graph.add(hot)
    held = [scaled(constant(graph, np.array(127 if v else 0, np.int8)), max(abs(v), 0.5) / 127) for v in (on, off)]
    for value, number in zip(held, (on, off), strict=True):
        value.data = np.array(round(number / value.scale), np.int8)
    depth = constant(graph, np.array(4, np.int32))
    graph.append(Op("ONE_HOT", [ids, depth, *held], [hot], options("OneHot", axis=-1)))
    graph.inputs, graph.outputs = [ids], [hot]
    right = np.where(np.eye(4)[[[0, 3, 2]]] > 0, on, off)
    assert np.abs(real(graph, [[0, 3, 2]]) - right).max() > 0.1, "as the quantizer leaves it"
    requantize_copied_constants(graph)
    np.testing.assert_allclose(real(graph, [[0, 3, 2]]), right, atol=hot.scale / 2)


def test_constants_of_a_choice_a_clip_and_a_concatenation(rng):
    for kind, form in (("SELECT_V2", "SelectV2"), ("MINIMUM", "MaximumMinimum"), ("CONCATENATION", "Concatenation")):
        graph = Graph("main")
        shape = (1, 8) if kind == "CONCATENATION" else (1, 4)
        x, y = graph.add(scaled(Value("x", (1, 4)), 0.05, 10)), graph.add(scaled(Value("y", shape), 0.05, 10))
        held = scaled(constant(graph, np.full((1, 4), 100, np.int8)), 0.02)
        where = [constant(graph, np.array([[True, False, True, False]]))] if kind == "SELECT_V2" else []
        graph.append(
            Op(kind, [*where, x, held], [y], options(form, **({"axis": 1} if "axis" in dir(options(form)) else {})))
        )
        graph.inputs, graph.outputs = [x], [y]
        given = rng.integers(-50, 100, (1, 4))
        numbers = (given - 10) * 0.05
        right = {
            "SELECT_V2": np.where([[True, False, True, False]], numbers, 2.0),
            "MINIMUM": np.minimum(numbers, 2.0),
            "CONCATENATION": np.concatenate([numbers, np.full((1, 4), 2.0)], 1),
        }[kind]
        requantize_copied_constants(graph)
        np.testing.assert_allclose(real(graph, given), right, atol=0.026)


def test_constants_that_fit_and_sums_stay():
    graph = Graph("main")
    x, y = graph.add(scaled(Value("x", (1, 2)), 0.1)), graph.add(scaled(Value("y", (1, 2)), 0.1))
    same, other = (scaled(constant(graph, np.ones((1, 2), np.int8)), scale) for scale in (0.1, 0.3))
    graph.append(Op("MINIMUM", [x, same], [y], options("MaximumMinimum")))
    graph.append(Op("ADD", [y, other], [graph.add(scaled(Value("z", (1, 2)), 0.2))], options("Add")))
    requantize_copied_constants(graph)
    assert graph.ops[0].inputs[1] is same
    assert graph.ops[1].inputs[1] is other


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8"])
def test_a_copied_constant_has_the_integers_of_its_result(dtype):
    limits = np.iinfo(dtype)
    graph = Graph("main")
    x, y = graph.add(scaled(Value("x", (1, 4)), 0.5, 3, dtype)), graph.add(scaled(Value("y", (1, 4)), 0.5, 3, dtype))
    held = constant(graph, np.array([[7, 8, limits.min, limits.max]], dtype))
    scaled(held, 2.0, 5, dtype)
    graph.append(Op("SINK", [x], [], is_custom=True))
    graph.append(Op("MINIMUM", [x, held], [y], options("MaximumMinimum")))
    requantize_copied_constants(graph)
    made = graph.ops[1].inputs[1]
    whole = np.array([7, 8, limits.min, limits.max], float)
    assert made.data.tolist() == [np.clip((whole - 5) * 4 + 3, limits.min, limits.max).tolist()]
    assert (made.name, made.shape, made.dtype) == (f"{held.name}_of_y", (1, 4), dtype)
    assert (made.scale, made.zero_point) == (0.5, 3)
    assert made.quantization.scales is not y.quantization.scales
    assert graph.ops[1].inputs[0] is x
    assert held.readers == []


def test_constants_of_other_types_stay():
    """Of floats, of several scales, of another width, of none, and those copied into floats."""
    several = Quantization(np.array([0.1, 0.2], np.float32), np.zeros(2, np.int64))
    for dtype, known, result in (
        ("float32", None, "int8"), ("int8", several, "int8"), ("int8", None, "int8"), ("int16", "own", "int8"),
        ("int8", "own", "float32"), ("int32", "own", "int8"), ("int32", "own", "int32"), ("int8", "own", None),
    ):  # fmt: skip
        graph = Graph("main")
        x, y = (
            graph.add(scaled(Value("x", (1, 2)), 0.1)),
            graph.add(scaled(Value("y", (1, 2)), 0.1, 0, result or "int8")),
        )
        if result is None:
            y.quantization = several
        held = constant(graph, np.ones((1, 2), dtype))
        held.quantization = (
            Quantization(np.array([0.3], np.float32), np.zeros(1, np.int64)) if known == "own" else known
        )
        graph.append(Op("MINIMUM", [x, held], [y], options("MaximumMinimum")))
        requantize_copied_constants(graph)
        assert graph.ops[0].inputs[1] is held, (dtype, result)


def test_a_place_that_is_left_out_or_computed_stays():
    graph = Graph("main")
    x, y = graph.add(scaled(Value("x", (1, 2)), 0.3)), graph.add(scaled(Value("y", (1, 2)), 0.1))
    held = scaled(constant(graph, np.ones((1, 2), np.int8)), 0.3)
    op = graph.append(Op("CONCATENATION", [x, None, held], [y], options("Concatenation")))
    requantize_copied_constants(graph)
    assert op.inputs[:2] == [x, None]
    assert op.inputs[2].data.tolist() == [[3, 3]]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("result", ["int8", "int16"])
def test_integers_are_quantized_without_floats(rng, dtype, result):
    graph = Graph("main")
    x, floats, y = Value("x", (1, 9), dtype), Value("floats", (1, 9)), Value("y", (1, 9))
    for value in (x, floats, y):
        graph.add(value)
    scaled(y, 1.0 if result == "int8" else 0.01, -128 if result == "int8" else 0, result)
    types = {"inDataType": TYPE_CODES[dtype], "outDataType": TYPE_CODES["float32"]}
    graph.append(Op("CAST", [x], [floats], options("Cast", **types)))
    graph.append(Op("QUANTIZE", [floats], [y], version=2))
    graph.inputs, graph.outputs = [x], [y]
    given = rng.integers(0, 256, (1, 9))
    quantize_integers(graph)
    wide = dtype != "uint8" or result == "int16"
    assert kinds(graph) == [*(["CAST"] if wide else []), "QUANTIZE"]
    assert [op.version for op in graph.ops[:-1]] == [op_spec("CAST").int16_border if dtype == "uint8" else 1] * wide
    assert "float32" not in {value.dtype for op in graph.ops for value in (*op.inputs, *op.outputs)}
    np.testing.assert_allclose(real(graph, given), given)


def test_a_cast_that_floats_read_too_stays():
    graph = Graph("main")
    x, floats = graph.add(Value("x", (1, 2), "int32")), graph.add(Value("floats", (1, 2)))
    y = graph.add(scaled(Value("y", (1, 2)), 1.0))
    types = {"inDataType": TYPE_CODES["int32"], "outDataType": TYPE_CODES["float32"]}
    graph.append(Op("CAST", [x], [floats], options("Cast", **types)))
    graph.append(Op("QUANTIZE", [floats], [y], version=2))
    graph.append(Op("FLOOR", [floats], [graph.add(Value("z", (1, 2)))]))
    graph.inputs, graph.outputs = [x], [y]
    quantize_integers(graph)
    assert kinds(graph) == ["CAST", "CAST", "QUANTIZE", "FLOOR"]


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("from_float", [False, True])
def test_a_mask_compares_integers_with_zero(rng, dtype, from_float):
    graph = Graph("main")
    x, whole, mask = (
        Value("x", (1, 50)),
        scaled(Value("whole", (1, 50)), 0.1, 0 if dtype == "int16" else 7, dtype),
        Value("mask", (1, 50), "bool"),
    )
    for value in (x, whole, mask):
        graph.add(value)
    compare = Op("NOT_EQUAL", [x, constant(graph, np.zeros((), np.float32))], [mask], options("NotEqual"))
    if from_float:
        graph.append(compare)
        graph.append(Op("QUANTIZE", [x], [whole], version=2))
        graph.inputs, given = [x], np.where(rng.uniform(size=(1, 50)) < 0.5, 0, 2.0)
    else:
        graph.append(Op("DEQUANTIZE", [whole], [x], version=3))
        graph.append(compare)
        graph.inputs, given = [whole], np.where(rng.uniform(size=(1, 50)) < 0.5, whole.zero_point, 20)
    graph.outputs = [mask]
    right = run(graph, given)[0]
    compare_integers(graph)
    assert {value.dtype for value in compare.inputs} == {"int8" if dtype == "int8" else "int32"}
    assert compare.version == (2 if dtype == "int8" else op_spec("NOT_EQUAL").in_int32)
    assert "DEQUANTIZE" not in kinds(graph)
    assert np.array_equal(run(graph, given)[0], right)
    assert 0 < right.sum() < right.size


def dequantized(graph, name, dtype, scale=0.1):
    """Integers and the floats that are made of them."""
    whole, value = graph.add(scaled(Value(name, (1, 2)), scale, 0, dtype)), graph.add(Value(f"{name}_float", (1, 2)))
    graph.append(Op("DEQUANTIZE", [whole], [value], version=3))
    graph.inputs.append(whole)
    return value


def compared(graph, *sides):
    op = Op("LESS", list(sides), [graph.add(Value(f"mask_{len(graph.ops)}", (1, 2), "bool"))], options("Less"))
    graph.outputs.append(op.outputs[0])
    return graph.append(op)


def test_comparisons_that_stay_keep_none_behind_them_from_integers():
    """Those of integers, of floats that no integers are made of, of two types, two scales, or another type."""
    graph = Graph("main")
    ids, x = graph.add(Value("ids", (1, 2), "int32")), graph.add(Value("x", (1, 2)))
    graph.inputs = [ids, x]
    small, fine, coarse = (
        dequantized(graph, "a", "int8"),
        dequantized(graph, "b", "int16"),
        dequantized(graph, "c", "int16", 0.2),
    )
    other, last = dequantized(graph, "d", "uint8"), dequantized(graph, "e", "int8")
    zero = constant(graph, np.float32(0))
    pairs = [(ids, ids), (x, x), (x, small), (small, fine), (fine, coarse), (other, x), (other, zero)]
    stay = [compared(graph, *pair) for pair in pairs]
    last = compared(graph, last, zero)
    graph.outputs.append(coarse)
    unread = dequantized(graph, "f", "int8")
    dequantized(graph, "g", "int8")
    graph.outputs.append(unread)
    compare_integers(graph)
    assert [tuple(op.inputs) for op in stay] == pairs
    assert [value.dtype for value in last.inputs] == ["int8", "int8"]
    assert [op.name for op in graph.ops if op.kind == "DEQUANTIZE"] == [f"{name}_float" for name in "abcdf"]


def test_numbers_beyond_the_integers_are_compared_as_their_end():
    for number, right in ((13.0, [[True, True]]), (-13.0, [[False, False]]), (1.0, [[True, False]])):
        graph = Graph("main")
        value = dequantized(graph, "a", "int8")
        held = constant(graph, np.float32(number))
        taken = graph.add(scaled(Value("taken", ()), 8.0))
        graph.append(Op("QUANTIZE", [held], [taken], version=2))
        op = compared(graph, value, held)
        compare_integers(graph)
        assert op.inputs[1].is_constant, "in the integers of the other side, whatever else reads it"
        assert run(graph, [[9, 126]])[0].tolist() == right


def test_int16_of_two_scales_is_not_compared():
    graph = Graph("main")
    a, b = (graph.add(scaled(Value(name, (1, 2)), scale, 0, "int16")) for name, scale in (("a", 0.1), ("b", 0.2)))
    floats = [graph.add(Value(f"{each.name}_float", (1, 2))) for each in (a, b)]
    for whole, value in zip((a, b), floats, strict=True):
        graph.append(Op("DEQUANTIZE", [whole], [value], version=3))
    mask = graph.add(Value("mask", (1, 2), "bool"))
    graph.append(Op("LESS", floats, [mask], options("Less")))
    graph.inputs, graph.outputs = [a, b], [mask]
    compare_integers(graph)
    assert kinds(graph) == ["DEQUANTIZE", "DEQUANTIZE", "LESS"]


def casts(graph, *values):
    """A cast from each to the next."""
    for source, made in pairwise(values):
        types = {"inDataType": TYPE_CODES[source.dtype], "outDataType": TYPE_CODES[made.dtype]}
        graph.append(Op("CAST", [source], [made], options("Cast", **types)))


def test_casts_that_stay_keep_none_behind_them_from_integers():
    """Those of a mask, of a constant, and those that nothing quantizes."""
    graph = Graph("main")
    mask, ids, free = Value("mask", (1, 2), "bool"), Value("ids", (1, 2), "int32"), Value("free", (1, 2), "int32")
    held = constant(graph, np.array([[1, 2]], np.int32))
    for source in (mask, held, free, ids):
        if source is not held:
            graph.add(source)
        floats = graph.add(Value(f"{source.name}_float", (1, 2)))
        casts(graph, source, floats)
        if source is not free:
            graph.append(
                Op("QUANTIZE", [floats], [graph.add(scaled(Value(f"{source.name}_small", (1, 2)), 0.1))], version=2)
            )
    quantize_integers(graph)
    sources = [op.inputs[0].name for op in graph.ops if op.kind == "QUANTIZE"]
    assert sources == ["mask_float", f"{held.name}_float", "ids_int32"]


def test_floats_and_masks_that_become_integers_stay_casts():
    """Of a number that was rounded down, of an input, of a mask; and integers that become a mask."""
    graph = Graph("main")
    x, mask, ids = Value("x", (1, 2)), Value("mask", (1, 2), "bool"), Value("ids", (1, 2), "int32")
    for value in (x, mask, ids):
        graph.add(value)
    floor, of_mask, of_ids = (graph.add(Value(name, (1, 2))) for name in ("floor", "of_mask", "of_ids"))
    made = [
        graph.add(Value(f"made_{number}", (1, 2), dtype))
        for number, dtype in enumerate(["int32"] * 3 + ["bool", "int64"])
    ]
    graph.append(Op("FLOOR", [x], [floor]))
    casts(graph, mask, of_mask), casts(graph, ids, of_ids)
    for source, result in zip((x, floor, of_mask, of_ids, of_ids), made, strict=True):
        casts(graph, source, result)
    graph.inputs, graph.outputs = [x, mask, ids], list(made)
    skip_floats(graph)
    assert [op.inputs[0] for op in graph.ops[-5:]] == [x, floor, of_mask, of_ids, ids]


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_ids_that_were_floats_between_stay_ids(dtype):
    graph = Graph("main")
    x, floats, ids, y = (
        Value("x", (1, 4), dtype),
        Value("floats", (1, 4)),
        Value("ids", (1, 4), "int32"),
        Value("y", (1, 4), "int32"),
    )
    for value in (x, floats, ids, y):
        graph.add(value)
    for source, made in ((x, floats), (floats, ids)):
        types = {"inDataType": TYPE_CODES[source.dtype], "outDataType": TYPE_CODES[made.dtype]}
        graph.append(Op("CAST", [source], [made], options("Cast", **types)))
    graph.append(Op("ADD", [ids, constant(graph, np.full((1, 1), 3, np.int32))], [y], options("Add")))
    graph.inputs, graph.outputs = [x], [y]
    skip_floats(graph)
    assert kinds(graph) == (["ADD"] if dtype == "int32" else ["CAST", "ADD"])
    assert run(graph, [[0, 1, 2, 200]])[0].tolist() == [[3, 4, 5, 203]]


@pytest.mark.parametrize("dtype", ["int32", "uint8"])
def test_ids_that_were_reshaped_as_floats_stay_ids(dtype):
    """As CategoryEncoding of Keras 3 writes it."""
    graph = Graph("main")
    x, floats, flat = Value("x", (1, 4), dtype), Value("floats", (1, 4)), Value("flat", (4,))
    ids, y = Value("ids", (4,), "int64"), Value("y", (4,), "int64")
    for value in (x, floats, flat, ids, y):
        graph.add(value)
    flat.range = (0.0, 0.0)
    casts = [{"inDataType": TYPE_CODES[one], "outDataType": TYPE_CODES[other]}
             for one, other in ((dtype, "float32"), ("float32", "int64"))]  # fmt: skip
    graph.append(Op("CAST", [x], [floats], options("Cast", **casts[0])))
    graph.append(Op("RESHAPE", [floats, constant(graph, np.array([4], np.int32))], [flat]))
    graph.append(Op("CAST", [flat], [ids], options("Cast", **casts[1])))
    graph.append(Op("ADD", [ids, ids], [y], options("Add")))
    graph.inputs, graph.outputs = [x], [y]
    skip_floats(graph)
    assert kinds(graph) == ["RESHAPE", "CAST", "ADD"]
    assert flat.dtype == dtype
    assert flat.range is None
    assert run(graph, [[0, 1, 2, 200]])[0].tolist() == [0, 2, 4, 400]


def test_ids_that_were_moved_twice_as_floats_are_moved_in_that_order():
    graph = Graph("main")
    x, floats = Value("x", (1, 6), "int32"), Value("floats", (1, 6))
    first, second, y = Value("first", (2, 3)), Value("second", (3, 2)), Value("y", (3, 2), "int32")
    for value in (x, floats, first, second, y):
        graph.add(value)
    ids, back = (options("Cast", inDataType=TYPE_CODES[one], outDataType=TYPE_CODES[other])
                 for one, other in (("int32", "float32"), ("float32", "int32")))  # fmt: skip
    graph.append(Op("CAST", [x], [floats], ids))
    graph.append(Op("RESHAPE", [floats, constant(graph, np.array([2, 3], np.int32))], [first]))
    graph.append(Op("TRANSPOSE", [first, constant(graph, np.array([1, 0], np.int32))], [second]))
    graph.append(Op("CAST", [second], [y], back))
    graph.inputs, graph.outputs = [x], [y]
    skip_floats(graph)
    assert kinds(graph) == ["RESHAPE", "TRANSPOSE", "CAST"]
    assert (first.dtype, second.dtype) == ("int32", "int32")
    assert run(graph, [[0, 1, 2, 3, 4, 5]])[0].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_integers_that_have_a_scale_keep_it():
    graph = Graph("main")
    x, floats = graph.add(scaled(Value("x", (1, 2)), 0.5, 3)), graph.add(Value("floats", (1, 2)))
    y = graph.add(scaled(Value("y", (1, 2)), 1.0))
    types = {"inDataType": TYPE_CODES["int8"], "outDataType": TYPE_CODES["float32"]}
    graph.append(Op("CAST", [x], [floats], options("Cast", **types)))
    graph.append(Op("QUANTIZE", [floats], [y], version=2))
    graph.inputs, graph.outputs = [x], [y]
    quantize_integers(graph)
    assert kinds(graph) == ["CAST", "QUANTIZE"]
    assert (x.scale, x.zero_point) == (0.5, 3)


def test_a_mask_becomes_a_choice_of_one_and_zero(rng):
    graph = Graph("main")
    mask, floats = graph.add(Value("mask", (1, 9), "bool")), graph.add(Value("floats", (1, 9)))
    types = {"inDataType": TYPE_CODES["bool"], "outDataType": TYPE_CODES["float32"]}
    graph.append(Op("CAST", [mask], [floats], options("Cast", **types)))
    graph.inputs, graph.outputs = [mask], [floats]
    given = rng.uniform(size=(1, 9)) < 0.5
    substitute_ops(graph)
    assert kinds(graph) == ["SELECT_V2"]
    assert floats.range == (0.0, 0.0), "it awaits a range"
    assert np.array_equal(run(graph, given)[0], given.astype("float32"))
