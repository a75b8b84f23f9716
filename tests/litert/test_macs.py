"""Multiplications of every op with weights, held against what its mathematics says."""

import pytest
from ai_edge_litert import schema_py_generated as schema

import tfcompress
from tests.foreign_files import Graph, empty_model, loop, one_op
from tfcompress.litert.flatbuffer import pack

B, T, N, U, P = 2, 7, 5, 3, 4
"""Batch, steps, inputs, units, projected units."""


def lstm(projected=False, peepholes=False, coupled=False, steps=(B, T)):
    """The inputs of an LSTM by position."""
    out = P if projected else U
    shapes = [(*steps, N), *[(U, N)] * 4, *[(U, out)] * 4, *([(U,)] * 3 if peepholes else [None] * 3), *[(U,)] * 4]
    shapes += [(P, U) if projected else None, None, (B, out), (B, U), *[None] * 4]
    if coupled:
        shapes[1] = shapes[5] = shapes[9] = shapes[12] = None
    return shapes


def both_ways():
    shapes = [(B, T, N)]
    for _ in range(2):
        shapes += [*[(U, N)] * 4, *[(U, U)] * 4, *[None] * 3, *[(U,)] * 4, None, None]
    return [*shapes, *[(B, U)] * 4, None, *[None] * 8]


@pytest.mark.parametrize(
    ("name", "inputs", "outputs", "macs"),
    [
        ("CONV_2D", [(B, 9, 8, 4), (6, 3, 2, 4), (6,)], (B, 7, 7, 6), B * 7 * 7 * 6 * 3 * 2 * 4),
        ("CONV_2D", [(B, 9, 8, 4), (6, 3, 2, 2), (6,)], (B, 7, 7, 6), B * 7 * 7 * 6 * 3 * 2 * 2),  # two groups
        ("DEPTHWISE_CONV_2D", [(B, 9, 8, 4), (1, 3, 2, 8), (8,)], (B, 7, 7, 8), B * 7 * 7 * 8 * 3 * 2),
        ("TRANSPOSE_CONV", [(4,), (6, 3, 2, 4), (B, 5, 5, 4)], (B, 11, 11, 6), B * 5 * 5 * 4 * 6 * 3 * 2),
        ("CONV_3D", [(B, 5, 6, 7, 4), (2, 3, 2, 4, 6), (6,)], (B, 4, 4, 6, 6), B * 4 * 4 * 6 * 6 * 2 * 3 * 2 * 4),
        ("CONV_3D_TRANSPOSE", [(5,), (2, 3, 2, 6, 4), (B, 3, 4, 5, 4)], (B, 6, 8, 10, 6), B * 60 * 4 * 6 * 12),
        ("FULLY_CONNECTED", [(B, 5), (6, 5), (6,)], (B, 6), B * 6 * 5),
        ("FULLY_CONNECTED", [(B, T, 5), (6, 5), None], (B, T, 6), B * T * 6 * 5),
        ("BATCH_MATMUL", [(B, 3, 7), (B, 7, 8)], (B, 3, 8), B * 3 * 8 * 7),
        ("BATCH_MATMUL", [(B, 7, 3), (B, 7, 8)], (B, 3, 8), B * 3 * 8 * 7),  # the first one transposed
        ("BATCH_MATMUL", [(B, 1, 4, 3, 7), (1, 5, 1, 8, 7)], (B, 5, 4, 3, 8), B * 5 * 4 * 3 * 8 * 7),  # the second
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", lstm(), (B, T, U), B * T * 4 * U * (N + U)),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", lstm(projected=True), (B, T, P), B * T * (4 * U * (N + P) + P * U)),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", lstm(peepholes=True), (B, T, U), B * T * (4 * U * (N + U) + 3 * U)),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", lstm(coupled=True), (B, T, U), B * T * 3 * U * (N + U)),
        ("LSTM", lstm(steps=(B,)), (B, U), B * 4 * U * (N + U)),
        ("LSTM", [(B, N), (B, U), (4 * U, N + U), (4 * U,), (B, U)], (B, U), B * 4 * U * (N + U)),
        ("BIDIRECTIONAL_SEQUENCE_LSTM", both_ways(), (B, T, 2 * U), 2 * B * T * 4 * U * (N + U)),
        ("RNN", [(B, N), (U, N), (U, U), (U,), (B, U)], (B, U), B * U * (N + U)),
        ("UNIDIRECTIONAL_SEQUENCE_RNN", [(B, T, N), (U, N), (U, U), (U,), (B, U)], (B, T, U), B * T * U * (N + U)),
        (
            "BIDIRECTIONAL_SEQUENCE_RNN",
            [(B, T, N), *[(U, N), (U, U), (U,), (B, U)] * 2, None, None, None],
            (B, T, 2 * U),
            2 * B * T * U * (N + U),
        ),
        ("SVDF", [(B, N), (6, N), (6, 9), (3,), (B, 54)], (B, 3), B * 6 * (N + 9)),
        ("ADD", [(B, N), (B, N)], (B, N), 0),
        ("CONV_2D", [(B, 9), (6, 3), (6,)], (B, 7), 0),  # shapes that make no sense
    ],
)
def test_each_op_counts_what_its_mathematics_does(name, inputs, outputs, macs):
    facts = tfcompress.inspect(tfcompress.TFLiteModel(one_op(name, inputs, [outputs])))
    assert facts.macs == macs
    assert [row.macs for row in facts.rows] == [macs]
    assert tfcompress.energy(facts.tflite).macs == macs


