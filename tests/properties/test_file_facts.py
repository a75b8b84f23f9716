"""What `inspect` tells of a file, against what the file was built of, value by value."""

import numpy as np
import pytest

import tfcompress
from tests.foreign_files import Graph, empty_model, schema
from tfcompress.litert.flatbuffer import pack
from tfcompress.litert.inspect import float_ops
from tfcompress.litert.manifest import KEY, encode


def arithmetic(graph, index, scales=(0.5,), zero_points=(0,), axis=0):
    held = schema.QuantizationParametersT()
    held.scale, held.zeroPoint, held.quantizedDimension = [*scales], [*zero_points], axis
    graph.raw.tensors[index].quantization = held


def inspected(model):
    return tfcompress.inspect(tfcompress.TFLiteModel(pack(model)))


def dense(graph, x, values, dtype="float32", zero_points=(0,), result="float32", scales=(0.5,)):
    """FULLY_CONNECTED with constant weights; whatever is no float is quantized."""
    values = np.asarray(values)
    weights = graph.constant(values, dtype)
    if dtype != "float32":
        arithmetic(graph, weights, scales, zero_points)
    y = graph.tensor((1, len(values)), result)
    if result != "float32":
        arithmetic(graph, y)
    graph.op("FULLY_CONNECTED", [x, weights, -1], [y], schema.FullyConnectedOptionsT())
    return y, weights


# Zeros


@pytest.mark.parametrize(
    ("dtype", "zero_points", "values", "share"),
    [
        ("float32", (0,), [[0, 1, 0, 3], [0, 0, 7, 8]], 4 / 8),
        ("int8", (0,), [[0, 1, 0, 3], [0, 0, 7, 8]], 4 / 8),
        ("int8", (7,), [[0, 7, 0, 3], [0, 0, 7, 7]], 3 / 8),
        ("int8", (-3, -3), [[-3, -3, -3, -3], [0, 0, 0, 1]], 4 / 8),
        ("float32", (0,), [[1, 2, 3, 4]], 0),
    ],
)
def test_zeros_are_the_weights_that_stand_for_zero(dtype, zero_points, values, share):
    model = empty_model()
    graph = Graph(model)
    x = graph.tensor((1, 4))
    y, _ = dense(graph, x, values, dtype, zero_points, scales=[0.5] * len(zero_points))
    graph.ends([x], [y])
    (row,) = inspected(model).rows
    assert row.zeros == share


def test_zeros_of_several_weights_count_by_their_sizes():
    """An SVDF has two matrices: a large one without zeros and a small one of them."""
    model = empty_model()
    graph = Graph(model)
    x, state, y = graph.tensor((1, 6)), graph.tensor((1, 6), variable=True), graph.tensor((1, 3))
    features, times = graph.constant(np.ones((3, 6))), graph.constant(np.zeros((3, 2)))
    graph.op("SVDF", [x, features, times, -1, state], [y], schema.SVDFOptionsT())
    graph.ends([x], [y])
    assert inspected(model).rows[0].zeros == 6 / 24


def test_what_a_sparse_tensor_does_not_store_is_zero():
    model = empty_model()
    graph = Graph(model)
    x = graph.tensor((1, 8))
    y, weights = dense(graph, x, np.ones((2, 8)))
    tensor = graph.raw.tensors[weights]
    model.buffers[tensor.buffer].data = np.frombuffer(np.array([1, 0, 2, 3], np.float32).tobytes(), np.uint8)
    tensor.sparsity = schema.SparsityParametersT()
    graph.ends([x], [y])
    (row,) = inspected(model).rows
    assert row.zeros == (12 + 1) / 16
    assert row.constant_bytes == 16


def test_ops_without_constant_weights_have_no_share_of_zeros():
    model = empty_model()
    graph = Graph(model)
    x, weights = graph.tensor((1, 4)), graph.tensor((2, 4))
    y, z = graph.tensor((1, 2)), graph.tensor((1, 2))
    graph.op("FULLY_CONNECTED", [x, weights, -1], [y], schema.FullyConnectedOptionsT())
    graph.op("RELU", [y], [z])
    graph.ends([x, weights], [z])
    facts = inspected(model)
    assert [row.zeros for row in facts.rows] == [None, None]
    assert [row.macs for row in facts.rows] == [8, 0]


