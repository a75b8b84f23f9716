"""What stands below the table of a report, and what two files take side by side."""

import re
from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest

import tfcompress
from tests.properties.comparisons import comparison, net
from tfcompress.comparison.classification_counts import Flip
from tfcompress.comparison.layer_errors import LayerError, LayerErrors
from tfcompress.deployment.findings import Finding, Findings
from tfcompress.reporting import before_after
from tfcompress.reporting.before_after import BeforeAfter, Change
from tfcompress.reporting.page_sections import flips, layers, targets
from tfcompress.reporting.report import report

# Below the table


def cells_of(html):
    rows = re.findall("<tr>(.*?)</tr>", html)
    return [[unescape(cell) for cell in re.findall("<t[hd]>(.*?)</t[hd]>", row)] for row in rows]


def test_layers_with_their_bytes_zeros_and_errors(monkeypatch):
    monkeypatch.setattr("tfcompress.reporting.page._plots", lambda _: "")
    errors = LayerErrors((LayerError("second", "FULLY_CONNECTED", 31.26, 5, 7, 0.875, 0.0125),), 8)
    html = layers("<net>", comparison(), errors)
    assert cells_of(html) == [
        ["layer", "bytes", "zeros", "SQNR", "range used", "saturated"],
        ["first", "64", "25.0%", "–", "–", "–"],
        ["second", "64", "50.0%", "31.3 dB", "88%", "1.25%"],
    ]
    assert "<summary>Layers of &lt;net&gt;</summary>" in html
    assert cells_of(layers("net", comparison(), None))[2] == ["second", "64", "50.0%", "–", "–", "–"]
    twice = replace(comparison(), tflite=net(("same", "same")))
    assert cells_of(layers("net", twice, None))[1:] == [["same", "128", "50.0%", "–", "–", "–"]]
    page = report({"net": comparison()}, errors={"net": errors}).to_html()
    assert "31.3 dB" in page


def test_flips_by_pair_of_classes_with_their_pictures():
    flipped = (Flip(0, 3, 5, 5), Flip(2, 1, 2, None), Flip(3, 3, 5, 3))
    found = replace(comparison(flips=flipped), samples=4)
    pictures = np.arange(4 * 4).reshape(4, 2, 2)
    html = flips("net", found, pictures)
    assert "<summary>3 samples that net puts into another class (75.00%)</summary>" in html
    assert cells_of(html) == [["Keras", "file", "samples"], ["3", "5", "2"], ["1", "2", "1"]]
    assert re.findall("<figcaption>(.*?)</figcaption>", html) == ["0: 3 → 5, is 5", "2: 1 → 2", "3: 3 → 5, is 3"]
    assert html.count("<img") == 3
    for wrong in (None, pictures[:3], np.zeros((4, 9))):
        assert "<img" not in flips("net", found, wrong)
    assert flips("net", comparison(), pictures) == ""
    many = replace(found, flips=tuple(Flip(0, number, 99, None) for number in range(40)))
    html = flips("net", many, pictures)
    assert html.count("<img") == 24
    assert len(cells_of(html)) == 1 + 20


def test_targets_with_what_stops_and_what_slows(monkeypatch):
    monkeypatch.setattr("tfcompress.reporting.page._plots", lambda _: "")
    rows = (Finding("CONV_2D v9", "<conv>", "no kernel", "Use another."), Finding("ADD", "a", "slow", "Wait.", False))
    found = [Findings("tflm", 7, rows, {"arena": 1234}), Findings("cpu", 7, rows[1:]), Findings("gpu", 7, ())]
    html = targets(found)
    assert re.findall("<summary>(.*?)</summary>", html) == [
        "does NOT run on tflm: 2 findings", "runs on cpu: 1 findings", "runs on gpu: no findings",
    ]  # fmt: skip
    heads = ["", "op", "layer", "reason", "way out"]
    first = [
        ["fact", "value"],
        ["arena", "1234"],
        heads,
        ["stops", "CONV_2D v9", "<conv>", "no kernel", "Use another."],
    ]
    slow = ["slows", "ADD", "a", "slow", "Wait."]
    assert cells_of(html) == [*first, slow, ["fact", "value"], heads, slow, ["fact", "value"]]
    assert targets([]) == ""
    assert "does NOT run on tflm" in report(comparison(), findings=found).to_html()


# Before and after


def test_what_is_left_is_after_over_before():
    assert Change("MACs", 200, 50).share == 0.25
    assert Change("MACs", 0, 50).share == 1.0
    changes = BeforeAfter((Change("bytes", 2000, 500), Change("ms", 1.5, 3.0)), "No arena.")
    assert changes["ms"].share == 2
    assert str(changes).splitlines() == [
        "left: 25.0% of bytes, 200.0% of ms",
        "       before  after    left",
        "bytes   2,000    500   25.0%",
        "ms      1.500  3.000  200.0%",
        "No arena.",
    ]
    assert str(BeforeAfter((Change("a", 1, 1),))).splitlines()[2:] == ["a       1      1  100.0%"]
    with pytest.raises(tfcompress.SettingError, match=r"one of 'bytes', 'ms'.*'nonsense'.*No arena"):
        changes["nonsense"]


def test_each_figure_is_that_of_its_file(monkeypatch):
    """The files stay in their order, and each is timed by turns with the other."""
    before, after = net(("a", "b", "c"), (0, 0, 0)), net(("a",), (0,))
    turns = []

    def latency(one, threads, seconds):
        turns.append(one)
        assert threads == [1]
        times = (10.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0) if one is before else (9.0, 8.0, 7.0, 7.0, 7.0, 6.0, 5.0)
        return SimpleNamespace(rows=[SimpleNamespace(median=times[(len(turns) - 1) // 2])])

    arenas = {id(before): {"arena needed, bytes": 900}, id(after): {"arena needed, bytes": 300}}
    monkeypatch.setattr(before_after, "latency", latency)

    def check(one, target):
        assert target == "tflm"
        return SimpleNamespace(facts=arenas[id(one)])

    monkeypatch.setattr(before_after, "check", check)
    changes = before_after.before_after(before, after)
    assert turns == [before, after] * 7
    assert [(row.what, row.before, row.after) for row in changes.rows] == [
        ("bytes in flash", before.size, after.size), ("bytes deflated", before.deflated_size, after.deflated_size),
        ("MACs", 48, 16), ("bytes of arena needed, TFLM", 900, 300), ("ms on one thread of this machine", 4.0, 7.0),
    ]  # fmt: skip
    assert changes.missing == ""
    arenas[id(after)] = {}
    turns.clear()
    without = before_after.before_after(before, after)
    assert len(without.rows) == 4
    assert "TFLM does not run both files" in without.missing

    def missing(one, target):
        raise tfcompress.MissingPackageError("TFLM needs tflite-micro.")

    monkeypatch.setattr(before_after, "check", missing)
    turns.clear()
    without = before_after.before_after(before, after)
    assert len(without.rows) == 4
    assert str(without).endswith("\nNo arena: TFLM needs tflite-micro.")


def test_files_on_disk_are_read(monkeypatch, tmp_path):
    before, after = net(("a", "b"), (0, 0)), net(("a",), (0,))
    paths = [one.save(tmp_path / f"{place}.tflite") for place, one in enumerate((before, after))]
    monkeypatch.setattr(before_after, "latency", lambda one, **_: SimpleNamespace(rows=[SimpleNamespace(median=1.0)]))
    monkeypatch.setattr(before_after, "check", lambda one, target: SimpleNamespace(facts={}))
    changes = before_after.before_after(*paths)
    assert changes["bytes in flash"] == Change("bytes in flash", before.size, after.size)
