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
