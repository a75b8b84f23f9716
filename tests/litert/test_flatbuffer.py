"""What lies behind the flatbuffer, and op kinds in the old field, are read in one place and never lost."""

import re
from pathlib import Path

import numpy as np
import pytest

import tfcompress
from tests.foreign_files import Graph, empty_model, unpacked, with_constants_behind, with_old_codes
from tfcompress.litert.extract_ops import keep_ops
from tfcompress.litert.flatbuffer import lies_behind, pack, unpack, within_flatbuffer
from tfcompress.litert.write_metadata import add_entry, open_batch, rewrite

DIGITS = (Path(__file__).parent.parent.parent / "tflite_models" / "digits_keras_int8.tflite").read_bytes()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((5, 8, 8, 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: rewrite(content, {}, {"settings": {}}),
        lambda content: add_entry(content, "notes", b"text"),
        open_batch,
        within_flatbuffer,
        lambda content: pack(unpack(content)),
    ],
)
@pytest.mark.parametrize(
    "form", [with_constants_behind, with_old_codes, lambda c: with_constants_behind(with_old_codes(c))]
)
def test_a_file_that_is_written_anew_computes_the_same(images, change, form):
    foreign = form(DIGITS)
    changed = tfcompress.TFLiteModel(change(foreign))
    assert not lies_behind(changed.content)
    expected = tfcompress.Runner(tfcompress.TFLiteModel(foreign)).predict(images)
    np.testing.assert_array_equal(tfcompress.Runner(changed).predict(images), expected)
    np.testing.assert_array_equal(tfcompress.Runner(tfcompress.TFLiteModel(DIGITS)).predict(images), expected)


def test_facts_are_those_of_the_ordinary_form():
    behind, plain = (tfcompress.inspect(tfcompress.TFLiteModel(c)) for c in (with_constants_behind(DIGITS), DIGITS))
    assert lies_behind(behind.tflite.content)
    assert not lies_behind(DIGITS)
    assert behind.rows == plain.rows
    assert behind.bytes_by_type == plain.bytes_by_type == {"int8": 5920, "int32": 304}
    assert behind.tflite.manifest == plain.tflite.manifest


def test_old_op_codes_are_read_as_the_larger_of_both_fields():
    old, new = tfcompress.TFLiteModel(with_old_codes(DIGITS)), tfcompress.TFLiteModel(DIGITS)
    assert [op.name for op in old.ops] == [op.name for op in new.ops]
    assert [code.builtinCode for code in unpack(old.content).operatorCodes] == [
        code.builtinCode for code in unpacked(DIGITS).operatorCodes
    ]


def test_constants_at_one_place_count_once_and_stay_one():
    twins = with_constants_behind(DIGITS, twin=True)
    assert tfcompress.inspect(tfcompress.TFLiteModel(twins)).bytes_by_type == {"int8": 5920, "int32": 304}
    assert len(within_flatbuffer(twins)) < len(DIGITS) + 500


def test_options_of_custom_ops_behind_the_flatbuffer_are_kept():
    model = empty_model()
    graph = Graph(model)
    x, y = graph.tensor((1, 2)), graph.tensor((1, 2))
    graph.op("CUSTOM", [x], [y], custom="Mine")
    graph.raw.operators[0].customOptions = np.frombuffer(b"some options", np.uint8)
    graph.ends([x], [y])
    behind = with_constants_behind(pack(model))
    assert lies_behind(behind)
    assert unpacked(behind).subgraphs[0].operators[0].customOptions is None
    for content in (within_flatbuffer(behind), keep_ops(behind, 0, 1), rewrite(behind, {}, {})):
        tfcompress.TFLiteModel(content)
        assert bytes(unpacked(content).subgraphs[0].operators[0].customOptions) == b"some options"


def test_more_than_a_flatbuffer_can_hold_is_told():
    model = empty_model()
    graph = Graph(model)
    x = graph.tensor((1, 2))
    graph.ends([x], [x])
    model.buffers[0].data = np.broadcast_to(np.zeros(1, np.uint8), 2**31)
    with pytest.raises(tfcompress.FileError, match="2 GiB"):
        pack(model)


def test_what_is_made_of_it_runs_as_it_does(tmp_path, images):
    tflite, plain = tfcompress.TFLiteModel(with_constants_behind(DIGITS)), tfcompress.TFLiteModel(DIGITS)
    path, *_ = tfcompress.export_android(tflite, tmp_path, labels=[*"0123456789"])
    np.testing.assert_array_equal(tfcompress.Runner(path).predict(images), tfcompress.Runner(plain).predict(images))
    assert tfcompress.check(tflite, "cpu").passed


def test_tflm_is_given_it_within_the_flatbuffer_and_the_file_is_told_from_it(tmp_path, images):
    pytest.importorskip("tflite_micro")
    tflite, plain = tfcompress.TFLiteModel(with_constants_behind(DIGITS)), tfcompress.TFLiteModel(DIGITS)
    found, expected = (tfcompress.Runner(one, runtime="tflm").predict(images) for one in (tflite, plain))
    np.testing.assert_array_equal(found, expected)
    (finding,) = tfcompress.check(tflite, "tflm")
    assert finding.blocks
    assert "behind the flatbuffer" in finding.reason
    assert "export_c" in finding.hint
    tfcompress.export_c(tflite, tmp_path)
    source = (tmp_path / "model_model.cc").read_text()
    written = bytes(int(byte, 16) for byte in re.findall(r"0x(..),", source))
    assert not lies_behind(written)
    assert tfcompress.check(tfcompress.TFLiteModel(written), "tflm").passed
