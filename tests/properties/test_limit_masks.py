"""Masks before a softmax end near the scores, and the softmax stays what it was."""

import numpy as np
import pytest

from tests.properties.graphs import constant, kinds, run_each
from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.passes.clip_masks import limit_masks
from tfcompress.litert.passes.quantize_int16 import quantize_int16
from tfcompress.litert.serialization import options


def masked(form, far):
    """A softmax of scores and a mask, in one of the ways in which models write it."""
    graph = Graph("main")
    scores, mask = graph.add(Value("scores", (1, 12))), graph.add(Value("mask", (1, 12)))
    sum_, result = graph.add(Value("sum", (1, 12))), graph.add(Value("result", (1, 12)))
    limit = constant(graph, np.full((), -far if form != "SUB" else far, np.float32))
    if form == "SELECT_V2":
        where = graph.add(Value("where", (1, 12), "bool"))
        graph.append(Op("GREATER", [mask, constant(graph, np.full((), 0.5, np.float32))], [where], options("Greater")))
        graph.append(Op("SELECT_V2", [where, limit, scores], [sum_], options("SelectV2")))
    else:
        product = graph.add(Value("product", (1, 12)))
        graph.append(Op("MUL", [mask, limit], [product], options("Mul")))
        pair = [product, scores] if form == "ADD, swapped" else [scores, product]
        graph.append(Op(form[:3], pair, [sum_], options(form[:3].title())))
    last = sum_
    if form.endswith("moved"):
        last = graph.add(Value("last", (1, 12)))
        graph.append(Op("TRANSPOSE", [sum_, constant(graph, np.int32([0, 1]))], [last], options("Transpose")))
    graph.append(Op("SOFTMAX", [last], [result], options("Softmax", beta=1.0)))
    graph.inputs, graph.outputs = [scores, mask], [result]
    return graph


def measured(graph, rows):
    kept = graph.outputs
    graph.outputs = [v for v in graph.values if v.dtype == "float32" and not v.is_constant]
    found = run_each(graph, rows)
    drawn = {
        value: np.concatenate([y.reshape(-1) for y in arrays])
        for value, arrays in zip(graph.outputs, zip(*found, strict=True), strict=True)
    }
    for value, numbers in drawn.items():
        value.range = float(min(numbers.min(), 0)), float(max(numbers.max(), 0))
    graph.outputs = kept
    return drawn


@pytest.mark.parametrize("far", [1e4, 1e9])
@pytest.mark.parametrize("form", ["SELECT_V2", "ADD", "ADD, swapped", "ADD, moved", "SUB"])
def test_scores_beside_a_mask_keep_their_steps_in_int16(rng, form, far):
    graph = masked(form, far)
    rows = [(rng.normal(0, 3, (1, 12)), (rng.uniform(size=(1, 12)) < 0.4).astype(float)) for _ in range(30)]
    right = [outputs[0] for outputs in run_each(graph, rows)]
    drawn = measured(graph, rows)
    limit_masks(graph, drawn)
    np.testing.assert_allclose([outputs[0] for outputs in run_each(graph, rows)], right, atol=1e-6)
    assert graph.ops[-1].inputs[0].range[0] > -50
    quantize_int16(graph, {v.name: v.range for v in graph.values if v.range is not None}, lambda op: True)
    found = [outputs[0] for outputs in run_each(graph, rows)]
    np.testing.assert_allclose(found, right, atol=2e-3)


def test_scores_without_a_mask_stay(rng):
    graph = masked("ADD", 3.0)
    rows = [(rng.normal(0, 3, (1, 12)), (rng.uniform(size=(1, 12)) < 0.4).astype(float)) for _ in range(30)]
    drawn = measured(graph, rows)
    before = {value: value.range for value in graph.values}
    limit_masks(graph, drawn)
    assert {value: value.range for value in graph.values} == before
    assert kinds(graph) == ["MUL", "ADD", "SOFTMAX"]


def test_a_sum_that_others_read_stays(rng):
    graph = masked("ADD", 1e9)
    graph.append(Op("ABS", [graph.ops[-1].inputs[0]], [graph.add(Value("other", (1, 12)))]))
    rows = [(rng.normal(0, 3, (1, 12)), (rng.uniform(size=(1, 12)) < 0.4).astype(float)) for _ in range(30)]
    drawn = measured(graph, rows)
    limit_masks(graph, drawn)
    assert graph.ops[-2].inputs[0].range[0] < -1e8


