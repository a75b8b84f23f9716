"""The charts of a report: what is drawn where, with its sign, and that nothing is drawn over something else."""

import re
from dataclasses import replace
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest

from tests.properties.comparisons import ACCURACY, ERROR, comparison, net
from tfcompress.reporting.page.charts import HEIGHT, WIDTH, Axis, Chart, around, histogram
from tfcompress.reporting.page.elements import html
from tfcompress.reporting.report import report


def charts_of(page):
    return [fromstring(svg) for svg in re.findall("<svg.*?</svg>", page, re.DOTALL)]


def marks(svg, tag, kind):
    return [each for each in svg.iter(tag) if each.get("class") == kind]


def numbers(element, *names):
    return [float(element.get(name)) for name in names]


@pytest.mark.parametrize(
    ("low", "high", "unit", "ticks"),
    [(0, 100, 1, [0, 20, 40, 60, 80, 100]), (-0.03, 0.07, 1, [-0.02, 0, 0.02, 0.04, 0.06]),
     (0, 30 * 1024, 1024, [0, 5120, 10240, 15360, 20480, 25600, 30720]), (5, 5, 1, [5])],
)  # fmt: skip
def test_ticks_are_round_and_between_the_ends(low, high, unit, ticks):
    assert Axis("x", low, high, unit=unit).ticks() == pytest.approx(ticks)


def test_an_axis_shows_all_values_with_room():
    assert around([1.0, 2.0]) == (0.92, 2.08)
    low, high = around([3.0])
    assert low < 3 < high
    assert around([0.0])[0] < 0 < around([0.0])[1]


def test_values_lie_where_their_axes_put_them():
    chart = Chart(Axis("x", 0, 10), Axis("y", -1, 1), "what")
    assert (chart.left_of(0), chart.left_of(10)) == (52, WIDTH - 14)
    assert chart.left_of(5) == (52 + WIDTH - 14) / 2
    assert (chart.top_of(-1), chart.top_of(1)) == (HEIGHT - 42, 26), "up is more"
    chart.cloud(np.array([0, 10]), np.array([-1, 1]))
    assert f'd="M52.0 {HEIGHT - 42:.1f}h0M{WIDTH - 14:.1f} 26.0h0"' in html(chart.element)
    assert chart.element.find("title").text == "what"


def test_each_file_stands_at_its_bytes_beside_its_model_and_its_limit():
    page = report({"a": comparison(ACCURACY)}).to_html()
    (svg,) = charts_of(page)
    (model,), (file,), (interval,), (limit,) = (
        marks(svg, tag, kind)
        for tag, kind in (("circle", "model"), ("circle", "passed"), ("line", "interval"), ("line", "limit"))
    )
    assert file.get("cx") == model.get("cx") == interval.get("x1")
    # 0.9 of the model, 0.875 of the file, 0.86 to 0.89, a limit of 0.05: from top to bottom
    (top, bottom), (keras,), (found,), (most,) = (
        sorted(numbers(interval, "y1", "y2")), numbers(model, "cy"), numbers(file, "cy"), numbers(limit, "y1"),
    )  # fmt: skip
    assert keras < top < found < bottom < most
    scale = (most - keras) / 0.05
    assert [found, top, bottom] == pytest.approx([keras + scale * lost for lost in (0.025, 0.01, 0.04)], abs=0.2)
    assert "accuracy in %, higher is better" in page
    assert [each.find("title").text for each in (model, file)] == ["a: Keras 90.00 %, file 87.50 %"] * 2


def test_a_metric_that_is_an_error_has_its_limit_above():
    page = report({"a": comparison(ERROR)}).to_html()
    (svg,) = charts_of(page)
    (file,), (limit,), (model,) = (
        marks(svg, "circle", "failed"), marks(svg, "line", "limit"), marks(svg, "circle", "model"),
    )  # fmt: skip
    assert numbers(file, "cy") < numbers(limit, "y1") < numbers(model, "cy")
    assert "box/mae, lower is better" in page
    assert "Metrics against bytes" in page


def test_more_bytes_are_further_right_and_numbers_are_those_of_the_table():
    small, large = net(("a",), (0.5,)), net([f"l{n}" for n in range(9)], [0.5] * 9)
    page = report({name: replace(comparison(ACCURACY), tflite=one) for name, one in (("big", large), ("less", small))})
    (svg,) = charts_of(page.to_html())
    first, second = marks(svg, "circle", "passed")
    assert numbers(first, "cx") > numbers(second, "cx")
    share = (numbers(second, "cx")[0] - 52) / (numbers(first, "cx")[0] - 52)
    assert share == pytest.approx(small.size / large.size, abs=0.01)
    assert [each.text for each in marks(svg, "text", "label middle")] == ["1", "2"]


def test_files_of_one_size_do_not_hide_each_other():
    page = report({str(number): comparison(ACCURACY) for number in range(8)}).to_html()
    (svg,) = charts_of(page)
    lefts = sorted(numbers(each, "cx")[0] for each in marks(svg, "circle", "passed"))
    assert np.diff(lefts).min() >= 9.9
    assert 0 < lefts[0] < lefts[-1] < WIDTH
    labels = [numbers(each, "x", "y") for each in marks(svg, "text", "label middle")]
    assert len({(x, y) for x, y in labels}) == 8
    for index, (x, y) in enumerate(labels):
        assert all(abs(x - a) > 7.9 or abs(y - b) > 9.9 for a, b in labels[:index])


def test_a_metric_that_only_one_file_has_is_drawn_of_that_one():
    page = report({"a": comparison(ACCURACY, ERROR), "b": comparison(ACCURACY)}).to_html()
    accuracy, error = charts_of(page)
    assert len(marks(accuracy, "circle", "model")) == 2
    assert len(marks(error, "circle", "model")) == 1
    assert [each.text for each in marks(error, "text", "label middle")] == ["1"]


def test_without_labels_errors_stand_against_bytes():
    page = report({"a": comparison(), "b": comparison(mean_error=0.5)}).to_html()
    assert "Error against bytes" in page
    (svg,) = charts_of(page)
    (low,), (high,) = (numbers(each, "cy") for each in marks(svg, "circle", "open"))
    assert high < low
    bottom = HEIGHT - 42
    assert (bottom - low) / (bottom - high) == pytest.approx(0.0625 / 0.5, abs=0.01)
    assert "Error against bytes" in report(comparison(mean_error=0.0)).to_html(), "no error is no crash"


def test_a_histogram_has_a_bar_a_bin_and_marks_its_ends():
    svg = histogram([2, 0, 4, 1], "what", ("-1", "1"))
    bars = [(each.get("class"), *numbers(each, "x", "height")) for each in svg.iter("rect")]
    assert bars == [("edge", 0.0, 32.0), ("bin", 84.0, 64.0), ("edge", 126.0, 16.0)]
    assert not [*histogram([0, 0], "none", ("", "")).iter("rect")]


def test_names_are_texts():
    page = report({f"a$_$<b>{number}": comparison(ERROR) for number in range(2)}).to_html()
    assert "<b>1" not in page
    assert "a$_$&lt;b&gt;1" in page
