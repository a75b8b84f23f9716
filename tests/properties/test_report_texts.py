"""Each form of a report tells the numbers of its comparisons: the right value in the right cell, with its sign."""

import json
import re
from dataclasses import replace
from datetime import datetime
from html import unescape
from importlib.metadata import version

import numpy as np
import pytest

import tfcompress
from tests.properties.comparisons import ACCURACY, ERROR, comparison, net
from tfcompress.comparison.classification_counts import Flip
from tfcompress.comparison.layer_errors import LayerError, LayerErrors
from tfcompress.comparison.result import SideBySide
from tfcompress.deployment.findings import Findings
from tfcompress.litert.manifest import KEY, encode
from tfcompress.litert.write_metadata import add_entry
from tfcompress.printable_names import printable
from tfcompress.reporting.report import Report, report
from tfcompress.reporting.report_table import HEADINGS
from tfcompress.result_base import Table
from tfcompress.runtime.latency import Latencies, Latency

# A comparison by itself


def test_a_drop_is_what_the_file_lost_and_a_difference_what_it_gained():
    found = comparison(ACCURACY)
    assert (found.keras_accuracy, found.tflite_accuracy) == (0.9, 0.875)
    assert found.accuracy_drop == pytest.approx(0.025)
    assert found.difference_interval == (-0.04, -0.01)
    assert found.max_accuracy_drop == 0.05
    assert "difference in points: -2.50 (95 % interval -4.00 to -1.00)" in str(found)
    better = replace(ACCURACY, keras=0.875, file=0.9, interval=(0.01, 0.04))
    assert comparison(better).accuracy_drop == pytest.approx(-0.025)
    assert "difference in points: +2.50 (95 % interval +1.00 to +4.00)" in str(comparison(better))


def test_without_an_accuracy_there_is_none():
    for scores in (
        (),
        (ERROR,),
        (ACCURACY, replace(ACCURACY, name="b/accuracy")),
        (replace(ACCURACY, in_points=False),),
    ):
        found = comparison(*scores)
        facts = (found.accuracy, found.keras_accuracy, found.tflite_accuracy, found.accuracy_drop)
        assert facts == (None,) * 4
        assert (found.difference_interval, found.max_accuracy_drop) == (None, None)
        assert found.metrics == {score.name: (score.keras, score.file) for score in scores}
    both = comparison(replace(ACCURACY, name="digit/accuracy"), ERROR)
    assert both.tflite_accuracy == 0.875
    assert both.metrics == {"box/mae": (1.5, 1.75)}


@pytest.mark.parametrize(
    ("verdicts", "verdict", "passed"),
    [([], "no limit", True), (["passed", "no limit"], "passed", True), (["passed", "failed"], "failed", False),
     (["too few samples to tell", "passed"], "too few samples to tell", False)],
)  # fmt: skip
def test_the_verdict_is_the_worst_of_all(verdicts, verdict, passed):
    found = comparison(*(replace(ERROR, verdict=each) for each in verdicts))
    assert (found.verdict, found.passed) == (verdict, passed)
    sides = SideBySide({"litert": comparison(), "tflm": found}, {("litert", "tflm"): 0.125})
    assert (sides.verdict, sides.passed) == (verdict, passed)
    assert (len(sides), [*sides], sides["tflm"]) == (2, ["litert", "tflm"], found)
    assert str(sides).splitlines()[-3:] == [
        "output values that differ between runtimes", "runtimes          share", "litert and tflm  12.50%",
    ]  # fmt: skip
    assert str(sides).splitlines()[0] == f"{verdict} on litert, tflm"


