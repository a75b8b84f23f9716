"""A report as a page: each cell where it belongs, names escaped; plots with their sign, size and colour."""

import re
import sys
from dataclasses import replace
from html import unescape

import pytest
from matplotlib.axes import Axes

import tfcompress
from tests.properties.comparisons import ACCURACY, ERROR, comparison, net
from tfcompress.reporting.page import page as page_of
from tfcompress.reporting.report_row import HEADINGS, cells_of, row_of


def html(comparisons, title="title", manifests=None):
    """The page of comparisons by name."""
    rows = [row_of(name, each) for name, each in comparisons.items()]
    return page_of(title, rows, manifests or {name: {} for name in comparisons}, "<p>below</p>")


def test_the_plots_hold_sizes_and_signed_differences(monkeypatch):
    """What is drawn, axis by axis: a file that lost lies left of zero, its interval around the point."""
    lines, bars = [], []
    monkeypatch.setattr(Axes, "plot", lambda self, x, y, *more, _plot=Axes.plot, **others: (
        lines.append((self, list(x), list(y))), _plot(self, x, y, *more, **others))[1])  # fmt: skip
    monkeypatch.setattr(Axes, "barh", lambda self, y, x, *more, _barh=Axes.barh, **others: (
        bars.append((list(y), list(x), others.get("label"))), _barh(self, y, x, *more, **others))[1])  # fmt: skip
    other = replace(ACCURACY, keras=0.5, file=0.75, interval=None)
    page = html({"a": comparison(ACCURACY, ERROR), "b": comparison(other)})
    size, deflated = net().size / 1024, net().deflated_size / 1024
    assert bars == [(["a", "b"], [size] * 2, "in flash"), (["a", "b"], [deflated] * 2, "deflated")]
    accuracy, error = lines[0][0], lines[-1][0]
    drawn = {axes: [(x, y) for each, x, y in lines if each is axes] for axes in (accuracy, error)}
    expected = {
        accuracy: [([-4, -1], ["a", "a"]), ([-2.5], ["a"]), ([25, 25], ["b", "b"]), ([25], ["b"])],
        error: [([0.2, 0.3], ["a", "a"]), ([0.25], ["a"])],
    }
    for axes, points in expected.items():
        assert [y for _, y in drawn[axes]] == [y for _, y in points]
        for (x, _), (wanted, _) in zip(drawn[axes], points, strict=True):
            assert x == pytest.approx(wanted)
    assert (accuracy.get_xlabel(), error.get_xlabel()) == ("points, with 95 % interval", "box/mae, with 95 % interval")
    assert accuracy.get_title() == "Accuracy against the Keras model"
    assert accuracy.get_ylim()[0] > accuracy.get_ylim()[1], "the first file is at the top, as in the table"
    assert page.count("<svg") == 1
    for words in ("KiB", "Size of the file", "in flash", "deflated", "Box/mae against the Keras model"):
        assert words in page


def drawn(*rows):
    page = html({f"a$_${number}": row for number, row in enumerate(rows)})
    return page[page.index("<svg") : page.index("</svg>")]


@pytest.mark.parametrize(("metrics", "rows", "lines"), [(0, 1, 1), (2, 3, 2), (3, 1, 2)])
def test_the_picture_grows_with_files_and_metrics(metrics, rows, lines):
    svg = drawn(*[comparison(*(replace(ERROR, name=f"m{number}") for number in range(metrics)))] * rows)
    width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())
    assert (width, height) == pytest.approx((720, 72 * lines * (1.2 + 0.6 * rows)), abs=0.01)
    assert svg.count('id="matplotlib.axis_') == 2 * (1 + max(1, metrics)), "what is not used is off"


