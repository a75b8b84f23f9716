"""Digits that another tool puts behind a name make no other name."""

from tests.properties.graphs import graph_of
from tfcompress.litert.graph import Value
from tfcompress.litert.passes.mark_names import mark_names, unmark_names


def test_copies_of_a_value_are_not_taken_for_another():
    graph = graph_of("RELU", (1, 2), [(1, 2)])
    names = ["net/mul_1", "net/mul_11", "net/mul_111", "net/mul"]
    values = [graph.add(Value(name, (1, 2))) for name in names]
    before = [value.name for value in graph.values]
    mark_names(graph)
    assert len({value.name for value in graph.values}) == len(before)
    copies = [graph.add(Value(value.name + "1", (1, 2))) for value in values]  # as the quantizer does
    unmark_names(graph)
    assert [value.name for value in graph.values[: len(before)]] == before
    assert copies[-1].name.startswith("net/mul1")
    assert len({value.name for value in graph.values}) == len(graph.values), "each has a name of its own"


def test_two_copies_of_one_value_have_two_names():
    graph = graph_of("RELU", (1, 2), [(1, 2)])
    mark_names(graph)
    name = graph.values[1].name
    copies = [graph.add(Value(name + "1", (1, 2))) for _ in range(3)]
    last = graph.add(Value("y01~9~", (1, 2)))
    unmark_names(graph, {"x", "y0"})
    assert [value.name for value in graph.values[:2]] == ["x", "y0"]
    assert [value.name for value in (*copies, last)] == ["y01_", "y01__", "y01___", "y01"]


def test_names_without_a_mark_stay():
    graph = graph_of("RELU", (1, 2), [(1, 2)])
    mark_names(graph)
    graph.add(Value("tfl.quantize", (1, 2)))
    unmark_names(graph)
    assert [value.name for value in graph.values] == ["x", "y0", "tfl.quantize"]


def test_what_is_fused_of_ops_that_are_apart_has_the_name_of_the_last():
    graph = graph_of("RELU", (1, 2), [(1, 2)])
    for names in ("relu~5~;add~4~", "relu_1~6~;add_1~7~", "conv;bias~8~"):
        graph.add(Value(names, (1, 2)))
    unmark_names(graph, {"relu", "add"})
    assert [value.name for value in graph.values[-3:]] == ["relu", "relu_1;add_1", "conv;bias"]
