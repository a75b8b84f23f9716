"""Ops without an int16 kernel compute the same in another form: in float, in LiteRT's int16, and in TFLM's."""

from math import erf

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tests.properties.graphs import (
    constant,
    graph_of,
    kinds,
    run,
    run_each,
    run_each_optimised,
    run_on_tflm,
    run_optimised,
)
from tfcompress.litert.graph import EditableFile, Graph, Op, Value
from tfcompress.litert.passes.int16_forms import FORMS, int16_forms
from tfcompress.litert.passes.op_builder import OpBuilder
from tfcompress.litert.passes.quantize_int16 import quantize_int16
from tfcompress.litert.serialization import options, write_graph

ROW, IMAGE = (1, 60), (1, 4, 6, 12)
POSITIVE = (0.05, 4.0)
ANY = (-4.0, 4.0)


def of_two(kind, settings, second=None, shape=ROW):
    """A graph of one op with two inputs, or an input and a constant."""
    graph = Graph("main")
    x, y = graph.add(Value("x", shape)), graph.add(Value("result", shape))
    other = graph.add(Value("other", shape)) if second is None else constant(graph, np.asarray(second, np.float32))
    graph.append(Op(kind, [x, other], [y], options(settings)))
    graph.inputs, graph.outputs = [x] if other.is_constant else [x, other], [y]
    return graph


def select():
    graph = Graph("main")
    x, y, result = (graph.add(Value(name, ROW)) for name in ("x", "other", "result"))
    where = graph.add(Value("where", ROW, "bool"))
    graph.append(Op("GREATER", [x, y], [where], options("Greater")))
    graph.append(Op("SELECT", [where, x, y], [result], options("Select")))
    graph.inputs, graph.outputs = [x, y], [result]
    return graph


def top():
    graph = Graph("main")
    x, count = graph.add(Value("x", ROW)), constant(graph, np.array(5, np.int32))
    values, places = graph.add(Value("values", (1, 5))), graph.add(Value("places", (1, 5), "int32"))
    graph.append(Op("TOPK_V2", [x, count], [values, places], options("TopKV2")))
    graph.inputs, graph.outputs = [x], [values]
    return graph


def best(kind):
    graph = Graph("main")
    x, axis, place = graph.add(Value("x", ROW)), constant(graph, np.array(1, np.int32)), Value("place", (1,), "int32")
    graph.append(Op(kind, [x, axis], [graph.add(place)], options(f"Arg{kind[4:].title()}", outputType=2)))
    graph.inputs, graph.outputs = [x], [place]
    return graph


def one_hot():
    graph = Graph("main")
    x, ids = graph.add(Value("x", ROW)), graph.add(Value("ids", ROW, "int32"))
    hot = graph.add(Value("result", (*ROW, 5)))
    graph.append(Op("CAST", [x], [ids], options("Cast", inDataType=0, outDataType=2)))
    held = [constant(graph, np.array(number, np.float32)) for number in (2.0, -1.0)]
    graph.append(Op("ONE_HOT", [ids, constant(graph, np.array(5, np.int32)), *held], [hot], options("OneHot", axis=-1)))
    graph.inputs, graph.outputs = [x], [hot]
    return graph


def one(kind, settings=None, shape=ROW, result=None, **more):
    return lambda: graph_of(kind, shape, [result or shape], options(settings, **more) if settings else None)