def test_an_op_without_results_has_a_row():
    model = plain()
    Graph.of(model, 0).op("CUSTOM", [0], [], custom="Sink")
    row = inspected(model).rows[1]
    assert (row.name, row.layer, row.dtype, row.shape, row.macs) == ("Sink", "", "", (), 0)


# Bytes


def test_what_several_ops_read_counts_at_the_first_and_once_by_type():
    model = empty_model()
    graph = Graph(model)
    x = graph.tensor((1, 4), name="x")
    y, weights = dense(graph, x, np.ones((4, 4)))
    z, w = graph.tensor((1, 4), name="z"), graph.tensor((1, 4), name="w")
    graph.op("FULLY_CONNECTED", [y, weights, graph.constant([1.0] * 4)], [z], schema.FullyConnectedOptionsT())
    copy = graph.tensor((4, 4))
    graph.raw.tensors[copy].buffer = graph.raw.tensors[weights].buffer
    graph.op("FULLY_CONNECTED", [z, copy, -1], [w], schema.FullyConnectedOptionsT())
    graph.op("RESHAPE", [w, graph.constant([4], "int32")], [graph.tensor((4,), name="flat")])
    graph.ends([x], [graph.raw.operators[-1].outputs[0]])
    facts = inspected(model)
    assert [row.constant_bytes for row in facts.rows] == [64, 16, 0, 4]
    assert facts.bytes_by_type == {"float32": 80, "int32": 4}
    assert [*facts.bytes_by_type] == ["float32", "int32"]
    assert facts.bytes_by_layer == {"t2": 64, "z": 16, "flat": 4}
    assert facts.macs == sum(row.macs for row in facts.rows) == 3 * 16
    assert [(row.name, row.layer, row.dtype, row.shape, row.version) for row in facts.rows][3] == (
        "RESHAPE", "flat", "float32", (4,), 1,
    )  # fmt: skip


# What a file computes in


def cast(graph, kind, index, dtype="float32", constant=False):
    result = graph.tensor(graph.raw.tensors[index].shape, dtype)
    if dtype.startswith("int"):
        arithmetic(graph, result)
    graph.op(kind, [index], [result])
    return result


def integer_net(activations="int8", ends="int8"):
    model = empty_model()
    graph = Graph(model)
    x = graph.tensor((1, 4), ends)
    inside = x
    if ends == "float32":
        inside = cast(graph, "QUANTIZE", x, activations)
    else:
        arithmetic(graph, x)
    y, _ = dense(graph, inside, np.ones((4, 4)), "int8", result=activations)
    graph.ends([x], [cast(graph, "DEQUANTIZE", y) if ends == "float32" else y])
    return model


def mixed_net():
    model = integer_net()
    graph = Graph.of(model, 0)
    wide = cast(graph, "DEQUANTIZE", graph.raw.outputs[0])
    z = graph.tensor((1, 4))
    graph.op("EXP", [wide], [z])
    graph.raw.outputs = [cast(graph, "QUANTIZE", z, "int8")]
    return model


def float_net(weights="float32"):
    """Weights of another type are stored so and computed with in float32."""
    model = empty_model()
    graph = Graph(model)
    x = graph.tensor((1, 4))
    if weights == "float32":
        y, _ = dense(graph, x, np.ones((4, 4)))
    else:
        size = {"float16": 2, "int8": 1}[weights]
        held = graph.constant(b"\1" * 16 * size, weights, (4, 4))
        if weights == "int8":
            arithmetic(graph, held)
        y = graph.tensor((1, 4))
        wide = cast(graph, "DEQUANTIZE", held)
        graph.op("FULLY_CONNECTED", [x, wide, -1], [y], schema.FullyConnectedOptionsT())
    graph.ends([x], [y])
    return model