def added(far, bounds=None):
    """Scores from -8 to 8 plus a mask of 0 and -far, reshaped before the softmax; what each value holds."""
    graph = Graph("main")
    names = ("scores", "mask", "product", "sum", "flat", "result")
    scores, mask, product, sum_, flat, result = (graph.add(Value(name, (1, 12))) for name in names)
    graph.append(Op("MUL", [mask, constant(graph, np.float32(-far))], [product], options("Mul")))
    graph.append(Op("ADD", [scores, product], [sum_], options("Add")))
    graph.append(Op("RESHAPE", [sum_, constant(graph, np.int32([1, 12]))], [flat]))
    graph.append(Op("SOFTMAX", [flat], [result], options("Softmax", beta=1.0)))
    graph.inputs, graph.outputs = [scores, mask], [result]
    numbers, ones = np.linspace(-8, 8, 12), (np.arange(12) % 3 == 0).astype(float)
    drawn = {scores: numbers, mask: ones, product: -far * ones, sum_: numbers - far * ones, flat: numbers - far * ones}
    for value, held in drawn.items():
        value.range = (float(held.min()), float(held.max()))
    for value in (sum_, flat):
        value.range = bounds or value.range
    return graph, drawn, (product, sum_, flat)


@pytest.mark.parametrize("far", [1e3, 1e9])
def test_a_mask_ends_20_below_the_smallest_score_through_a_reshape(far):
    graph, drawn, (product, sum_, flat) = added(far)
    limit_masks(graph, drawn)
    low = min(x for x in drawn[sum_] if x > -100) - 20
    assert flat.range == sum_.range == pytest.approx((low, drawn[sum_].max()))
    assert product.range == pytest.approx((low - 8, 0))
    assert graph.ops[0].inputs[1].data == pytest.approx(low - 8)


def test_a_range_that_leaves_scores_out_is_widened_to_them():
    """As a range of least error does: from -1 to 1 beside scores from -8 to 8."""
    graph, drawn, (_, sum_, flat) = added(1e3, bounds=(-1.0, 1.0))
    limit_masks(graph, drawn)
    scores = drawn[sum_][drawn[sum_] > -100]
    assert flat.range == sum_.range == pytest.approx((scores.min() - 20, scores.max()))


@pytest.mark.parametrize(("far", "is_mask"), [(100.0, False), (150.0, True)])
def test_a_mask_is_16_times_as_far_out_as_the_scores(far, is_mask):
    graph, drawn, (product, *_) = added(far)
    before = product.range
    limit_masks(graph, drawn)
    assert (product.range != before) == is_mask


def before_softmax(kind, *inputs, scores=(-8.0, 8.0)):
    """A softmax of an op on scores and constants; numbers of its result are drawn as if they were measured."""
    graph = Graph("main")
    named = {"scores": graph.add(Value("scores", (1, 12))), "where": graph.add(Value("where", (1, 12), "bool"))}
    named["scores"].range = scores
    read = [named[each] if isinstance(each, str) else constant(graph, each) for each in inputs]
    made, result = graph.add(Value("made", (1, 12))), graph.add(Value("result", (1, 12)))
    graph.append(Op(kind, read, [made]))
    graph.append(Op("SOFTMAX", [made], [result]))
    graph.inputs, graph.outputs = [named["scores"]], [result]
    drawn = {made: np.array([-1e4, *np.linspace(-8, 8, 12)])}
    made.range = (-1e4, 8.0)
    return graph, drawn, made


FAR = np.float32([[0, -1e4] * 6])