SIGNS = np.where(np.arange(60) % 3, 1.0, -1.0)
CASES = {
    # name: (graph, range of each input, decibels in int16, whether TFLM has the kernels)
    "SQRT": (one("SQRT"), [POSITIVE], 50, True),
    "DIV": (lambda: of_two("DIV", "Div"), [ANY, POSITIVE], 40, True),
    "DIV by what is below zero": (lambda: of_two("DIV", "Div"), [ANY, (-3.0, -0.5)], 60, True),
    "DIV by both signs": (lambda: of_two("DIV", "Div"), [ANY, "both"], 40, True),
    "DIV by a constant": (lambda: of_two("DIV", "Div", [[3.0]]), [ANY], 70, True),
    "SQUARED_DIFFERENCE": (lambda: of_two("SQUARED_DIFFERENCE", "SquaredDifference"), [ANY, POSITIVE], 70, True),
    "SELECT": (select, [ANY, ANY], 70, True),
    "ONE_HOT": (one_hot, [ANY], 70, False),
    "DEPTH_TO_SPACE of two": (
        one("DEPTH_TO_SPACE", "DepthToSpace", (2, 2, 3, 4), (2, 4, 6, 1), blockSize=2),
        [ANY],
        70,
        True,
    ),
    "DEPTH_TO_SPACE": (one("DEPTH_TO_SPACE", "DepthToSpace", IMAGE, (1, 8, 12, 3), blockSize=2), [ANY], 70, True),
    "SPACE_TO_DEPTH": (one("SPACE_TO_DEPTH", "SpaceToDepth", IMAGE, (1, 2, 3, 48), blockSize=2), [ANY], 70, True),
    "LOG_SOFTMAX": (one("LOG_SOFTMAX", "LogSoftmax"), [ANY], 50, False),
    "GELU": (one("GELU", "Gelu"), [ANY], 65, True),
    "GELU, wide": (one("GELU", "Gelu"), [(-30.0, 30.0)], 60, True),
    "GELU by tanh": (one("GELU", "Gelu", approximate=True), [ANY], 65, True),
    "HARD_SWISH": (one("HARD_SWISH", "HardSwish"), [ANY], 70, True),
    "PRELU": (lambda: of_two("PRELU", "Add", SIGNS[np.newaxis] / 4), [ANY], 70, True),
    "ELU": (one("ELU"), [ANY], 60, False),
    "LOG_SOFTMAX of rows": (one("LOG_SOFTMAX", "LogSoftmax", (1, 4, 15)), [ANY], 50, False),
    "L2_NORMALIZATION": (one("L2_NORMALIZATION", "L2Norm"), [ANY], 50, True),
    "L2_NORMALIZATION of rows": (one("L2_NORMALIZATION", "L2Norm", (1, 4, 15)), [ANY], 50, True),
    "RELU_N1_TO_1": (one("RELU_N1_TO_1"), [ANY], 70, True),
    "RELU_0_TO_1": (one("RELU_0_TO_1"), [ANY], 70, True),
    "POW 2": (lambda: of_two("POW", "Pow", [[2.0]]), [ANY], 70, True),
    "POW 3": (lambda: of_two("POW", "Pow", [[3.0]]), [ANY], 70, True),
    "POW 4": (lambda: of_two("POW", "Pow", [[4.0]]), [ANY], 70, True),
    "POW 0.5": (lambda: of_two("POW", "Pow", [[0.5]]), [POSITIVE], 50, True),
    "POW -0.5": (lambda: of_two("POW", "Pow", [[-0.5]]), [(1.0, 4.0)], 50, True),
    "POW 1.5": (lambda: of_two("POW", "Pow", [[1.5]]), [(0.5, 4.0)], 50, False),
    "POW -1": (lambda: of_two("POW", "Pow", [[-1.0]]), [(0.5, 4.0)], 45, False),
    "TOPK_V2": (top, [ANY], 70, False),
    "ARG_MAX": (lambda: best("ARG_MAX"), [ANY], 70, False),
    "ARG_MIN": (lambda: best("ARG_MIN"), [ANY], 70, False),
}


def drawn(rng, graph, bounds, count=20):
    """Samples for each input; "both" is far from zero on both sides."""
    rows = []
    for _ in range(count):
        row = []
        for value, each in zip(graph.inputs, bounds, strict=True):
            low, high = (0.5, 4.0) if each == "both" else each
            x = rng.uniform(low, high, value.shape)
            row.append(
                (x * np.where(rng.uniform(size=x.shape) < 0.5, -1, 1) if each == "both" else x).astype("float32")
            )
        rows.append(row)
    return rows


def measure(graph, rows):
    """Give every value in float the range that it has on some samples."""
    kept, graph.outputs = graph.outputs, [v for v in graph.values if v.dtype == "float32" and not v.is_constant]
    found = run_each_optimised(graph, rows)
    for value, arrays in zip(graph.outputs, zip(*found, strict=True), strict=True):
        value.range = float(np.min(arrays)), float(np.max(arrays))
    graph.outputs = kept
    return {value.name: value.range for value in graph.values if value.range is not None}