def dynamic_net():
    model = empty_model()
    graph = Graph(model)
    x = graph.tensor((1, 4))
    y, _ = dense(graph, x, np.ones((4, 4)), "int8")
    graph.ends([x], [y])
    return model


@pytest.mark.parametrize(
    ("build", "kind", "floats"),
    [
        (integer_net, "integer", []),
        (lambda: integer_net(ends="float32"), "integer", []),
        (lambda: integer_net("int16", "int16"), "integer, with int16 activations", []),
        (lambda: integer_net("int16", "float32"), "integer, with int16 activations", []),
        (mixed_net, "mixed: 1 of 2 ops in float", ["DEQUANTIZE", "EXP", "QUANTIZE"]),
        (float_net, "float32", ["FULLY_CONNECTED"]),
        (dynamic_net, "dynamic: integer weights, float activations", ["FULLY_CONNECTED"]),
        *[(lambda kind=kind: float_net(kind), f"weights in {kind}, computed with in float32",
           ["DEQUANTIZE", "FULLY_CONNECTED"]) for kind in ("float16", "int8")],
    ],
)  # fmt: skip
def test_what_a_file_computes_in_and_which_ops_are_float(build, kind, floats):
    facts = inspected(build())
    assert facts.kind == kind
    assert [*facts.float_ops] == floats
    assert [row.name for row in facts.rows if row.in_float] == floats
    text = str(facts)
    assert f"{kind}; constant data" in text
    if not floats:
        assert "every op is integer" in text
    else:
        assert "in float: " + ", ".join(f"{name} ×1" for name in floats) in text
        assert f"{0 if 'mixed' in kind else 100}% of the MACs" in text


def test_casts_inside_a_file_are_float_ops_and_those_at_its_ends_are_none():
    """A QUANTIZE of an input in a loop's body is inside: the border is that of the main graph."""
    tflite = tfcompress.TFLiteModel(pack(mixed_net()))
    assert [op.index for op in float_ops(tflite)] == [1, 2, 3], "the file ends in int8: no cast of it is at the border"
    model = empty_model()
    main, body = Graph(model), Graph(model)
    x = main.tensor((1, 4))
    y = cast(main, "QUANTIZE", x, "int8")
    main.ends([x], [cast(main, "DEQUANTIZE", y)])
    inner = body.tensor((1, 4))
    body.ends([inner], [cast(body, "QUANTIZE", inner, "int8")])
    assert [op.subgraph for op in float_ops(tfcompress.TFLiteModel(pack(model)))] == [1]


# Signatures


def with_signatures(*names):
    """A graph for each signature, with one product of more rows each."""
    model = empty_model()
    model.signatureDefs = []
    for number, name in enumerate(names):
        graph = Graph(model)
        x = graph.tensor((1, 4), name=f"x{number}")
        y = x
        for _ in range(number + 1):
            y, _ = dense(graph, y, np.eye(4))
        graph.ends([x], [y])
        signature = schema.SignatureDefT()
        ends = []
        for key, index in (("in", x), ("out", y)):
            end = schema.TensorMapT()
            end.name, end.tensorIndex = key, index
            ends.append([end])
        signature.inputs, signature.outputs = ends
        signature.signatureKey, signature.subgraphIndex = name, number
        model.signatureDefs.append(signature)
    return model


def test_each_row_is_of_the_first_signature_that_runs_it():
    facts = inspected(with_signatures("decode", "prefill", "train"))
    assert [row.signature for row in facts.rows] == ["decode", *["prefill"] * 2, *["train"] * 3]
    assert facts.macs == 16, "of the signature that is run"
    text = str(facts)
    told = "signatures: 'decode' 16 MACs, 'prefill' 32 MACs, 'train' 48 MACs; 'decode' is what is run"
    assert told in text
    lines = [line.split()[0] for line in text.splitlines()]
    assert [lines.index(f"{name}:") < len(lines) for name in ("decode", "prefill", "train")] == [True] * 3
    two = str(inspected(with_signatures("decode", "prefill")))
    assert "signatures: 'decode' 16 MACs, 'prefill' 32 MACs; 'decode' is what is run, and what is counted above" in two
    assert "\nprefill:\n" in two
    alone = str(inspected(with_signatures("decode")))
    assert "signatures:" not in alone
    assert "decode:" not in alone


