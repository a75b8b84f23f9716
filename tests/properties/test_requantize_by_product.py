"""Int8 values that go to another scale are not shifted on the way, whichever kernels run."""

import numpy as np
import pytest

from tests.properties.graphs import constant, kinds, run, run_optimised
from tfcompress.litert.graph import Graph, Op, Quantization, Value
from tfcompress.litert.passes.requantize_by_product import requantize_by_product
from tfcompress.litert.passes.requantize_narrow import MARK

EVERY = np.arange(-128, 128)


def requantized(ratio, zeros=(-128, -20), types=("int8", "int8")):
    """QUANTIZE(x) of all 256 integers; `ratio` is the scale of x over that of the result."""
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 256))), graph.add(Value("y", (1, 256)))
    for value, scale, zero, dtype in zip((x, y), (1 / 256, 1 / 256 / ratio), zeros, types, strict=True):
        value.dtype = dtype
        value.quantization = Quantization(np.array([scale], np.float32), np.array([zero], np.int64))
    graph.append(Op("QUANTIZE", [x], [y], version=2))
    graph.inputs, graph.outputs = [x], [y]
    return graph


@pytest.mark.parametrize("kernels", [run, run_optimised])
@pytest.mark.parametrize("ratio", [1.7, 0.9, 0.45, 0.3, 0.2, 0.13, 0.03, 0.01])
def test_nothing_is_shifted(ratio, kernels):
    graph = requantized(ratio)
    requantize_by_product(graph)
    assert kinds(graph) == ["MUL"]
    right = (EVERY + 128) * ratio - 20
    error = (kernels(graph, EVERY[np.newaxis])[0][0] - right)[right < 127]
    assert abs(error.mean()) < 0.08, "a QUANTIZE has up to 0.25"
    assert np.sqrt(np.square(error).mean()) < 0.3, "the noise of one rounding is 0.29"


@pytest.mark.parametrize("name", ["z", f"x{MARK}3"])
def test_all_products_share_their_one(name):
    graph = requantized(0.3)
    again = graph.add(Value(name, (1, 256), "int8"))
    again.quantize("int8", 0.1)
    own = constant(graph, np.int8(127))
    own.quantize("int8", 1 / 255)
    kind, inputs = ("MUL", [graph.outputs[0], own]) if MARK in name else ("QUANTIZE", [graph.outputs[0]])
    graph.append(Op(kind, inputs, [again], version=2))
    requantize_by_product(graph)
    first, second = graph.ops
    assert first.inputs[1] is second.inputs[1]
    one = first.inputs[1]
    assert (one.dtype, one.data.item(), one.scale) == ("int8", 127, pytest.approx(1 / 127))
    assert [(type(op.options).__name__, op.version) for op in graph.ops] == [("MulOptionsT", 2)] * 2


def test_what_stays_keeps_none_behind_it_from_a_product():
    """A QUANTIZE that changes no step; products that the pass has not made, or that are not by a constant."""
    graph = requantized(1.0)
    (x,), (y,) = graph.inputs, graph.outputs
    own = constant(graph, np.int8(127))
    own.quantize("int8", 1 / 255)
    for name, other in (("product", own), (f"y{MARK}0", y), ("last", None)):
        made = graph.add(Value(name, (1, 256), "int8"))
        made.quantize("int8", 0.1)
        graph.append(Op("MUL", [x, other], [made], version=2) if other else Op("QUANTIZE", [x], [made], version=2))
    requantize_by_product(graph)
    assert kinds(graph) == ["QUANTIZE", "MUL", "MUL", "MUL"]
    assert [op.inputs[1] for op in graph.ops[1:3]] == [own, y]


@pytest.mark.parametrize(("ratio", "types"), [(1.0, ("int8", "int8")), (1.0, ("uint8", "int8"))])
def test_what_changes_no_step_stays(ratio, types):
    graph = requantized(ratio, types=types)
    requantize_by_product(graph)
    assert kinds(graph) == ["QUANTIZE"]
