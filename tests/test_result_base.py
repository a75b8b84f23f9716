"""Every result prints itself, shows itself in a notebook, becomes a dict of plain values, and is saved in each form."""

import importlib
import json
import math
import pkgutil
from html.parser import HTMLParser

import numpy as np
import pytest

import tfcompress
from tests.models import small_cnn
from tests.properties.comparisons import ACCURACY, ERROR, comparison, net
from tfcompress.comparison.golden_comparison import GoldenComparison, GoldenRow
from tfcompress.comparison.layer_errors import LayerError, LayerErrors
from tfcompress.comparison.result import SideBySide
from tfcompress.comparison.sensitivity import Sensitivity
from tfcompress.deployment.chips import ChipRow, Chips, boards
from tfcompress.deployment.findings import Finding, Findings, FindingsByTarget
from tfcompress.litert.decode.packing import PackedConstant, Packing
from tfcompress.planning.preflight import LayerPlan, Preflight
from tfcompress.reporting.before_after import BeforeAfter, Change
from tfcompress.result_base import Result, Table, plain
from tfcompress.runtime.latency import Latencies, Latency
from tfcompress.search.compression import Best, Compression
from tfcompress.search.device_budget import DeviceBudget, Footprint
from tfcompress.search.judge import Candidate
from tfcompress.search.recipe import Recipe
from tfcompress.training.channels.channel_graph import channel_graph
from tfcompress.training.channels.channels_report import ChannelsReport, LayerRow, Size
from tfcompress.training.pruning.zeros import KernelZeros, SparsityReport
from tfcompress.training.quantization.quantization_report import QuantizationReport, Row

NASTY = "<b>|\x1b[31mred\nnext"
FOUND = Findings("tflm", 7, (Finding("CONV_2D", NASTY, "no kernel", "Use another."),), {"arena": 1234})


def graph():
    import keras

    return channel_graph(small_cnn(keras), keep_first=False)


def compression():
    one, other = (
        Candidate(Recipe("int8", macs=macs), Footprint(900, 80, 70, 0.5), 0.8, (-0.1, 0.1), 0.9, net(), 0.7, None)
        for macs in (None, 0.5)
    )
    best = Best(one, None, NASTY)
    return Compression(
        best, (one,), NASTY, DeviceBudget(flash=800), (one, other), 3, {"x": 1}, False, {one.recipe: NASTY}
    )


MAKERS = {
    "Comparison": lambda: comparison(ACCURACY, ERROR, output_errors={NASTY: (1, 2), "b": (1, math.inf)}),
    "SideBySide": lambda: SideBySide({"litert": comparison(), "tflm": comparison(ERROR)}, {("litert", "tflm"): 0.25}),
    "LayerErrors": lambda: LayerErrors((LayerError(NASTY, "CONV_2D", 21.5, 12.0, 20.0, 0.5, 0.01),), 40),
    "Sensitivity": lambda: Sensitivity(0.9, 0.8, {"float": {NASTY: 0.85}}, "int8", (), (), (NASTY,), 0.85, True),
    "Latencies": lambda: Latencies((Latency("litert", 1, 30, 0.5, 0.4, 0.7),)),
    "Energy": lambda: tfcompress.energy(net()),
    "Chips": lambda: Chips(9, 8, 7, 6, (NASTY,), (ChipRow(boards()[0], "fits", 5, 4, 1),)),
    "GoldenComparison": lambda: GoldenComparison(
        "LiteRT 2", NASTY, 9, 2, {NASTY: 0.5}, (GoldenRow("reference", 1, 9, 2.0, {NASTY: 0.5}, NASTY, 1, 3, ""),)
    ),
    "Packing": lambda: Packing((PackedConstant(NASTY, "huffman", 90, 30),), 900, 600, 100, None, NASTY),
    "BeforeAfter": lambda: BeforeAfter((Change("MACs", 200, 50),), "No arena."),
    "Compression": compression,
    "Findings": lambda: FOUND,
    "FindingsByTarget": lambda: FindingsByTarget({"tflm": FOUND, "cpu": Findings("cpu", 7, ())}),
    "Report": lambda: tfcompress.report({NASTY: comparison(ACCURACY)}),
    "SparsityReport": lambda: SparsityReport({NASTY: KernelZeros(10, 5, 8, 7, 4, 6)}),
    "Preflight": lambda: Preflight("tflm", (LayerPlan(NASTY, "Conv2D", 9, "yes", "yes", "no"),), "zeros", None, FOUND),
    "Inspection": lambda: tfcompress.inspect(net((NASTY, "b"))),
    "QuantizationReport": lambda: QuantizationReport((Row(NASTY, "Conv2D", False, "no rule"),)),
    "ChannelsReport": lambda: ChannelsReport(
        (LayerRow(NASTY, Size(8, 72, 80, 104), Size(4, 36, 40, 52)),), Size(None, 72, 80, 104), Size(None, 36, 40, 52),
        {NASTY: "an output"}, {NASTY: "Lambda"}, ("a mean over channels",),
    ),
    "ChannelGraph": graph,
}  # fmt: skip


