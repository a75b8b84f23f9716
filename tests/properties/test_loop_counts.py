"""How often each graph of a file runs for one sample, against loops in Python and graphs counted by hand."""

import itertools
import math

import numpy as np
import pytest

import tfcompress
from tests.foreign_files import Graph, empty_model, schema
from tfcompress.litert.flatbuffer import pack
from tfcompress.litert.subgraph_runs import MAX_COUNT, callers_first, runs, runs_by_signature, runs_from, trip_count


def product(graph, x):
    """A multiplication of 4 × 4."""
    y = graph.tensor((1, 4))
    graph.op("FULLY_CONNECTED", [x, graph.constant(np.eye(4)), -1], [y], schema.FullyConnectedOptionsT())
    return y


def loop(start, limit, step, kind="LESS", *, dtype="int32", swapped=False, carried=False, add="ADD", odd=None):
    """for (i = start; i < limit; i += step): one FULLY_CONNECTED of 4 × 4. `carried`: the limit goes round as well."""
    model = empty_model()
    main, condition, body = Graph(model), Graph(model), Graph(model)
    x, y = main.tensor((1, 4)), main.tensor((1, 4))
    options = schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = 1, 2
    first = main.tensor((1,), dtype) if odd == "start" else main.constant([start], dtype)
    ends = [first, main.constant([limit], dtype), x] if carried else [first, x]
    main.op("WHILE", ends, [*(main.tensor((1,), dtype) for _ in ends[:-1]), y], options)
    main.ends([x, first] if odd == "start" else [x], [y])
    i, n, value = condition.tensor((1,), dtype), condition.tensor((1,), dtype), condition.tensor((1, 4))
    bound = n if carried else condition.constant([limit, limit] if odd == "limits" else [limit], dtype)
    on = condition.tensor((1,), "bool")
    condition.op(kind, [bound, i] if odd == "turned" else [i, bound], [on])
    condition.ends([i, n, value] if carried else [i, value], [on])
    i, n, value = body.tensor((1,), dtype), body.tensor((1,), dtype), body.tensor((1, 4))
    raised = body.tensor((1,), dtype)
    read = [i, i] if odd == "doubled" else [i, body.constant([step], dtype)]
    body.op(add, read[::-1] if swapped else read, [raised])
    out = [raised, *([n] if carried else []), product(body, value)]
    body.ends([i, *([n] if carried else []), value], out)
    return model


def simulated(start, limit, step, kind):
    count = 0
    while start < limit or (kind == "LESS_EQUAL" and start == limit):
        start, count = start + step, count + 1
    return count


@pytest.mark.parametrize("kind", ["LESS", "LESS_EQUAL"])
@pytest.mark.parametrize(
    ("start", "limit", "step"), [(0, 6, 1), (0, 6, 4), (2, 11, 3), (-5, 5, 5), (6, 6, 1), (9, 6, 1)]
)
@pytest.mark.parametrize("form", [{}, {"swapped": True}, {"carried": True}, {"dtype": "float32"}, {"dtype": "int64"}])
def test_a_loop_runs_as_often_as_one_in_python(start, limit, step, kind, form):
    tflite = tfcompress.TFLiteModel(pack(loop(start, limit, step, kind, **form)))
    expected = simulated(start, limit, step, kind)
    assert trip_count(tflite, tflite.ops[0]) == expected
    found = runs(tflite)
    assert (found.macs, found.uncounted) == (16 * expected, ())
    assert found.counts == {0: 1, 1: expected + 1} | ({2: expected} if expected else {})


@pytest.mark.parametrize(
    "form",
    [{"kind": "GREATER"}, {"add": "SUB"}, {"step": 0}, {"step": -1}, {"odd": "start"}, {"odd": "limits"},
     {"odd": "turned"}, {"odd": "doubled"}, {"dtype": "float32", "limit": math.inf}],
)  # fmt: skip
def test_a_loop_that_constants_do_not_tell_counts_once_and_is_named(form):
    settings = {"start": 0, "limit": 6, "step": 1} | form
    tflite = tfcompress.TFLiteModel(pack(loop(**settings)))
    assert trip_count(tflite, tflite.ops[0]) is None
    found = runs(tflite)
    assert (found.macs, found.uncounted, found.counts) == (16, (tflite.ops[0],), {0: 1, 1: 1, 2: 1})
    assert "loop WHILE (op 0): the file does not tell how often it runs; counted once" in str(
        tfcompress.inspect(tflite)
    )


