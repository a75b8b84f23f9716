"""The DECODE ops of a file: which they are, what comes out, and what tells that a weight has changed."""

import hashlib

import numpy as np
import pytest

from tests.properties.graphs import constant
from tfcompress.errors import FileError
from tfcompress.litert.decode import pruning_mask
from tfcompress.litert.decode.checksum import checksum, require_unchanged
from tfcompress.litert.decode.decode_op import decode_ops, decoded, method_of, pairs, require_decodable
from tfcompress.litert.decode.encoding import DECODE, Layout
from tfcompress.litert.graph import EditableFile, Graph, Op, Quantization, Value


def file_of(*arrays):
    """One DECODE op that unpacks constants, all by masks."""
    graph = Graph("main")
    inputs, outputs = [], []
    for place, array in enumerate(arrays):
        made = pruning_mask.encode(array.reshape(-1), Layout("int8", array.size))
        inputs += [graph.add(Value(f"{name}{place}", (len(held),), "uint8", held.copy()))
                   for name, held in (("stream", made.stream), ("table", made.table))]  # fmt: skip
        outputs.append(graph.add(Value(f"result{place}", array.shape, "int8")))
    graph.append(Op(DECODE, inputs, outputs, is_custom=True))
    graph.outputs = outputs
    return EditableFile([Graph("other"), graph])


FIRST, SECOND = np.array([[0, 3, 0], [5, 0, 0]], np.int8), np.array([0, 0, -1, 0], np.int8)


def test_what_comes_out_of_a_decode_op_has_its_shape():
    file = file_of(FIRST, SECOND)
    ((graph, op),) = decode_ops(file)
    assert graph is file.graphs[1]
    assert op is graph.ops[0]
    assert [[value.name for value in three] for three in pairs(op)] == [
        ["stream0", "table0", "result0"], ["stream1", "table1", "result1"],
    ]  # fmt: skip
    for value, array in zip(op.outputs, (FIRST, SECOND), strict=True):
        assert np.array_equal(decoded(value), array)
        assert decoded(value).shape == array.shape
    assert method_of(op.inputs[1]) == "pruning_mask"
    require_decodable(file)


def test_other_ops_and_values_are_none_of_decode():
    file = file_of(FIRST)
    graph = file.graphs[1]
    held = constant(graph, FIRST)
    assert decoded(held) is None
    for kind, custom in ((DECODE, False), ("OTHER", True)):
        value = graph.add(Value("y", (2, 3), "int8"))
        op = graph.append(Op(kind, [held, held], [value], is_custom=custom))
        assert decoded(value) is None
        assert op not in [each for _, each in decode_ops(file)]
    assert len(decode_ops(file)) == 1


def damaged(change):
    file = file_of(FIRST, SECOND)
    change(file.graphs[1], file.graphs[1].ops[0])
    with pytest.raises(FileError) as told:
        require_decodable(file)
    return str(told.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda graph, op: op.inputs.pop(), "3 inputs and 2 outputs"),
        (lambda graph, op: op.outputs.clear(), "4 inputs and 0 outputs"),
        (lambda graph, op: graph.inputs.append(op.outputs[1]), "a result that is there already"),
        (lambda graph, op: setattr(op.outputs[0], "content", np.zeros(6, np.uint8)), "a result that is there already"),
        (lambda graph, op: setattr(op.outputs[0], "is_variable", True), "a result that is there already"),
        (lambda graph, op: setattr(op.inputs[0], "content", None), "a stream or table that is no constant"),
        (lambda graph, op: setattr(op.inputs[3], "is_variable", True), "a stream or table that is no constant"),
        (lambda graph, op: op.inputs.__setitem__(1, None), "a stream or table that is no constant"),
        (lambda graph, op: op.inputs[1].content.__setitem__(0, 3), "the header 0301000001" + "00" * 11),
        (lambda graph, op: op.inputs[1].content.__setitem__(1, 2), "the header 0202000001" + "00" * 11),
        (lambda graph, op: op.inputs[1].content.__setitem__(4, 2), "the header 0201000002" + "00" * 11),
        (lambda graph, op: setattr(op.inputs[1], "content", op.inputs[1].content[:15]), "the header 02010000010000"),
        (lambda graph, op: setattr(op.outputs[1], "shape", (9,)), "a mask of 1 bytes for 9 values"),
    ],
    ids=range(13),
)  # fmt: skip
def test_what_tflm_would_misread_is_told(change, words):
    told = damaged(change)
    assert f"a file with packed weights that cannot be unpacked: {words}" in told
    assert "A whole .tflite file is needed." in told
    assert "The file is damaged: pack or copy it again." in told