@pytest.fixture(params=MAKERS)
def result(request):
    return MAKERS[request.param]()


def test_all_kinds_are_here():
    for module in pkgutil.walk_packages(tfcompress.__path__, "tfcompress."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds = {kind.__name__ for kind in Result.__subclasses__() if kind.__module__.startswith("tfcompress.")}
    assert kinds == {*MAKERS}


def test_one_line_that_names_the_kind(result):
    assert repr(result).startswith(f"<{type(result).__name__}: ")
    assert repr(result).isprintable()


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attributes):
        self.open += [] if tag in ("meta", "path", "use", "image", "line", "rect", "br", "img") else [tag]
        self.seen.add(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag


def test_a_notebook_shows_tables_with_every_name_escaped(result):
    html = result._repr_html_()
    parser = Tags()
    parser.feed(html)
    assert not parser.open
    assert "b" not in parser.seen
    assert "table" in parser.seen
    assert "\x1b" not in html


def test_the_dict_holds_fields_and_properties_in_the_types_of_json(result):
    facts = result.to_dict()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    for name in ("passed", "verdict", "total"):
        assert not hasattr(result, name) or facts[name] == getattr(result, name)
    assert "headline" not in facts


def test_each_form_is_saved_by_its_suffix(result, tmp_path):
    for suffix in (".json", ".md", ".html", ".HTML"):
        path = result.save(tmp_path / f"result{suffix}")
        text = path.read_text(encoding="utf-8")
        assert text.startswith({".json": "{", ".md": ("# ", "---\n")}.get(suffix, "<!doctype html>"))
        assert "<b>" not in text or suffix == ".json"
    assert json.loads((tmp_path / "result.json").read_text()) == result.to_dict()
    with pytest.raises(tfcompress.SettingError, match=rf"{type(result).__name__} is saved as \.html, \.json.*r\.txt"):
        result.save(tmp_path / "r.txt")
    assert result.save(tmp_path / "made" / "r.md").exists()


def test_rows_of_a_markdown_table_have_as_many_cells(result):
    widths = [line.replace("\\|", "").count("|") for line in result.to_markdown().splitlines() if line.startswith("|")]
    assert len(widths) > 1
    ends = [row for row, line in enumerate(result.to_markdown().splitlines()) if line.startswith("| ---")]
    assert len(set(widths)) <= len(ends)


class Two(Result):
    headline = "two"

    def parts(self):
        yield "a sentence"
        yield Table(("name", "bytes"), [("a", "1,000"), ("bb", "–"), ("c", "7")], title="sizes")


def test_numbers_are_set_to_the_right():
    assert str(Two()).splitlines() == [
        "two", "a sentence", "", "sizes", "name  bytes", "a     1,000", "bb        –", "c         7",
    ]  # fmt: skip
    assert "| --- | ---: |" in Two().to_markdown()
    assert '<td style="text-align: right">1,000</td>' in Two()._repr_html_()
    assert '<td style="text-align: left">bb</td>' in Two()._repr_html_()


def test_arrays_paths_and_what_is_no_number_become_plain(tmp_path):
    assert plain({1: np.array([1.5, np.nan]), "a": (np.int8(3), np.float32(0.5), None, True)}) == {
        "1": [1.5, None], "a": [3, 0.5, None, True],
    }  # fmt: skip
    assert plain(tmp_path) == str(tmp_path)
    assert plain(-math.inf) is None
