"""A report of files that were really converted and compared: table, page, model card, JSON."""

import json
import re
from dataclasses import replace

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
    for text in (str(report), report.to_markdown(), report.to_html(), report.to_model_card()):
        assert f"{comparisons['plain'].tflite.size:,}" in text
    facts = json.loads(report.save(tmp_path / "r.json").read_text())
    assert [row["flash_bytes"] for row in facts["rows"]] == [c.tflite.size for c in comparisons.values()]
    assert facts["rows"][1]["manifest"]["settings"]["quantization"] == "int8"
    assert [row.kind for row in report.rows] == ["float32", "int8"]


def test_the_page_needs_no_network_and_escapes_names(comparisons, tmp_path):
    page = tfcompress.report(comparisons, title="A & B").save(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "A &amp; B" in page
    assert page.count("<svg") == 1
    assert "model small (keras)" in page
    assert not re.search(r"(src|href|url)\s*[=(]\s*[\"']?\s*(https?:|//)", page)
    assert "<script" not in page
    assert "@import" not in page


def test_markdown_keeps_its_columns(comparisons):
    lines = tfcompress.report(comparisons).to_markdown().splitlines()[2:]
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
    assert len(widths) == 1


def test_without_labels_the_page_shows_errors(tmp_path):
    import keras

    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2, name="price")])
    result = tfcompress.compare(model, tfcompress.convert(model, "float32"), np.ones((3, 4)))
    page = tfcompress.report(result).save(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "mean error of the outputs" in page
    assert "Values of price: file against model" in page


def test_every_metric_and_its_verdict_is_a_line_of_the_table(comparisons, tmp_path):
    score = comparisons["plain"].scores[0]
    scores = (
        replace(score, name="box/mae", keras=1.5, file=1.75, interval=(0.2, 0.3), limit=0.1,
                verdict="failed", in_points=False),
        replace(score, name="mask/accuracy", keras=0.5, file=0.49, interval=(-0.03, 0.01), limit=0.01,
                verdict="too few samples to tell", more_samples=1200),
        replace(score, name="mask/mean IoU", limit=None, verdict="no limit"),
    )  # fmt: skip
    report = tfcompress.report({"net": replace(comparisons["plain"], scores=scores)})
    lines = report.cells()
    assert [cells[2] for cells in lines] == ["box/mae", "mask/accuracy", "mask/mean IoU"]
    assert lines[0][3:6] == ("1.5", "1.75", "+0.25 (+0.2 to +0.3)")
    assert lines[1][5] == "-1.00 (-3.00 to +1.00)"
    assert [cells[0] for cells in lines] == ["net", "", ""]
    verdicts = [cells[1] for cells in lines]
    assert verdicts == [
        "FAILED (at most 0.1 worse)",
        "too few samples to tell (at most 1 point worse); about 1,200 more would, if the difference stays",
        "no limit",
    ]
    for text in (str(report), report.to_markdown()):
        assert all(verdict in text for verdict in verdicts)
    page = report.to_html()
    assert '<span class="failed">at most 0.1 worse' in page
    assert '<span class="unclear">at most 1 point worse' in page
    assert "about 1,200 more would, if the difference stays" in page
    facts = json.loads(report.to_json())["rows"][0]
    assert (facts["verdict"], facts["passed"]) == ("failed", False)
    assert [row["verdict"] for row in facts["scores"]] == ["failed", "too few samples to tell", "no limit"]


def test_bad_calls_are_told(comparisons, tmp_path):
    with pytest.raises(tfcompress.SettingError, match=r"\.html"):
        tfcompress.report(comparisons).save(tmp_path / "r.pdf")
    for nothing in ({}, None, []):
        with pytest.raises(tfcompress.SettingError):
            tfcompress.report(nothing)


def test_the_page_shows_layers_flips_and_targets(rng):
    import keras

    model = small_cnn(keras, name="other")
    x = images(rng, 64)
    floating, tflite = tfcompress.convert(model, "float32"), tfcompress.convert(model, samples=x)
    comparison = tfcompress.compare(model, tflite, x)
    assert comparison.flips
    name = "<i>net"
    report = tfcompress.report(
        {name: comparison},
        errors={name: tfcompress.layer_errors(floating, tflite, x)},
        findings={name: [tfcompress.check(tflite, "cpu")]},
        latencies={name: tfcompress.latency(tflite, threads=[1], seconds=0.01)},
        pictures=x,
        histograms=True,
    )
    page = report.to_html()
    for words in (
        "&lt;i&gt;net",
        "<strong>depthwise</strong>",
        " dB</td>",
        "into another class",
        "<span>runs on</span> cpu",
        "litert, 1 thread",
        "weights of depthwise",
        "activations of conv",
        "data:image/png",
    ):
        assert words in page, words
    assert "<i>" not in page
    shown = page.split('class="pictures"')[1].split("</div>")[0]
    assert shown.count("<figure>") == min(24, len(comparison.flips))
    assert not re.search(r"(src|href)=[\"']https?:", page)


def test_a_picture_is_a_png_of_the_pixels(rng):
    import base64
    import io

    from PIL import Image

    from tfcompress.reporting.page.small_pictures import is_picture, picture

    for shape in ((5, 7), (5, 7, 1), (5, 7, 3)):
        pixels = rng.integers(0, 256, shape)
        pixels.flat[:2] = 0, 255
        assert is_picture(pixels)
        data = base64.b64decode(picture(pixels, "what").get("src").split("base64,")[1])
        found = np.asarray(Image.open(io.BytesIO(data)))
        np.testing.assert_array_equal(found, pixels.reshape(found.shape))
    assert not is_picture(np.zeros((5, 7, 4)))
    assert not is_picture(np.zeros(10))