def test_a_stream_that_several_ops_read_is_read_once(monkeypatch):
    file = file_of(FIRST)
    graph, op = decode_ops(file)[0]
    again = graph.add(Value("again", (2, 3), "int8"))
    graph.append(Op(DECODE, [*op.inputs], [again], is_custom=True))
    seen = []
    decode = pruning_mask.decode
    monkeypatch.setattr(pruning_mask, "decode", lambda *given: seen.append(given) or decode(*given))
    require_decodable(file)
    assert len(seen) == 1
    again.shape = (2, 2)
    require_decodable(file)
    assert len(seen) == 3, "of another layout it is another constant"


@pytest.mark.parametrize("part", ["stream", "table"])
def test_each_stream_and_each_table_of_one_layout_is_looked_at(part):
    """The second constant has the other part of the first."""
    file = file_of(FIRST, FIRST)
    graph = file.graphs[1]
    (op,) = graph.ops
    if part == "stream":
        graph.set_input(op, 3, op.inputs[1])
        op.inputs[2].content[:] = 0xFF
    else:
        graph.set_input(op, 2, op.inputs[0])
        op.inputs[3].content = op.inputs[3].content[:16]
    with pytest.raises(FileError, match=r"a mask that chooses \d of [02] values"):
        require_decodable(file)


# Checksums


def test_a_checksum_is_of_all_constants_and_scales():
    def made(content=FIRST, scales=(0.5,), points=(0,)):
        graph = Graph("main")
        value = constant(graph, content)
        value.quantization = Quantization(np.array(scales, np.float32), np.array(points, np.int64))
        graph.add(Value("x", (1,)))
        return EditableFile([graph, Graph("body", values=[Value("c", (1,), "uint8", np.ones(1, np.uint8))])])

    base = made()
    found = checksum(base)
    assert len(found) == 32
    assert set(found) <= set("0123456789abcdef")
    others = [made(FIRST + 1), made(scales=[0.25]), made(points=[1]), made(scales=[0.5, 0.5])]
    body = made()
    body.graphs[1].values[0].content = np.zeros(1, np.uint8)
    named = made()
    named.graphs[0].values[0].name = "other"
    assert checksum(named) == found == checksum(made())
    assert len({found, *map(checksum, [*others, body])}) == 6
    assert checksum(EditableFile([Graph("main")])) == "e3b0c44298fc1c149afbf4c8996fb924", "SHA-256 of nothing"
    numbers = Graph("main", values=[Value("c", (3,), "uint8", np.arange(3, dtype=np.uint8))])
    text = b"3 0 " + bytes([0, 1, 2])
    assert checksum(EditableFile([numbers])) == hashlib.sha256(text).hexdigest()[:32]


def test_a_file_that_differs_from_its_manifest_is_refused():
    file = file_of(FIRST)
    require_unchanged(file, {"packing": {"checksum": checksum(file)}})
    for none in ({}, {"packing": {}}, {"packing": {"checksum": 3}}, {"packing": 3}):
        require_unchanged(file, none)
    with pytest.raises(FileError) as told:
        require_unchanged(file, {"packing": {"checksum": "0" * 32}})
    assert "A packed .tflite file must hold the weights that its manifest tells of." in str(told.value)
    assert "a file whose checksum is another one" in str(told.value)
    assert "The file is damaged or was edited: pack or copy it again." in str(told.value)
