import json
import re

import numpy as np
import pytest

import tfcompress
from tests.models import images, small_cnn


@pytest.fixture(scope="module")
def comparisons():
    import keras

    rng = np.random.default_rng(0)
    model, x, y = small_cnn(keras), images(rng), rng.integers(0, 10, 64)
    return {
        name: tfcompress.compare(model, tfcompress.convert(model, kind, samples=x), x, y, max_accuracy_drop=0.5)
        for name, kind in (("plain", "float32"), ("<b>|int8", "int8"))
    }


def test_one_table_in_four_forms(comparisons, tmp_path):
    report = tfcompress.report(comparisons, title="A & B")
    for text in (str(report), report.to_markdown(), report.to_html()):
        assert f"{comparisons['plain'].tflite.size:,}" in text
    facts = json.loads(report.save(tmp_path / "r.json").read_text())
    assert [row["flash_bytes"] for row in facts["rows"]] == [c.tflite.size for c in comparisons.values()]
    assert facts["rows"][1]["manifest"]["settings"]["quantization"] == "int8"
    assert (tmp_path / "r.json").exists()


def test_the_page_needs_no_network_and_escapes_names(comparisons, tmp_path):
    page = tfcompress.report(comparisons, title="A & B").save(tmp_path / "r.html").read_text()
    assert "<b>" not in page
    assert "A &amp; B" in page
    assert page.count("<svg") == 1
    assert not re.search(r"(src|href)=[\"']https?:", page)
    assert "<script" not in page


def test_markdown_keeps_its_columns(comparisons):
    lines = tfcompress.report(comparisons).to_markdown().splitlines()[2:]
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
    assert len(widths) == 1


def test_without_labels_the_page_shows_errors(tmp_path):
    import keras

    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])
    result = tfcompress.compare(model, tfcompress.convert(model, "float32"), np.ones((3, 4)))
    assert "Mean error" in tfcompress.report(result).save(tmp_path / "r.html").read_text()


def test_bad_calls_are_told(comparisons, tmp_path):
    with pytest.raises(tfcompress.SettingError, match=r"\.html"):
        tfcompress.report(comparisons).save(tmp_path / "r.pdf")
    for nothing in ({}, None, []):
        with pytest.raises(tfcompress.SettingError):
            tfcompress.report(nothing)


def test_a_missing_matplotlib_names_the_pip_line(comparisons, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(tfcompress.MissingPackageError, match=r"pip install 'tfcompress\[plots\]'"):
        tfcompress.report(comparisons).to_html()