def test_the_number_of_trips_of_a_hostile_loop_is_bounded():
    tflite = tfcompress.TFLiteModel(pack(loop(0, 3e38, 1e-30, dtype="float32")))
    assert trip_count(tflite, tflite.ops[0]) == MAX_COUNT
    assert runs(tflite).macs == MAX_COUNT


def joined(limits, known=True):
    """A condition of several comparisons: a loop of Keras ends at the first of its limits."""
    model = loop(0, limits[0], 1)
    graph = Graph.of(model, 1)
    i, on = graph.raw.inputs[0], graph.raw.outputs[0]
    for limit in limits[1:]:
        part, both = graph.tensor((1,), "bool"), graph.tensor((1,), "bool")
        graph.op("LESS" if known else "EQUAL", [i, graph.constant([limit], "int32")], [part])
        graph.op("LOGICAL_AND", [on, part], [both])
        on = both
    graph.raw.outputs = [on]
    return tfcompress.TFLiteModel(pack(model))


def test_a_loop_ends_at_the_first_of_its_limits():
    for limits in itertools.permutations([7, 5, 9]):
        tflite = joined(limits)
        assert trip_count(tflite, tflite.ops[0]) == 5
    unknown = joined([7, 5], known=False)
    assert trip_count(unknown, unknown.ops[0]) is None
    few, many = joined([9] * 4), joined([9] * 40)
    assert trip_count(few, few.ops[0]) == 9
    assert trip_count(many, many.ops[0]) is None, "so many no honest file has"


def nested(*calls):
    """Graphs of an op each that runs another graph; the last multiplies 4 × 4."""
    model = empty_model()
    graphs = [Graph(model) for _ in range(len(calls) + 1)]
    for number, (graph, (kind, options)) in enumerate(zip(graphs, calls, strict=False)):
        x, y = graph.tensor((1, 4)), graph.tensor((1, 4))
        graph.op(kind, [x], [y], options(number + 1))
        graph.ends([x], [y])
    x = graphs[-1].tensor((1, 4))
    y = product(graphs[-1], x)
    graphs[-1].ends([x], [y])
    return model


def once(number):
    options = schema.CallOnceOptionsT()
    options.initSubgraphIndex = number
    return options


def called(number):
    options = schema.CallOptionsT()
    options.subgraph = number
    return options


def test_what_a_call_runs_counts_and_what_runs_once_for_all_samples_does_not():
    found = runs(tfcompress.TFLiteModel(pack(nested(("CALL", called), ("CALL", called)))))
    assert (found.counts, found.macs) == ({0: 1, 1: 1, 2: 1}, 16)
    found = runs(tfcompress.TFLiteModel(pack(nested(("CALL", called), ("CALL_ONCE", once)))))
    assert (found.counts, found.macs) == ({0: 1, 1: 1}, 0)


def test_graphs_may_stand_in_any_order():
    """0 runs 2, 2 runs 1, 1 runs 3."""
    order = {0: 2, 1: 3, 2: 1}
    model = nested(*[("CALL", lambda number: called(order[number - 1]))] * 3)
    found = runs(tfcompress.TFLiteModel(pack(model)))
    assert (found.counts, found.macs) == ({0: 1, 1: 1, 2: 1, 3: 1}, 16)


def test_ops_of_one_graph_run_several_others():
    """0 runs 1 once and 2 twice, and 2 runs 1: it waits for both."""
    model = empty_model()
    for calls in ((1, 2, 2), (), (1,)):
        graph = Graph(model)
        x = first = graph.tensor((1, 4))
        for number in calls:
            before, x = x, graph.tensor((1, 4))
            graph.op("CALL", [before], [x], called(number))
        graph.ends([first], [product(graph, x)])
    tflite = tfcompress.TFLiteModel(pack(model))
    assert callers_first(tflite) == [0, 2, 1]
    found = runs(tflite)
    assert (found.counts, found.macs) == ({0: 1, 1: 3, 2: 2}, 16 * 6)


