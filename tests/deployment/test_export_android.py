"""The file still runs, and its metadata reads by the numbers of the schema."""

import json
import zipfile

import flatbuffers
import numpy as np
import pytest
from flatbuffers import number_types
from flatbuffers.table import Table

import tfcompress
from tests.models import accumulator, images, nested, small_cnn
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.litert.attached_files import attach, attached
from tfcompress.litert.foreign_metadata import entry
from tfcompress.runtime.quantize_arrays import from_file

WORDS = ["null", "one", "zwei", "三", "4", "5", "6", "7", "8", "nine"]


@pytest.fixture(scope="module")
def int8():
    import keras

    return tfcompress.convert(small_cnn(keras), samples=images(np.random.default_rng(7)))


def field(table, number):
    return table.Offset(4 + 2 * number)


def text(table, number):
    return table.String(table.Pos + field(table, number)).decode()


def floats(table, number):
    return table.GetVectorAsNumpy(number_types.Float32Flags, field(table, number)).tolist()


def below(table, number):
    return Table(table.Bytes, table.Indirect(table.Pos + field(table, number)))


def byte(table, number):
    return table.Get(number_types.Int8Flags, table.Pos + field(table, number))


def root(path):
    data = entry(tfcompress.load(path), "TFLITE_METADATA")
    return Table(bytearray(data), flatbuffers.encode.Get(number_types.UOffsetTFlags.packer_type, data, 0))


def tables(table, number):
    start, count = table.Vector(field(table, number)), table.VectorLen(field(table, number))
    return [Table(table.Bytes, table.Indirect(start + 4 * i)) for i in range(count)]


def test_metadata_reads_by_the_schema(int8, tmp_path):
    path, *_ = tfcompress.export_android(int8, tmp_path, name="digits", labels=WORDS)
    exported = tfcompress.load(path)
    data = entry(exported, "TFLITE_METADATA")
    assert data[4:8] == b"M001"
    model = Table(bytearray(data), flatbuffers.encode.Get(number_types.UOffsetTFlags.packer_type, data, 0))
    assert text(model, 0) == "digits"
    (graph,) = tables(model, 3)
    (image,), (digit,) = tables(graph, 2), tables(graph, 3)
    assert text(image, 0) == "image"
    assert repr(int8.inputs[0].scale) in text(image, 1)
    (labels,) = tables(digit, 6)
    assert text(labels, 0) == "labels_digit.txt"
    assert labels.Get(number_types.Int8Flags, labels.Pos + field(labels, 2)) == 2
    with zipfile.ZipFile(path) as packed:
        assert packed.read("labels_digit.txt").decode().splitlines() == WORDS


def test_the_file_runs_as_before_and_keeps_its_manifest(int8, tmp_path, rng):
    path, *_ = tfcompress.export_android(int8, tmp_path, labels=WORDS)
    exported, x = tfcompress.load(path), images(rng, 20)
    np.testing.assert_array_equal(tfcompress.Runner(exported).predict(x), tfcompress.Runner(int8).predict(x))
    assert exported.manifest == int8.manifest
    again, *_ = tfcompress.export_android(path, tmp_path / "again", labels=WORDS)
    assert entry(tfcompress.load(again), "TFLITE_METADATA") == entry(exported, "TFLITE_METADATA")


def test_files_attached_by_others_stay(int8, tmp_path):
    content = attach(int8.content, {"vocabulary.txt": b"some words", "labels_digit.txt": b"old labels"})
    path, *_ = tfcompress.export_android(tfcompress.TFLiteModel(content), tmp_path, labels=WORDS)
    found = attached(path.read_bytes())
    assert {name: data.split() for name, data in found.items()} == {
        "vocabulary.txt": [b"some", b"words"],
        "labels_digit.txt": [word.encode() for word in WORDS],
    }


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a\\x"])
def test_attached_files_that_lead_elsewhere_are_told(int8, name):
    with pytest.raises(tfcompress.FileError, match="leads out of it"):
        attached(attach(int8.content, {name: b"x"}))


def test_attached_files_that_are_too_many_are_told(monkeypatch, int8):
    monkeypatch.setattr("tfcompress.litert.attached_files.MAX_BYTES", 10)
    with pytest.raises(tfcompress.FileError, match="archive"):
        attached(attach(int8.content, {"a": b"12345", "b": b"123456"}))


def test_golden_vectors_are_what_the_runner_answers(int8, tmp_path, rng):
    x = images(rng, 20)
    _, path, *_ = tfcompress.export_android(int8, tmp_path, samples=x)
    vectors = json.loads(path.read_text())
    (image,), (digit,) = vectors["inputs"], vectors["outputs"]
    assert (image["type"], image["shape"], image["scale"]) == ("int8", [1, 8, 8, 1], int8.inputs[0].scale)
    found = from_file(np.array(digit["samples"], "int8"), int8.outputs[0])
    np.testing.assert_array_equal(found, tfcompress.Runner(int8).predict(x[: len(found)]))