def test_without_a_signature_of_the_first_graph_that_is_what_runs():
    model = with_signatures("a", "b", "c")
    model.signatureDefs = model.signatureDefs[1:]
    facts = inspected(model)
    assert "signatures: 'b' 32 MACs, 'c' 48 MACs; the first graph is what is run" in str(facts)
    assert [row.signature for row in facts.rows] == ["", "b", "b", "c", "c", "c"]
    name = "x" * 90
    assert f"'{'x' * 59}…' 16 MACs" in str(inspected(with_signatures(name, "b")))


def test_what_no_signature_runs_is_of_none():
    model = with_signatures("only")
    graph = Graph(model)
    x = graph.tensor((1, 4))
    y, _ = dense(graph, x, np.eye(4))
    graph.ends([x], [y])
    facts = inspected(model)
    assert [(row.signature, row.macs) for row in facts.rows] == [("only", 16), (None, 0)]
    model.signatureDefs = None
    assert [row.signature for row in inspected(model).rows] == ["", None]


# The text


def test_the_table_has_a_line_an_op_and_a_cell_a_fact():
    model = integer_net()
    model.subgraphs[0].tensors[0].shapeSignature = [-1, 4]
    tflite = tfcompress.TFLiteModel(pack(model))
    lines = str(tfcompress.inspect(tflite)).splitlines()
    assert lines[0] == f"{tflite.size:,} bytes in flash, {tflite.deflated_size:,} deflated, 16 MACs"
    assert lines[1] == "integer; constant data: 16 bytes of int8"
    assert lines[2] == "  input  t0: (None, 4) int8, scale 0.5, zero point 0"
    assert lines[3] == "  output t2: (1, 4) int8, scale 0.5, zero point 0"
    assert lines[4].split() == ["op", "version", "layer", "type", "weights", "shape", "bytes", "zeros", "MACs"]
    assert lines[5].split() == ["FULLY_CONNECTED", "v1", "t2", "int8", "int8", "1×4", "16", "0.0%", "16"]
    assert lines[6] == "every op is integer"
    assert lines[7].startswith("oldest runtime: ")
    assert lines[8] == "no manifest: the file was not made by tfcompress"
    bare = str(inspected(plain())).splitlines()
    assert bare[1] == "float32; constant data: none"
    assert bare[2:4] == ["  input  t0: (1, 4) float32", "  output t1: (1, 4) float32"]
    assert bare[5].split() == ["RELU", "v1", "t1", "float32", "1×4", "0"], "no zeros and no MACs"
    model.subgraphs[0].tensors[2].shapeSignature = [-1, 4]
    model.subgraphs[0].tensors[2].name = "n" * 70
    row = str(inspected(model)).splitlines()[5].split()
    assert (row[2], row[5]) == ("n" * 40, "?×4")


def test_the_facts_of_a_file_by_their_names():
    found = inspected(integer_net())
    facts = found.to_dict()
    assert {"inputs", "outputs", "manifest"} < facts.keys(), "those of the file"
    rows = facts.pop("rows")
    assert {name: facts[name] for name in ("kind", "macs", "float_ops", "bytes_by_layer", "bytes_by_type")} == {
        "kind": "integer", "macs": 16, "float_ops": [], "bytes_by_layer": {"t2": 16}, "bytes_by_type": {"int8": 16},
    }  # fmt: skip
    assert facts["oldest_runtime"] == str(found.oldest_runtime)
    assert [(row["name"], row["shape"], row["in_float"]) for row in rows] == [("FULLY_CONNECTED", [1, 4], False)]
    assert inspected(plain()).to_dict()["float_ops"] == ["RELU"]


def with_manifest(made):
    model = plain()
    note, entry = schema.BufferT(), schema.MetadataT()
    note.data = np.frombuffer(encode(made), np.uint8)
    model.buffers.append(note)
    entry.name, entry.buffer = KEY, len(model.buffers) - 1
    model.metadata = [entry]
    return model