def test_loops_inside_of_loops_multiply_and_callers_come_before_what_they_run():
    model = loop(0, 3, 1)
    inner = loop(0, 5, 1)
    offset = len(model.subgraphs)
    body = model.subgraphs[2]
    codes, buffers = len(model.operatorCodes), len(model.buffers)
    for graph in inner.subgraphs:
        for tensor in graph.tensors:
            tensor.buffer += buffers if tensor.buffer else 0
        for op in graph.operators:
            op.opcodeIndex += codes
            if isinstance(op.builtinOptions, schema.WhileOptionsT):
                op.builtinOptions.condSubgraphIndex += offset
                op.builtinOptions.bodySubgraphIndex += offset
    model.operatorCodes += inner.operatorCodes
    model.buffers += inner.buffers
    model.subgraphs += inner.subgraphs
    graph = Graph.of(model, 2)
    result = graph.tensor((1, 4))
    graph.op("CALL", [body.outputs[1]], [result], called(offset))
    body.outputs[1] = result
    tflite = tfcompress.TFLiteModel(pack(model))
    found = runs(tflite)
    assert found.counts == {0: 1, 1: 4, 2: 3, 3: 3, 4: 18, 5: 15}
    assert found.macs == 16 * 3 + 16 * 15
    rows = tfcompress.inspect(tflite).rows
    assert sum(row.macs for row in rows) == found.macs
    order = callers_first(tflite)
    assert sorted(order) == [*range(6)]
    for op in tflite.ops:
        assert all(order.index(op.subgraph) < order.index(number) for number in op.calls)


def branches(*sizes):
    """An IF whose branches multiply so often."""
    model = empty_model()
    main = Graph(model)
    options = schema.IfOptionsT()
    options.thenSubgraphIndex, options.elseSubgraphIndex = 1, 2
    ends = [main.tensor((1,), "bool"), main.tensor((1, 4))], [main.tensor((1, 4))]
    main.op("IF", *ends, options)
    main.ends(*ends)
    for times in sizes:
        graph = Graph(model)
        x = first = graph.tensor((1, 4))
        for _ in range(times):
            x = product(graph, x)
        graph.ends([first], [x])
    return tfcompress.TFLiteModel(pack(model))


@pytest.mark.parametrize(("sizes", "chosen"), [((1, 3), 2), ((3, 1), 1)])
def test_of_two_branches_the_costlier_counts(sizes, chosen):
    found = runs(branches(*sizes))
    assert (found.macs, found.counts) == (48, {0: 1, chosen: 1})


def with_signatures(model, **graphs):
    model.signatureDefs = []
    for name, number in graphs.items():
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = name, number
        signature.inputs, signature.outputs = [], []
        model.signatureDefs.append(signature)
    return tfcompress.TFLiteModel(pack(model))


def test_each_graph_is_of_the_first_signature_that_runs_it():
    """0 runs 1 and 1 runs 2, and 3 stands alone."""
    model = nested(("CALL", called), ("CALL", called))
    graph = Graph(model)
    x = graph.tensor((1, 4))
    graph.ends([x], [product(graph, x)])
    every = {0: ("main", 1), 1: ("main", 1), 2: ("main", 1), 3: ("alone", 1)}
    assert runs_by_signature(with_signatures(model, alone=3, main=0, part=1)) == every
    assert runs_by_signature(with_signatures(model, main=0, again=0)) == {n: ("main", 1) for n in range(3)}
    assert runs_by_signature(with_signatures(model, part=1, alone=3)) == {
        0: ("", 1), 1: ("", 1), 2: ("", 1), 3: ("alone", 1),
    }  # fmt: skip
    assert runs_by_signature(with_signatures(model)) == {n: ("", 1) for n in range(3)}
    several = runs_from(with_signatures(model), [2, 3, 2, 1])
    assert [(start, found.counts) for start, found in several.items()] == [(2, {2: 1}), (3, {3: 1}), (1, {1: 1, 2: 1})]
    assert runs(with_signatures(model), 3).counts == {3: 1}
    assert runs(with_signatures(model), 3).macs == 16


def test_a_graph_that_runs_in_a_loop_counts_by_its_trips():
    tflite = with_signatures(loop(0, 5, 1), train=0)
    assert runs_by_signature(tflite) == {0: ("train", 1), 1: ("train", 6), 2: ("train", 5)}