def test_the_picture_has_the_colours_of_the_page_and_names_are_no_formulas():
    black_and_white = {"#000000", "#ffffff", "#cccccc", "#262626"}
    sizes, deltas = {"#5b8def", "#1f4fa3"}, {"#1f4fa3", "#8a97a5"}
    for row, colours in ((comparison(), sizes), (comparison(ERROR), sizes | deltas)):
        svg = drawn(row, row)
        assert set(re.findall("(?:fill|stroke): (#[0-9a-f]{6})", svg)) - black_and_white == colours
        assert svg.count("a$_$0") == svg.count("a$_$1") >= 2, "beside the axes, as it is"
    svg = drawn(comparison(ERROR))
    assert "stroke: #1f4fa3; stroke-width: 2;" in svg, "the interval"
    assert 'stroke: #8a97a5; stroke-linecap: square"' in svg, "where nothing changes: a line of width 1"


def test_the_point_is_a_dot_and_the_line_stands_at_no_change(monkeypatch):
    marks, lines = [], []
    monkeypatch.setattr(Axes, "plot", lambda self, x, y, *more, _plot=Axes.plot, **others: (
        marks.append((len(x), more)), _plot(self, x, y, *more, **others))[1])  # fmt: skip
    monkeypatch.setattr(Axes, "axvline", lambda self, x, *more, _line=Axes.axvline, **others: (
        lines.append(x), _line(self, x, *more, **others))[1])  # fmt: skip
    drawn(comparison(ERROR))
    assert marks == [(2, ()), (1, ("o",))]
    assert lines == [0]


def test_without_metrics_the_errors_are_drawn(monkeypatch):
    bars = []
    monkeypatch.setattr(Axes, "barh", lambda self, y, x, *more, _barh=Axes.barh, **others: (
        bars.append((list(y), list(x))), _barh(self, y, x, *more, **others))[1])  # fmt: skip
    page = html({"a": comparison(), "b": comparison(mean_error=0.5)})
    assert bars[-1] == (["a", "b"], [0.0625, 0.5])
    assert "Mean error of the outputs" in page


def test_the_table_holds_the_cells_escaped_and_coloured(monkeypatch):
    monkeypatch.setattr("tfcompress.reporting.page._plots", lambda _: "<i>plots</i>")
    given = {"<int8>|": comparison(ACCURACY, ERROR), "plain": comparison(agreement=None)}
    page = html(given, "Digits & co")
    head, body = re.search(r"<thead><tr>(.*?)</tr></thead><tbody>(.*?)</tbody>", page, re.DOTALL).groups()
    assert tuple(unescape(cell) for cell in re.findall("<th>(.*?)</th>", head)) == HEADINGS
    rows = [re.findall('<td(?: class="(.*?)")?>(.*?)</td>', row) for row in re.findall("<tr>(.*?)</tr>", body)]
    expected = [cells for name, each in given.items() for cells in cells_of(row_of(name, each))]
    assert [tuple(unescape(cell) for _, cell in row) for row in rows] == expected
    assert [row[-1][0] for row in rows] == ["passed", "failed", ""]
    assert "<title>Digits &amp; co</title>" in page
    assert "<h1>Digits &amp; co</h1><p>1,200 samples on litert</p>" in page
    assert page.endswith("</table></div><i>plots</i><p>below</p></body></html>\n")
    assert "<int8>" not in page
    unclear = html({"a": comparison(replace(ERROR, verdict="too few samples to tell"))})
    assert '<td class="unclear">too few' in unclear
    several = html({"a": comparison(), "b": replace(comparison(), samples=7), "c": comparison()})
    assert "<p>1,200 samples on litert, 7 samples on litert</p>" in several


def test_how_each_file_was_made_is_told_and_escaped(monkeypatch):
    monkeypatch.setattr("tfcompress.reporting.page._plots", lambda _: "")
    manifests = {"<a>": {"settings": {"io": "<int8>"}}, "b": {}}
    page = html({"<a>": comparison(), "b": comparison()}, manifests=manifests)
    assert page.count("<summary>How ") == 1
    assert "<summary>How &lt;a&gt; was made</summary><pre>{\n  &quot;settings&quot;: {" in page
    assert "&lt;int8&gt;" in page


def test_without_matplotlib_a_page_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        tfcompress.MissingPackageError, match=r"^The HTML report needs .*pip install 'tfcompress\[plots\]'"
    ):
        html({"a": comparison()})
