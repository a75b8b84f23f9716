"""A fused LSTM of a trained model has the name of the scope of its fake quant, and so have neighbours without one."""

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.passes.name_trained_lstms import name_trained_lstms


def rounded(graph, value, name):
    """Append the pair of casts of a fake quant."""
    cast, result = graph.add(Value(f"{name}/FakeQuant;other/slice", (1, 3), "uint8")), graph.add(Value(name, (1, 3)))
    graph.append(Op("QUANTIZE", [value], [cast]))
    graph.append(Op("DEQUANTIZE", [cast], [result]))
    return result


def test_names_come_from_the_fake_quant_behind_it_or_behind_the_slice():
    graph = Graph("main")
    x, back, first, last, second = (
        graph.add(Value(name, (1, 3))) for name in ("x", "tfl.reverse_v2", "tfl.lstm", "tfl.strided_slice", "tfl.lstm1")
    )
    graph.append(Op("REVERSE_V2", [x], [back]))
    graph.append(Op("UNIDIRECTIONAL_SEQUENCE_LSTM", [back], [first]))
    graph.append(Op("STRIDED_SLICE", [first], [last]))
    graph.append(Op("UNIDIRECTIONAL_SEQUENCE_LSTM", [x], [second]))
    graph.inputs = [x]
    graph.outputs = [rounded(graph, last, "model/rnn/backward"), rounded(graph, second, "model/rnn/forward")]
    name_trained_lstms(graph)
    names = [op.name for op in graph.ops if op.kind not in ("QUANTIZE", "DEQUANTIZE")]
    assert names == [
        "model/rnn/backward/reversed",
        "model/rnn/backward/lstm",
        "model/rnn/backward/last",
        "model/rnn/forward/lstm",
    ]


def test_without_a_fake_quant_it_keeps_its_name():
    graph = Graph("main")
    x, y = graph.add(Value("x", (1, 3))), graph.add(Value("tfl.lstm", (1, 3)))
    graph.append(Op("UNIDIRECTIONAL_SEQUENCE_LSTM", [x], [y]))
    graph.inputs, graph.outputs = [x], [y]
    other = graph.add(Value("tfl.lstm1", (1, 3)))
    graph.append(Op("UNIDIRECTIONAL_SEQUENCE_LSTM", [x], [other]))
    rounded(graph, other, "model/rnn/forward")
    name_trained_lstms(graph)
    assert [graph.ops[place].name for place in (0, 1)] == ["tfl.lstm", "model/rnn/forward/lstm"]