def test_a_comparison_tells_every_figure():
    found = comparison(
        ACCURACY, ERROR, top5_agreement=0.995, mcnemar_p=0.0123456,
        flips=tuple(Flip(row, 1, 2, None) for row in range(9)), output_errors={"a": (0.1, 0.2), "b\n": (0.3, 0.4)},
    )  # fmt: skip
    assert str(found).splitlines() == [
        f"1,200 samples on litert, file of {found.tflite.size:,} bytes in flash",
        "accuracy: Keras 90.00 %, file 87.50 %",
        "  difference in points: -2.50 (95 % interval -4.00 to -1.00), McNemar's test p = 0.0123",
        "box/mae: Keras 1.5, file 1.75",
        "  difference: +0.25 (95 % interval +0.2 to +0.3)",
        "same class: 98.00%, in the file's top 5: 99.50%",
        "9 flipped: 0 (1→2), 1 (1→2), 2 (1→2), 3 (1→2), 4 (1→2), 5 (1→2), 6 (1→2), 7 (1→2), …",
        "output error: mean 0.0625, largest 0.5 (12.50% of the output range)",
        "  a: mean 0.1, largest 0.2",
        "  b\\n: mean 0.3, largest 0.4",
        "accuracy: passed (at most 5 points worse)",
        "box/mae: FAILED (at most 0.1 worse)",
    ]
    eight = comparison(flips=tuple(Flip(row, 1, 2, None) for row in range(8)))
    assert "8 flipped: 0 (1→2), 1 (1→2), 2 (1→2), 3 (1→2), 4 (1→2), 5 (1→2), 6 (1→2), 7 (1→2)\n" in str(eight)
    sides = SideBySide({"litert": eight, "tflm": found}, {})
    assert str(sides).startswith(f"failed on litert, tflm\n\n{eight}\n\n{found}\n\noutput values")
    short = comparison(agreement=None, output_range=0.0, flips=(Flip(3, 0, 1, 1),), output_errors={"a": (1, 1)})
    assert str(short).splitlines()[1:] == ["1 flipped: 3 (0→1)", "output error: mean 0.0625, largest 0.5"]


def test_a_comparison_as_parts_is_a_row_a_metric_and_what_differs():
    found = comparison(
        ACCURACY, ERROR, mcnemar_p=0.0123456, output_errors={"a": (0.12345678, 0.2), "b": (0.3, 0.98765432)}
    )
    metrics, test, same, error, outputs = found.parts()
    assert metrics == Table(
        ("metric", "Keras", "file", "difference (95 % interval)", "verdict"),
        [("accuracy", "90.00 %", "87.50 %", "-2.50 (-4.00 to -1.00)", "passed (at most 5 points worse)"),
         ("box/mae", "1.5", "1.75", "+0.25 (+0.2 to +0.3)", "FAILED (at most 0.1 worse)")],
    )  # fmt: skip
    assert test == "McNemar's test of the accuracy: p = 0.0123"
    assert (same, error) == (
        "same class: 98.00%",
        "output error: mean 0.0625, largest 0.5 (12.50% of the output range)",
    )
    assert outputs == Table(("output", "mean error", "largest error"), [("a", "0.1235", "0.2"), ("b", "0.3", "0.9877")])
    size = f"{found.tflite.size:,}"
    told = f"failed: accuracy 90.00 % → 87.50 %, 1,200 samples on litert, file of {size} bytes in flash"
    assert (found.headline, repr(found)) == (told, f"<Comparison: {told}>")
    bare = comparison(output_errors={"a": (1, 1)})
    assert [*bare.parts()] == [same, error]
    assert bare.headline == f"no limit: 1,200 samples on litert, file of {size} bytes in flash"


def test_several_runtimes_as_facts():
    sides = SideBySide({"litert": comparison(), "tflm": comparison(ERROR)}, {("litert", "tflm"): 0.125})
    facts = sides.to_dict()
    assert {name: fact for name, fact in facts.items() if name != "comparisons"} == {
        "verdict": "failed", "passed": False, "differing": [{"runtimes": ["litert", "tflm"], "share": 0.125}],
    }  # fmt: skip
    assert {name: one["verdict"] for name, one in facts["comparisons"].items()} == {
        "litert": "no limit", "tflm": "failed",
    }  # fmt: skip


# The table in all forms


@pytest.fixture
def made():
    return report(
        {"<int8>|": comparison(ACCURACY, ERROR), "plain": comparison(agreement=None)}, title="Digits & co"
    )  # fmt: skip


def expected_cells(tflite):
    rest = (f"{tflite.size:,}", f"{tflite.deflated_size:,}", "32")
    return [
        ("<int8>|", "passed (at most 5 points worse)", "accuracy", "90.00 %", "87.50 %", "-2.50 (-4.00 to -1.00)",
         *rest, "98.00 %", "0.0625"),
        ("", "FAILED (at most 0.1 worse)", "box/mae", "1.5", "1.75", "+0.25 (+0.2 to +0.3)", "", "", "", "", ""),
        ("plain", "no limit", "–", "–", "–", "–", *rest, "–", "0.0625"),
    ]  # fmt: skip