@pytest.mark.parametrize(
    ("kind", "inputs", "place", "ends"),
    [("ADD", ("scores", FAR), 1, (-36, 0)), ("ADD", (FAR, "scores"), 0, (-36, 0)),
     ("ADD", ("scores", FAR * 0.0128), 1, (-36, 0)), ("SUB", ("scores", -FAR), 1, (0, 36)),
     ("SUB", (FAR, "scores"), 0, (-36, 0)),
     ("SELECT_V2", ("where", "scores", FAR), 2, (-28, 0)), ("SELECT_V2", ("where", FAR, "scores"), 1, (-28, 0))],
)  # fmt: skip
def test_constants_end_where_the_result_is_20_below_the_scores(kind, inputs, place, ends):
    """The smallest score is -8, what is added to it lies between -8 and 8."""
    graph, drawn, made = before_softmax(kind, *inputs)
    limit_masks(graph, drawn)
    held = graph.ops[0].inputs[place]
    assert (held.data.min(), held.data.max()) == ends
    assert (held.shape, held.dtype, held.name.endswith("_before_made")) == ((1, 12), "float32", True)
    assert made.range == (-28, 8)


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [-1e4],
        [1e4, 1.0],
        [0.0, 0.0],
        [-19.0, 0.5],
        [-20.0, 1.0],
        [-100.0, 8.0, 1.0],
        [-160.0, 10.0],
        [-1e4, -4e3, 3.0],
    ],
    ids=[
        "none",
        "masks alone",
        "far above",
        "zeros",
        "near",
        "20 below",
        "not 16 times as far",
        "just 16 times",
        "less than half as far as the mask",
    ],
)
def test_without_a_mask_nothing_ends(numbers):
    graph, _, made = before_softmax("ADD", "scores", FAR)
    before = graph.ops[0].inputs[1]
    limit_masks(graph, {made: np.array(numbers)})
    assert made.range == (-1e4, 8.0)
    assert graph.ops[0].inputs[1] is before
    limit_masks(graph, {})
    assert made.range == (-1e4, 8.0)


def test_what_is_half_as_far_out_as_the_mask_is_one_too():
    graph, _, made = before_softmax("ADD", "scores", FAR)
    limit_masks(graph, {made: np.array([-1e4, -5e3, -6e3, 3.0, -2.0])})
    assert made.range == (-22, 8)


def test_scores_that_nothing_tells_the_range_of_leave_the_mask():
    graph, drawn, made = before_softmax("ADD", "scores", FAR, scores=None)
    before = graph.ops[0].inputs[1]
    limit_masks(graph, drawn)
    assert graph.ops[0].inputs[1] is before
    assert made.range == (-28, 8)


def test_of_two_constants_like_scores_neither_ends():
    graph, drawn, _ = before_softmax("ADD", "scores", np.float32([[0, -9] * 6]))
    before = graph.ops[0].inputs[1]
    limit_masks(graph, drawn)
    assert graph.ops[0].inputs[1] is before


BIAS = np.float32([[-2, 2] * 6])


@pytest.mark.parametrize(
    ("kind", "inputs", "place", "ends"),
    [("ADD", (BIAS, -FAR), 1, (0, 38)), ("ADD", (-FAR, BIAS), 0, (0, 38)), ("SUB", (-FAR, BIAS), 0, (0, 38)),
     ("SUB", (BIAS, FAR), 1, (-38, 0)), ("SELECT_V2", ("where", BIAS, -FAR), 2, (0, 36))],
)  # fmt: skip
def test_what_is_taken_off_the_scores_ends_above(kind, inputs, place, ends):
    """The result may be 36 at most, what is added to it or taken off lies between -2 and 2."""
    graph, drawn, _ = before_softmax("SUB", "scores", "scores")
    where = graph.values[1]
    far = graph.add(Value("far", (1, 12)))
    far.range = (-2.0, 1e4 + 2)
    read = [where if isinstance(each, str) else constant(graph, each) for each in inputs]
    graph.insert(Op(kind, read, [far]), 0)
    graph.set_input(graph.ops[1], 1, far)
    limit_masks(graph, drawn)
    held = graph.ops[0].inputs[place]
    assert (held.data.min(), held.data.max()) == ends
    assert far.range == (-2, 36)


def test_what_nobody_has_drawn_ends_all_the_same():
    graph, drawn, (product, sum_, _) = added(1e3)
    del drawn[product]
    low = min(x for x in drawn[sum_] if x > -100) - 20
    limit_masks(graph, drawn)
    assert product.range == pytest.approx((low - 8, 0))


def test_a_factor_of_what_is_no_mask_stays():
    """Of numbers other than 0 and 1, and of those that nobody has drawn."""
    for drawn_mask in (np.linspace(0, 1, 12), None):
        graph, drawn, (product, *_) = added(1e3)
        drawn[graph.inputs[1]] = drawn_mask
        if drawn_mask is None:
            del drawn[graph.inputs[1]]
        limit_masks(graph, drawn)
        assert graph.ops[0].inputs[1].data == -1e3
        assert product.range[0] > -100, "its range ends all the same"
