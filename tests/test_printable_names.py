"""Names of files reach terminals, pages and paths only as text that does nothing there."""

import io
import os
import unicodedata
import zipfile

import numpy as np
import pytest

import tfcompress
from tfcompress.errors import SettingError, TfcompressError
from tfcompress.printable_names import one_line, printable

NASTY = "\x1b[31mred\a\nnext\u202eltr|<b>`[x](y)"


@pytest.fixture(scope="module")
def file():
    """A .tflite file whose tensors, input, output and custom op have names that steer a terminal."""
    import keras
    from ai_edge_litert import schema_py_generated as schema

    from tfcompress.litert.flatbuffer import pack
    from tfcompress.litert.tflite_model import TFLiteModel

    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3), keras.layers.Softmax()])
    parsed = schema.ModelT.InitFromPackedBuf(tfcompress.convert(model, "float32").content, 0)
    parsed.signatureDefs = []
    parsed.metadata = []
    for index, tensor in enumerate(parsed.subgraphs[0].tensors):
        tensor.name = f"{NASTY}{index}".encode()
    return TFLiteModel(pack(parsed))


def is_clean(text):
    return all(letter == "\n" or unicodedata.category(letter)[0] != "C" for letter in text) and "\nnext" not in text


def test_names_become_one_line():
    assert printable("größe/日本 1") == "größe/日本 1"
    assert printable(NASTY).startswith(r"\x1b[31mred\x07\nnext\u202eltr")
    assert printable("abcdef", 4) == "abc…"
    assert one_line("a\nb\x1b") == r"a b\x1b"


def test_what_is_printed_of_a_file_is_clean(file):
    from tfcompress.deployment.findings import Finding, Findings

    assert NASTY + "0" in [tensor.name for tensor in file.subgraphs[0]], "names stay what they are"
    finding = Finding(NASTY, NASTY, NASTY, NASTY)
    for text in (
        repr(file),
        str(file.inputs[0]),
        str(tfcompress.inspect(file)),
        str(tfcompress.check(file, "cpu")),
        str(tfcompress.check(file, "gpu")),
        str(Findings("cpu", 1, (finding,))),
        str(TfcompressError(NASTY, received=NASTY, hint=NASTY)),
    ):
        assert is_clean(text), repr(text)


def test_errors_of_a_file_are_clean(file):
    with pytest.raises(TfcompressError) as caught:
        tfcompress.Runner(file).predict(np.zeros((2, 7), np.float32))
    assert is_clean(str(caught.value))
    assert "red" in str(caught.value), "the input is named"


def test_reports_are_clean(file, tmp_path):
    import keras

    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3), keras.layers.Softmax()])
    comparison = tfcompress.compare(model, file, np.zeros((4, 4), np.float32))
    report = tfcompress.report(
        {NASTY: comparison, "a$_$": comparison}, title=NASTY, findings={NASTY: tfcompress.check(file, "gpu")}
    )
    assert is_clean(str(report))
    assert is_clean(report.to_markdown())
    row = next(line for line in report.to_markdown().splitlines() if "red" in line and line.startswith("| "))
    assert row.replace("\\|", "").count("|") == report.to_markdown().splitlines()[2].count("|")
    assert "<b>" not in report.to_markdown()
    html = report.to_html()
    assert is_clean(html)
    assert "<b>" not in html


def test_labels_and_names_stay_in_their_place(file, tmp_path):
    from tfcompress.deployment.android_metadata import archive, label_files

    with zipfile.ZipFile(io.BytesIO(archive(file.content, {"../../x": ["a"], "..\\..\\x": ["b"]}))) as packed:
        names = packed.namelist()
    assert names == [*label_files(["../../x", "..\\..\\x"]).values()]
    assert len(set(names)) == 2
    assert not any("/" in name or "\\" in name or ".." in name for name in names)
    for name in ("../x", "a/b", "a\\b", "..", "", "a\n", "C:x", os.path.abspath("x")):
        for export in (tfcompress.export_android, tfcompress.export_c):
            with pytest.raises(SettingError, match="name must be"):
                export(file, tmp_path / "out", name=name)
    assert not (tmp_path / "x.tflite").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_loop_of_links_is_one_error(file, tmp_path):
    loop = tmp_path / "loop"
    os.symlink(loop, loop)
    for call in (
        lambda: file.save(loop),
        lambda: file.save(loop / "a.tflite"),
        lambda: tfcompress.load(loop),
        lambda: tfcompress.load_keras(loop),
        lambda: tfcompress.images(loop),
        lambda: tfcompress.export_android(file, loop),
        lambda: tfcompress.Runner(file).predict(str(loop)),
    ):
        with pytest.raises(TfcompressError):
            call()