def test_a_line_for_each_metric_of_each_file(made):
    assert made.cells() == expected_cells(net())
    assert all(len(cells) == len(HEADINGS) for cells in made.cells())
    assert HEADINGS[1] == "verdict"
    assert HEADINGS[3:5] == ("Keras", "in the file"), "the model is left of the file"


def test_markdown_holds_the_cells_escaped(made):
    lines = made.to_markdown().splitlines()
    assert lines[0] == "# failed: Digits &amp; co"
    assert lines[2] == "| " + " | ".join(HEADINGS) + " |"
    assert lines[3] == "|" + " --- |" * 3 + " ---: |" * 8, "texts to the left"
    rows = [
        [re.sub(r"\\(.)", r"\1", unescape(cell)) for cell in re.split(r" (?<!\\)\| ", line[2:-2])] for line in lines[4:]
    ]
    assert [tuple(row) for row in rows] == made.cells()
    odd = report({"a|b[c]`d\\e<f": comparison()}).to_markdown().splitlines()[4]
    assert odd.startswith(r"| a\|b\[c\]\`d\\e&lt;f | ")


def test_the_page_begins_with_the_verdict_and_tells_every_figure(made):
    page = made.to_html()
    texts = re.findall(">([^<]+)<", page[page.index("<h1>") : page.index("<svg")])
    told = [unescape(text).strip(" ,") for text in texts if text.strip(" ,")]
    tflite = net()
    sizes = [f"{tflite.size:,}", f"{tflite.deflated_size:,} deflated"]
    assert told[:3] == ["Digits & co", "FAILED", "“<int8>|” loses more than its limit; the other does not."]
    assert told[3].startswith("1,200 samples on litert · 2")
    first, second = told.index("<int8>|"), told.index("plain")
    assert told[first : second - 1] == [
        "<int8>|", "float32", "FAILED", "accuracy", "90.00 % → 87.50 %", "-2.50 points (-4.00 to -1.00)",
        "at most 5 points worse", "box/mae", "1.5 → 1.75", "+0.25 (+0.2 to +0.3)", "at most 0.1 worse",
        *sizes, "98.00 %", "mean error 0.0625",
    ]  # fmt: skip
    assert told[second : told.index("Metrics against bytes")] == [
        "plain", "float32", "no limit", "mean error", "0.0625", "1.562% of the output range",
        *sizes, "–", "mean error 0.0625",
    ]  # fmt: skip
    assert "<int8>" not in page
    heads = re.findall('<th scope="col">(.*?)</th>', page)
    assert heads[:2] == ["file", "verdict"]


@pytest.mark.parametrize(
    ("verdicts", "badge", "sentence"),
    [(["passed"], "passed", "The file keeps its limits."), (["passed"] * 3, "passed", "All 3 files keep their limits."),
     (["failed"], "FAILED", "The file loses more than its limit."),
     (["failed", "failed", "passed"], "FAILED", "2 of 3 files lose more than their limits: “n0”, “n1”."),
     (["too few samples to tell", "passed"], "too few samples to tell", "“n0” needs more samples; the other does not."),
     (["no limit"], "no limit", "No limit was set: nothing was asked of the accuracy.")],
)  # fmt: skip
def test_the_badge_is_the_worst_verdict_and_the_sentence_names_the_files(verdicts, badge, sentence):
    scores = [replace(ERROR, verdict=each, limit=None if each == "no limit" else 0.1) for each in verdicts]
    made = report({f"n{number}": comparison(score) for number, score in enumerate(scores)})
    kind = {"too few samples to tell": "unclear", "no limit": "open"}.get(badge, badge.lower())
    assert f'<p class="verdict"><span class="badge {kind}">{badge}</span> {sentence}</p>' in made.to_html()
    assert (made.passed, made.verdict) == (badge in ("passed", "no limit"), badge.lower())