def test_the_manifest_is_told_as_what_it_says():
    made = {
        "tfcompress": "9.8", "versions": {"keras": "3.1"}, "settings": {"io": "int8"}, "source": "digits",
        "model": {"name": "net"}, "decisions": {"conv": {"weights": "int8"}, "bell\7": "float32"},
        "calibration": {"samples": 64, "method": "mse", "ranges": {"image": [-1.5, 2.0]}},
    }  # fmt: skip
    lines = str(inspected(with_manifest(made))).splitlines()
    assert lines[lines.index("made by tfcompress 9.8, as its manifest says") :] == [
        "made by tfcompress 9.8, as its manifest says",
        "  versions: keras 3.1",
        "  settings: io int8",
        "  source: digits",
        "  model: name net",
        "  calibration: method mse, samples 64",
        "    image from -1.5 to 2",
        "  bell : float32",
        "  conv: weights int8",
    ]
    short = str(inspected(with_manifest({"settings": {}, "calibration": {"samples": 3}}))).splitlines()
    assert short[-2:] == ["made by tfcompress ?, as its manifest says", "  calibration: samples 3"]
    alone = str(inspected(with_manifest({"calibration": {"ranges": {"x": [0, 1]}}}))).splitlines()
    assert alone[-1] == "    x from 0 to 1"


@pytest.mark.parametrize("made", [{"calibration": {"ranges": 3}}, {"decisions": [1]}, {"calibration": [1, 2]}])
def test_a_manifest_of_any_form_is_printed(made):
    assert "as its manifest says" in str(inspected(with_manifest(made)))


def test_long_names_and_long_lists_are_cut():
    many = {f"{number:04}": "x" * 500 for number in range(1005)}
    ranges = {f"r{number}": [0, 1] for number in range(12)}
    lines = str(
        inspected(with_manifest({"decisions": many, "calibration": {"ranges": ranges}, "x" * 90: 1}))
    ).splitlines()
    assert sum(line.startswith("    r") for line in lines) == 8
    decided = [line for line in lines if line.endswith("x…")]
    assert len(decided) == 1000
    assert {len(line) for line in decided} == {2 + 4 + 2 + 200}


def plain():
    model = empty_model()
    graph = Graph(model)
    x, y = graph.tensor((1, 4)), graph.tensor((1, 4))
    graph.op("RELU", [x], [y])
    graph.ends([x], [y])
    return model


def test_the_bits_of_weights_that_were_chosen_are_told_by_layer():
    chosen = {
        "conv": {"bits": 4, "saves": 512, "noise": 31.25},
        "l" * 70: {"bits": 8, "saves": "9" * 30, "noise": None},
    }
    lines = str(inspected(with_manifest({"weight_bits": chosen}))).splitlines()
    assert lines[lines.index("made by tfcompress ?, as its manifest says") + 1 :] == [
        "  bits of weights, chosen so that the file fits:",
        "    conv: 4 bits; four save 512 bytes and add noise at 31.25 dB",
        f"    {'l' * 59}…: 8 bits; four save {'9' * 19}… bytes and add noise at None dB",
    ]
    many = str(inspected(with_manifest({"weight_bits": {f"{number:04}": {} for number in range(1005)}})))
    assert many.count(" bits; four save ") == 1000
    for none in ({}, [1], 3):
        assert "bits of weights" not in str(inspected(with_manifest({"weight_bits": none})))


def test_a_long_name_of_what_is_run_is_cut():
    told = str(inspected(with_signatures("x" * 90, "b")))
    assert f"; '{'x' * 59}…' is what is run" in told
    assert f"\n{'x' * 59}…:" in told
    assert "x" * 60 not in told


def test_a_signature_without_a_name_has_a_line_of_its_own():
    told = str(inspected(with_signatures("", "b"))).splitlines()
    assert [line.strip() for line in told if line.rstrip().endswith(":") and "bytes" not in line] == [":", "b:"]