SETTINGS = {
    "MUL": "Mul", "ADD": "Add", "SUB": "Sub", "EXP": "Exp", "SELECT_V2": "SelectV2", "TRANSPOSE": "Transpose",
    "MAXIMUM": "MaximumMinimum", "MINIMUM": "MaximumMinimum", "RESHAPE": "Reshape", "MEAN": "Reducer",
    "REDUCE_MAX": "Reducer", "ONE_HOT": "OneHot", "RELU": None, "RSQRT": None, "LOG": None, "LOGISTIC": None,
}  # fmt: skip
"""The settings that a file of the converter has for each op: compilers of others read them."""


def require_settings_and_shapes(graph):
    """Each op has its settings, and each value the shape that the kernels give it."""
    kernels = OpResolverType.BUILTIN_REF
    interpreter = Interpreter(model_content=write_graph(EditableFile([graph])), experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    shapes = {detail["name"]: tuple(detail["shape"]) for detail in interpreter.get_tensor_details()}
    for op in graph.ops:
        if op.kind in SETTINGS:
            wanted = SETTINGS[op.kind] and f"{SETTINGS[op.kind]}OptionsT"
            assert (op.options and type(op.options).__name__) == wanted, op.kind
        if op.kind in ("MEAN", "REDUCE_MAX"):
            assert op.options.keepDims
        if op.kind == "RESHAPE":
            assert op.options.newShape == op.inputs[1].data.tolist()
            assert op.options.newShape[0] == -1, "a batch of any size"
        for value in op.outputs:
            assert value.shape == shapes[value.name]
            assert all(type(size) is int for size in value.shape)


def decibels(right, found):
    noise = np.mean(np.square(np.subtract(found, right, dtype=np.float64)))
    return 10 * np.log10(np.var(right) / noise) if noise else np.inf


@pytest.mark.parametrize("name", CASES)
def test_a_form_computes_the_same_in_float_and_in_int16(rng, name):
    made, bounds, least, on_tflm = CASES[name]
    graph = made()
    rows = drawn(rng, graph, bounds)
    right = [outputs[0] for outputs in run_each_optimised(graph, rows)]
    measure(graph, rows)
    before = set(graph.values)
    new = int16_forms(graph, lambda op: True)
    assert all(value.range == (0.0, 0.0) for value in new)
    assert {
        value for value in graph.values if value not in before and not value.is_constant and value.dtype == "float32"
    } == set(new)
    assert graph.outputs[0].name in {"y0", "result", "values", "place"}, "the result keeps its name"
    np.testing.assert_allclose([outputs[0] for outputs in run_each(graph, rows)], right, rtol=1e-4, atol=6e-4)
    require_settings_and_shapes(graph)
    quantize_int16(graph, measure(graph, rows), lambda op: True)
    assert not {"SELECT", *FORMS} - {"ONE_HOT"} & set(kinds(graph))
    assert all(value.dtype != "float32" for op in graph.ops if op.kind not in ("QUANTIZE", "DEQUANTIZE")
               for value in op.outputs)  # fmt: skip
    assert decibels(right, [outputs[0] for outputs in run_each(graph, rows)]) > least
    if on_tflm:
        assert decibels(right, [run_on_tflm(graph, *row)[0] for row in rows]) > least


def test_what_is_not_meant_stays(rng):
    for name in ("SQRT", "GELU", "DIV"):
        graph = CASES[name][0]()
        measure(graph, drawn(rng, graph, CASES[name][1]))
        assert int16_forms(graph, lambda op: False) == []
        assert kinds(graph) == [name]


def test_a_root_of_zero_is_zero(rng):
    graph = CASES["SQRT"][0]()
    rows = [[np.linspace(0, 9, 60, dtype="float32")[np.newaxis]]]
    measure(graph, rows)
    int16_forms(graph, lambda op: True)
    quantize_int16(graph, measure(graph, rows), lambda op: True)
    for engine in (run, run_on_tflm, run_optimised):
        found = engine(graph, *rows[0])[0]
        assert found[0, 0] == 0.0
        assert decibels(np.sqrt(rows[0][0]), found) > 40


@pytest.mark.parametrize(("power", "bounds"), [([[0.3]], ANY), ([[1.0, 2.0]], POSITIVE)])
def test_powers_of_negative_numbers_and_many_powers_stay(rng, power, bounds):
    shape = (1, len(power[0]))
    graph = of_two("POW", "Pow", power, shape)
    for value in (graph.inputs[0], graph.outputs[0]):
        value.range = bounds
    assert int16_forms(graph, lambda op: True) == []


def test_a_select_of_rows_stays():
    graph = Graph("main")
    where, x, y = Value("where", (3,), "bool"), Value("x", (3, 2)), Value("y", (3, 2))
    result = Value("result", (3, 2))
    for value in (where, x, y, result):
        graph.add(value)
    graph.append(Op("SELECT", [where, x, y], [result], options("Select")))
    graph.inputs, graph.outputs = [where, x, y], [result]
    int16_forms(graph, lambda op: True)
    assert kinds(graph) == ["SELECT"]


def replaced(graph, *ranges):
    """The graph behind the pass, its inputs in these ranges."""
    for value, bounds in zip(graph.inputs, ranges, strict=True):
        value.range = bounds
    new = int16_forms(graph, lambda op: True)
    return kinds(graph), [op.inputs[1].data.item() for op in graph.ops if op.kind == "MAXIMUM"], new


STAY = {
    "a root of what nobody measured": (CASES["SQRT"][0], [None]),
    "a quotient by what nobody measured": (CASES["DIV"][0], [ANY, None]),
    "a quotient by a range that awaits its ends": (CASES["DIV"][0], [ANY, (0.0, 0.0)]),
    "a quotient by a constant with a zero": (lambda: of_two("DIV", "Div", [[2.0, 0.0]], (1, 2)), [ANY]),
    "a norm of what nobody measured": (CASES["L2_NORMALIZATION"][0], [None]),
    "a square of what nobody measured": (CASES["POW 2"][0], [None]),
    "a power of zero alone": (CASES["POW 1.5"][0], [(0.0, 0.0)]),
    "a power of what is below zero": (CASES["POW 1.5"][0], [ANY]),
    "a power that is no constant": (lambda: of_two("POW", "Pow"), [POSITIVE, POSITIVE]),
    "blocks of more axes": (
        one("SPACE_TO_DEPTH", "SpaceToDepth", (1, 2, 2, 2, 1), (1, 1, 1, 2, 4), blockSize=2),
        [ANY],
    ),
}


@pytest.mark.parametrize("name", STAY)
def test_what_has_no_form_stays(name):
    made, ranges = STAY[name]
    graph = made()
    before = kinds(graph)
    assert replaced(graph, *ranges) == (before, [], [])


def test_one_hot_of_what_is_no_constant_stays():
    for place in (2, 3):
        graph = one_hot()
        graph.set_input(graph.ops[1], place, graph.inputs[0])
        assert replaced(graph, ANY)[0] == ["CAST", "ONE_HOT"]


@pytest.mark.parametrize(
    ("bounds", "made", "least"),
    [((0.0, 4.0), ["MAXIMUM", "RSQRT", "MUL", "MUL"], [4]), ((1.0, 4.0), ["RSQRT", "MUL", "MUL"], []),
     ((-3.0, 2.0), ["MUL", "MUL", "MAXIMUM", "RSQRT", "MUL", "MUL"], [9]),
     ((-2.0, 3.0), ["MUL", "MUL", "MAXIMUM", "RSQRT", "MUL", "MUL"], [9]),
     ((-3.0, 0.0), ["MUL", "MUL", "MAXIMUM", "RSQRT", "MUL", "MUL"], [3]),
     ((-3.0, -1.0), ["MUL", "MUL", "RSQRT", "MUL", "MUL"], [])],
)  # fmt: skip
def test_a_quotient_is_by_an_inverse_root_that_ends_at_one_step(bounds, made, least):
    graph = CASES["DIV"][0]()
    found, ends, new = replaced(graph, ANY, bounds)
    assert (found, ends) == (made, pytest.approx([each / 32767 for each in least]))
    assert len(new) == len(made) - 1
    first = graph.ops[0]
    if made[:2] == ["MUL", "MUL"]:
        by_itself = first.inputs[1] is graph.inputs[1]
        assert by_itself == (bounds[0] < 0 < bounds[1]), "the square where there are both signs, else the other sign"


@pytest.mark.parametrize("second", [None, [[0.5]]])
def test_a_fused_activation_is_that_of_the_last_op(rng, second):
    graph = of_two("DIV", "Div", second)
    graph.ops[0].options.fusedActivationFunction = 3  # RELU6
    rows = drawn(rng, graph, [(-9.0, 9.0), POSITIVE][: len(graph.inputs)])
    right = run_each(graph, rows)
    replaced(graph, (-9.0, 9.0), *[POSITIVE] * (len(graph.inputs) - 1))
    assert np.max(right) == 6
    np.testing.assert_allclose(run_each(graph, rows), right, atol=1e-4)


@pytest.mark.parametrize("bounds", [(-4.0, 2.0), (-2.0, 4.0)])
def test_a_norm_ends_at_one_step_of_the_largest_square(bounds):
    found, ends, _ = replaced(CASES["L2_NORMALIZATION"][0](), bounds)
    assert found == ["MUL", "MEAN", "MAXIMUM", "RSQRT", "MUL", "MUL"]
    assert ends == pytest.approx([16 / 32767])


def test_powers_of_what_may_be_zero_end_at_one_step():
    ends = {
        bounds: replaced(CASES["POW 1.5"][0](), bounds)[:2] for bounds in ((0.0, 4.0), (1.0, 4.0), (4 / 32767, 4.0))
    }
    assert ends[0.0, 4.0] == (["MAXIMUM", "LOG", "MUL", "EXP"], pytest.approx([4 / 32767]))
    graph = CASES["POW 1.5"][0]()
    replaced(graph, (0.0, 4.0))
    require_settings_and_shapes(graph)
    assert ends[1.0, 4.0] == ends[4 / 32767, 4.0] == (["LOG", "MUL", "EXP"], [])


def test_each_of_both_gelus_is_itself():
    """The form of the one with tanh is exact; that of the one with erf is nearer to it than the other is."""
    x = np.linspace(-5, 5, 60, dtype="float32")[np.newaxis]
    by_erf = np.array([0.5 * each * (1 + erf(each / 2**0.5)) for each in x[0].astype(float)])
    by_tanh = 0.5 * x[0] * (1 + np.tanh((2 / np.pi) ** 0.5 * (x[0] + 0.044715 * x[0] ** 3)))
    for name, right, most in (("GELU", by_erf, 3.2e-4), ("GELU by tanh", by_tanh, 2e-5)):
        graph = CASES[name][0]()
        replaced(graph, (-5.0, 5.0))
        assert np.abs(run(graph, x)[0][0] - right).max() < most, name


def test_a_result_has_the_shape_of_both_operands():
    graph = Graph("main")
    row, column = graph.add(Value("row", (1, 4))), graph.add(Value("column", (3, 1)))
    build = OpBuilder(graph, row)
    made = [
        build.mul(row, column),
        build.sub(column, row),
        build.add(row, 1.0),
        build.mean(build.mul(row, column), (0,)),
    ]
    assert [value.shape for value in made] == [(3, 4), (3, 4), (1, 4), (1, 4)]


def test_ops_are_chosen_one_by_one_and_all_new_values_are_told():
    graph = CASES["SQRT"][0]()
    last = graph.add(Value("last", ROW))
    graph.append(Op("GELU", [graph.outputs[0]], [last], options("Gelu")))
    graph.append(Op("ELU", [last], [graph.add(Value("end", ROW))]))
    graph.inputs[0].range = POSITIVE
    new = int16_forms(graph, lambda op: op.name != "last")
    assert kinds(graph).count("GELU") == 1
    assert {value.name.partition("/")[0] for value in new} == {"y0", "end"}