def test_what_would_tell_stands_beside_the_verdict():
    unclear = replace(ERROR, verdict="too few samples to tell", more_samples=1200)
    assert "about 1,200 more would, if the difference stays" in report(comparison(unclear)).to_html()


def test_where_the_report_comes_from_is_told_in_each_form():
    manifest = {"model": {"name": "<digits>", "keras": "keras", "sha256": "0123456789abcdef"}}
    tflite = tfcompress.TFLiteModel(add_entry(net().content, KEY, encode(manifest)))
    made = report({"a": replace(comparison(), tflite=tflite), "b": replace(comparison(), tflite=tflite)})
    page, card = made.to_html(), made.to_model_card()
    for text, name in ((page, "&lt;digits&gt;"), (card, "&lt;digits>")):
        assert text.count(f"{name} (keras), sha256 0123456789a…") == 1
        assert made.origin.date in text
        assert made.origin.machine in text
        assert f"numpy {version('numpy')}" in text
    assert datetime.strptime(made.origin.date, "%Y-%m-%d %H:%M UTC").year >= 2024
    assert page.count("<summary>How the file was made</summary>") == 2
    assert "<digits>" not in page
    assert report(comparison()).to_html().count("How the file was made") == 0


def test_a_model_card_holds_what_hugging_face_reads(made):
    yaml = pytest.importorskip("yaml")
    card = made.to_model_card()
    _, front, body = card.split("---\n", 2)
    found = yaml.safe_load(front)
    assert (found["library_name"], found["tags"]) == ("litert", ["tflite", "keras", "float32", "tfcompress"])
    assert found["metrics"] == ["accuracy", "mae"]
    assert "license" not in found
    (model,) = found["model-index"]
    assert model["name"] == "<int8>|"
    accuracy, error = model["results"]
    assert accuracy["dataset"] == {"type": "custom", "name": "1200 samples"}
    assert accuracy["task"] == {"type": "tabular-classification"}
    assert accuracy["metrics"] == [{"type": "accuracy", "name": "accuracy on litert", "value": 0.875}]
    assert error["metrics"] == [{"type": "mae", "name": "box/mae on litert", "value": 1.75}]
    assert body.strip().startswith(made.to_markdown().strip())


@pytest.mark.parametrize("name", ['a: "b" # c', "- d", "'", "\\", "---\nx: 1", "\U0001f600", "null", "%", "é\u2028"])
def test_names_and_small_numbers_stay_what_they_are_in_a_card(name):
    yaml = pytest.importorskip("yaml")
    score = replace(ERROR, name="mae", file=1e-5)
    card = report({name: comparison(score)}).to_model_card()
    (model,) = yaml.safe_load(card.split("---\n", 2)[1])["model-index"]
    assert model["name"] == printable(name)
    assert model["results"][0]["metrics"][0]["value"] == 1e-5


def test_json_holds_every_fact(made):
    facts = json.loads(made.to_json())
    assert (facts["title"], facts["verdict"], facts["passed"]) == ("Digits & co", "failed", False)
    assert facts["origin"]["date"] == made.origin.date
    first, second = facts["rows"]
    tflite = net()
    assert {key: value for key, value in first.items() if key not in ("scores", "manifest")} == {
        "name": "<int8>|", "runtime": "litert", "samples": 1200, "flash_bytes": tflite.size,
        "deflated_bytes": tflite.deflated_size, "macs": 32, "keras_accuracy": 0.9, "accuracy": 0.875,
        "interval": [-0.04, -0.01], "agreement": 0.98, "mean_error": 0.0625, "max_error": 0.5, "output_range": 4.0,
        "max_accuracy_drop": 0.05, "verdict": "failed", "passed": False, "arena_bytes": None,
        "energy_estimate": tfcompress.energy(tflite).total, "errors": None, "findings": [], "latencies": None,
    }  # fmt: skip
    assert [score["name"] for score in first["scores"]] == ["accuracy", "box/mae"]
    assert (second["name"], second["accuracy"], second["manifest"]) == ("plain", None, {})


def test_the_terminal_shows_every_cell(made):
    text = " ".join(re.sub("[─━│┃]", " ", str(made)).split())
    assert text.startswith("failed: Digits & co")
    for cells in made.cells():
        for cell in cells:
            for word in cell.split():
                assert word in text