def test_a_custom_op_with_weights_counts_them():
    shapes = [(1, 5, 5, 4), (6, 2, 2, 4), (6,)]
    content = one_op("CUSTOM", shapes, [(1, 10, 10, 6)], custom="Convolution2DTransposeBias")
    assert tfcompress.inspect(tfcompress.TFLiteModel(content)).macs == 5 * 5 * 4 * 6 * 2 * 2


def test_zeros_are_those_of_all_weights_of_a_recurrent_op():
    content = one_op("SVDF", [(B, N), (6, N), (6, 9), (3,), (B, 54)], [(B, 3)], constant=(1, 2))
    (row,) = tfcompress.inspect(tfcompress.TFLiteModel(content)).rows
    assert row.zeros == 1


@pytest.mark.parametrize(("kind", "trips", "expected"), [("LESS", 5, 5), ("LESS", 0, 0), ("LESS_EQUAL", 5, 6)])
@pytest.mark.parametrize("joined", [False, True])
def test_the_body_of_a_loop_counts_as_often_as_it_runs(kind, trips, expected, joined):
    facts = tfcompress.inspect(tfcompress.TFLiteModel(loop(trips, kind=kind, joined=joined)))
    assert facts.macs == expected * 4 * 4
    assert sum(row.macs for row in facts.rows) == facts.macs
    assert facts.bytes_by_type["float32"] == 64
    assert "does not tell how often" not in str(facts)


def test_a_loop_of_unknown_length_counts_once_and_says_so():
    facts = tfcompress.inspect(tfcompress.TFLiteModel(loop(5, known=False)))
    assert facts.macs == 4 * 4
    assert "the file does not tell how often it runs" in str(facts)


def test_of_two_branches_the_costlier_counts():
    model = empty_model()
    main, small, large = Graph(model), Graph(model), Graph(model)
    options = schema.IfOptionsT()
    options.thenSubgraphIndex, options.elseSubgraphIndex = 1, 2
    ends = [main.tensor((1,), "bool"), main.tensor((1, 4))], [main.tensor((1, 4))]
    main.op("IF", *ends, options)
    main.ends(*ends)
    for graph, times in ((small, 1), (large, 3)):
        x = first = graph.tensor((1, 4))
        for _ in range(times):
            y = graph.tensor((1, 4))
            graph.op("FULLY_CONNECTED", [x, graph.constant([[1.0] * 4] * 4), -1], [y])
            x = y
        graph.ends([first], [x])
    facts = tfcompress.inspect(tfcompress.TFLiteModel(pack(model)))
    assert facts.macs == 3 * 16


def test_signatures_share_constants_and_count_apart():
    model = empty_model()
    buffer = None
    for number, rows in enumerate((1, 8)):
        graph = Graph(model)
        x, y = graph.tensor((rows, 16), name="x"), graph.tensor((rows, 4), name="y")
        weights = graph.constant([[0.5] * 16] * 4)
        buffer = buffer or graph.raw.tensors[weights].buffer
        graph.raw.tensors[weights].buffer = buffer
        graph.op("FULLY_CONNECTED", [x, weights, -1], [y], schema.FullyConnectedOptionsT())
        graph.ends([x], [y])
        signature, sides = schema.SignatureDefT(), []
        for name, index in (("x", x), ("y", y)):
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = name, index
            sides.append([entry])
        signature.inputs, signature.outputs = sides
        signature.signatureKey, signature.subgraphIndex = ("decode", "prefill")[number], number
        model.signatureDefs = [*(model.signatureDefs or []), signature]
    model.buffers[-1].data = None
    tflite = tfcompress.TFLiteModel(pack(model))
    facts = tfcompress.inspect(tflite)
    assert facts.macs == 64
    assert [(row.signature, row.macs) for row in facts.rows] == [("decode", 64), ("prefill", 8 * 64)]
    assert facts.bytes_by_type == {"float32": 256}
    assert sum(facts.bytes_by_layer.values()) == 256
    assert tfcompress.energy(tflite).macs == 64
    text = str(facts)
    assert "'decode' 64 MACs, 'prefill' 512 MACs; 'decode' is what is run" in text
    assert tfcompress.check(tflite, "cpu").facts["signature that is run"] == "'decode' of 2"