def test_golden_floats_are_what_an_application_passes_and_gets(int8, tmp_path, rng):
    x = images(rng, 20)
    _, path, *_ = tfcompress.export_android(int8, tmp_path, samples=x)
    vectors = json.loads(path.read_text())
    (image,), (digit,) = vectors["inputs"], vectors["outputs"]
    given = np.array(image["floats"], "float32").reshape(-1, 8, 8, 1)
    assert np.abs(given - x[: len(given)]).max() <= int8.inputs[0].scale / 2 + 1e-6
    np.testing.assert_array_equal(tfcompress.Runner(int8).predict(given), np.array(digit["floats"], "float32"))
    assert vectors["state"] == "none"


def test_golden_vectors_of_a_file_with_variables_start_anew(tmp_path):
    x = np.arange(16, dtype=np.float32).reshape(8, 2)
    _, path, *_ = tfcompress.export_android(accumulator(5.0), tmp_path, samples=x)
    vectors = json.loads(path.read_text())
    assert vectors["state"] == "resource variables"
    np.testing.assert_array_equal(vectors["outputs"][0]["floats"], x + 5)


def test_labels_are_read_from_a_file_of_lines(int8, tmp_path):
    file = tmp_path / "labels.txt"
    file.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    for labels in (file, str(file), {"digit": str(file)}):
        path, *_ = tfcompress.export_android(int8, tmp_path / "assets", labels=labels)
        with zipfile.ZipFile(path) as packed:
            assert packed.read("labels_digit.txt").decode().splitlines() == WORDS
    for missing in ("abcdefghij", tmp_path / "none.txt", tmp_path):
        with pytest.raises(tfcompress.FileError, match="a list of words"):
            tfcompress.export_android(int8, tmp_path / "assets", labels=missing)


def test_normalization_reads_by_the_schema(tmp_path):
    import keras

    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    image = tfcompress.ImageInput(mean=[10, 20, 30], std=2)
    path, *_ = tfcompress.export_android(tfcompress.convert(model, "float32"), tmp_path, image=image)
    (graph,) = tables(root(path), 3)
    (picture,), (scores,) = tables(graph, 2), tables(graph, 3)
    content, stats = below(picture, 3), below(picture, 5)
    assert byte(content, 0) == 2  # ImageProperties
    assert byte(below(content, 1), 0) == 1  # RGB
    (unit,) = tables(picture, 4)
    assert byte(unit, 0) == 1  # NormalizationOptions
    assert (floats(below(unit, 1), 0), floats(below(unit, 1), 1)) == ([10, 20, 30], [2, 2, 2])
    assert (floats(stats, 0), floats(stats, 1)) == ([122.5, 117.5, 112.5], [-5, -10, -15])
    assert not field(scores, 3)
    assert not field(scores, 4)


def test_what_mediapipe_cannot_feed_is_told(int8, tmp_path):
    half = tfcompress.ImageInput(mean=127.5, std=127.5)
    raw = TensorSpec("image", (1, 8, 8, 3), "uint8", scale=2 / 255, zero_point=127)
    assert half.by_channel(raw) == ([127.5] * 3, [127.5] * 3)
    with pytest.raises(tfcompress.DataError, match="off by up to"):
        tfcompress.ImageInput(mean=0, std=255).by_channel(raw)
    with pytest.raises(tfcompress.DataError, match='io="uint8"'):
        half.by_channel(TensorSpec("image", (1, 8, 8, 3), "int8", scale=2 / 255, zero_point=0))
    with pytest.raises(tfcompress.DataError, match="RGB"):
        tfcompress.export_android(int8, tmp_path, image=half)
    with pytest.raises(tfcompress.DataError, match="3 channels"):
        tfcompress.ImageInput(mean=[1, 2]).by_channel(raw)
    for mean, std in ((0, 0), (0, -1), ("0", 1), ([], 1), (float("nan"), 1)):
        with pytest.raises(tfcompress.SettingError):
            tfcompress.ImageInput(mean=mean, std=std)
    with pytest.raises(tfcompress.SettingError, match="ImageInput"):
        tfcompress.export_android(int8, tmp_path, image=(0, 1))


def test_wrong_labels_are_told(int8, tmp_path):
    import keras

    for labels in (WORDS[:9], {"other": WORDS}, [*WORDS[:9], "two\nlines"], [*range(10)]):
        with pytest.raises(tfcompress.DataError):
            tfcompress.export_android(int8, tmp_path, labels=labels)
    two = tfcompress.convert(nested(keras), "float32")
    with pytest.raises(tfcompress.DataError, match="by the name of an output"):
        tfcompress.export_android(two, tmp_path, labels=["a", "b", "c"])
    tfcompress.export_android(two, tmp_path, labels={"left": ["a", "b", "c"]})