def test_a_single_comparison_and_several_runtimes():
    assert [row.name for row in report(comparison()).rows] == ["file"]
    sides = SideBySide({"litert": comparison(), "tflm": comparison(ERROR)}, {})
    found = Findings("cpu", 7, ())
    made = report({"net": sides, "other": comparison()}, findings={"net": found})
    assert [row.name for row in made.rows] == ["net on litert", "net on tflm", "other"]
    assert [row.passed for row in made.rows] == [True, False, True]
    assert [row.findings for row in made.rows] == [(found,), (), ()], "once a file"


NOISE = LayerErrors((LayerError("first", "FULLY_CONNECTED", 31.0, 5, 7, 0.9, 0.0),), 8)
TIMES = Latencies((Latency("litert", 1, 40, 2.0, 1.5, 2.5),))


@pytest.mark.parametrize(
    ("what", "found"), [("errors", NOISE), ("latencies", TIMES), ("findings", Findings("cpu", 7, ()))]
)
def test_what_is_known_of_a_file_is_told_once_and_of_a_single_file_without_its_name(what, found):
    """Below the first of its runtimes, and of no other file."""
    held, none = ((found,), ()) if what == "findings" else (found, None)
    sides = SideBySide({"litert": comparison(), "tflm": comparison()}, {})
    made = report({"net": sides, "other": comparison(), "last": comparison()}, **{what: {"net": found, "last": found}})
    assert [getattr(row, what) for row in made.rows] == [held, none, none, held]
    for alone in (comparison(), {"net": sides}):
        rows = report(alone, **{what: found}).rows
        assert [getattr(row, what) for row in rows] == [held, none][: len(rows)]


@pytest.mark.parametrize("what", ["errors", "latencies", "findings"])
def test_what_fits_no_file_is_told_with_the_way_out(what):
    two, found = {"a": comparison(), "b": comparison()}, Findings("cpu", 7, ())
    with pytest.raises(tfcompress.SettingError) as told:
        report(two, **{what: found})
    assert str(told.value) == (
        f"Of several files, {what} must tell which file they are of. Received: {what} without names, and the files "
        f"['a', 'b']. Pass {what}={{name: …}}."
    )
    with pytest.raises(tfcompress.SettingError) as told:
        report(two, **{what: {"a": found, "c": found}})
    assert str(told.value) == f"{what} must have names of comparisons. Received: ['c']. One of ['a', 'b']."


def test_the_page_shows_pictures_that_flipped_and_how_weights_are_distributed():
    flipped = replace(comparison(flips=(Flip(1, 3, 5, 5),)), samples=2)
    plain = report(flipped)
    shown = report(flipped, pictures=np.arange(8).reshape(2, 2, 2), histograms=True)
    assert (plain.to_html().count("<img"), shown.to_html().count("<img")) == (0, 1)
    assert "<figcaption>weights</figcaption>" in shown.to_html()
    assert "<figcaption>weights</figcaption>" not in plain.to_html()


def test_of_what_is_no_comparison_two_hundred_letters_are_shown():
    with pytest.raises(tfcompress.SettingError) as told:
        report("x" * 1000)
    assert told.value.received == "'" + "x" * 199


@pytest.mark.parametrize("given", [None, {}, [], {"a": 3}, {"a": comparison(), "b": None}])
def test_nothing_to_report_is_told(given):
    with pytest.raises(tfcompress.SettingError, match="at least one Comparison by name") as told:
        report(given)
    assert repr(given)[:30] in str(told.value)


def test_the_suffix_chooses_the_form(made, tmp_path):
    for suffix, text in ((".html", made.to_html()), (".json", made.to_json()), (".md", made.to_model_card())):
        path = tmp_path / f"r{suffix}"
        Report.require_form(path)
        assert made.save(path) == path
        assert path.read_text(encoding="utf-8") == text
    for check in (made.save, Report.require_form):
        with pytest.raises(tfcompress.SettingError, match=r"saved as \.html, \.json or \.md.*r\.pdf"):
            check(tmp_path / "r.pdf")
        (tmp_path / "file").touch()
        with pytest.raises(tfcompress.FileError):
            check(tmp_path / "file" / "r.md")
