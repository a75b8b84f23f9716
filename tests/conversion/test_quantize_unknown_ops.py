"""Ops of a float file that litert-quantizer does not know, or int8 cannot do, are in int16; masks cost no steps."""

import numpy as np
import pytest

import tfcompress
from tests.properties.graphs import constant
from tfcompress.litert.graph import EditableFile, Graph, Op, Signature, Value
from tfcompress.litert.serialization import options, write_graph

pytest.importorskip("litert_quantizer")


def op(graph, kind, inputs, shape, form=None, dtype="float32"):
    result = graph.add(Value(f"{kind.lower()}_{len(graph.ops)}", shape, dtype))
    graph.append(Op(kind, inputs, [result], form))
    return result


def elu(graph, x):
    return op(graph, "ELU", [x], x.shape)


def division(graph, x):
    divisor = op(graph, "ADD", [op(graph, "ABS", [x], x.shape), constant(graph, np.float32(0.5))], x.shape)
    graph.ops[-1].options = options("Add")
    return op(graph, "DIV", [x, divisor], x.shape, options("Div"))


def largest(graph, x):
    form = options("Reducer", keepDims=True)
    return op(graph, "REDUCE_MAX", [x, constant(graph, np.array([1], np.int32))], (1, 1, x.shape[2]), form)


def chosen(graph, x):
    more = op(graph, "GREATER", [x, constant(graph, np.float32(0.1))], x.shape, options("Greater"), "bool")
    return op(graph, "SELECT_V2", [more, x, constant(graph, np.float32(0.0))], x.shape, options("SelectV2"))


def selu(graph, x):
    """Where it is not chosen, the exponential is wide: in int8 it would leave the rest no steps."""
    more = op(graph, "GREATER", [x, constant(graph, np.float32(0.0))], x.shape, options("Greater"), "bool")
    power = op(graph, "EXP", [x], x.shape, options("Exp"))
    below = op(graph, "SUB", [power, constant(graph, np.float32(1.0))], x.shape, options("Sub"))
    scaled = op(graph, "MUL", [below, constant(graph, np.float32(1.67))], x.shape, options("Mul"))
    return op(graph, "SELECT_V2", [more, x, scaled], x.shape, options("SelectV2"))


def causal(graph, x):
    """Attention of a sequence to what came before."""
    square = (1, x.shape[1], x.shape[1])
    scores = op(graph, "BATCH_MATMUL", [x, x], square, options("BatchMatMul", adjY=True))
    before, low = constant(graph, np.tril(np.ones(square, bool))), constant(graph, np.float32(-1e9))
    masked = op(graph, "SELECT_V2", [before, scores, low], square, options("SelectV2"))
    weights = op(graph, "SOFTMAX", [masked], square, options("Softmax", beta=1.0))
    return op(graph, "BATCH_MATMUL", [weights, x], x.shape, options("BatchMatMul"))


def dense(graph, x, rng, count):
    weights = constant(graph, (rng.normal(size=(count, x.shape[2])) / 3).astype(np.float32))
    bias = constant(graph, rng.normal(size=count).astype(np.float32) / 9)
    form = options("FullyConnected", keepNumDims=True)
    return op(graph, "FULLY_CONNECTED", [x, weights, bias], (*x.shape[:2], count), form)


@pytest.mark.parametrize(
    ("form", "at_the_ends"),
    [(elu, False), (division, False), (largest, True), (chosen, False), (selu, False), (causal, False)],
)
def test_the_file_is_integer_and_near_the_float_one(rng, form, at_the_ends):
    graph = Graph("main")
    x = graph.add(Value("x", (1, 6, 8)))
    y = form(graph, x) if at_the_ends else dense(graph, form(graph, dense(graph, x, rng, 8)), rng, 4)
    graph.inputs, graph.outputs = [x], [y]
    graph.signatures = [Signature("serving_default", [("x", x)], [("y", y)])]
    floats = tfcompress.TFLiteModel(write_graph(EditableFile([graph])))
    samples = rng.normal(size=(100, 6, 8)).astype("float32")
    made = tfcompress.quantize(floats, samples=samples)
    assert tfcompress.inspect(made).float_ops == ()
    assert [spec.dtype for spec in (*made.inputs, *made.outputs)] == ["int8", "int8"]
    right = tfcompress.Runner(floats).predict(samples)
    found = tfcompress.Runner(made, runtime="reference").predict(samples)
    assert 10 * np.log10(right.var() / np.square(found - right).mean()) > 30
