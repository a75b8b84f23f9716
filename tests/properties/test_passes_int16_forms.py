"""Ops without an int16 kernel compute the same in another form: in float, in LiteRT's int16, and in TFLM's."""

import numpy as np
import pytest

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
from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.passes.int16_forms import FORMS, int16_forms
from tfcompress.litert.passes.quantize_int16 import quantize_int16
from tfcompress.litert.serialization import options

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
    "DEPTH_TO_SPACE": (one("DEPTH_TO_SPACE", "DepthToSpace", IMAGE, (1, 8, 12, 3), blockSize=2), [ANY], 70, True),
    "SPACE_TO_DEPTH": (one("SPACE_TO_DEPTH", "SpaceToDepth", IMAGE, (1, 2, 3, 48), blockSize=2), [ANY], 70, True),
    "LOG_SOFTMAX": (one("LOG_SOFTMAX", "LogSoftmax"), [ANY], 50, False),
    "GELU": (one("GELU", "Gelu"), [ANY], 65, True),
    "GELU, wide": (one("GELU", "Gelu"), [(-30.0, 30.0)], 60, True),
    "GELU by tanh": (one("GELU", "Gelu", approximate=True), [ANY], 65, True),
    "HARD_SWISH": (one("HARD_SWISH", "HardSwish"), [ANY], 70, True),
    "PRELU": (lambda: of_two("PRELU", "Add", SIGNS[np.newaxis] / 4), [ANY], 70, True),
    "ELU": (one("ELU"), [ANY], 60, False),
    "L2_NORMALIZATION": (one("L2_NORMALIZATION", "L2Norm"), [ANY], 50, True),
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
