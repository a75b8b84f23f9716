"""Accuracy against bytes: each file where its size and its metric put it, beside the Keras model it was made of.

In: `ReportedFile`s. Out: a chart a metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from xml.etree.ElementTree import Element

import numpy as np

from tfcompress.comparison.metric_score import Score
from tfcompress.printable_names import printable
from tfcompress.reporting.page.charts import HEIGHT, WIDTH, Axis, Chart, around
from tfcompress.reporting.page.elements import tag
from tfcompress.reporting.page.size_bars import size_bars
from tfcompress.reporting.page.verdict_section import KINDS
from tfcompress.reporting.reported_file import ReportedFile

MAX_CHARTS = 6
APART = 10.0
"""Pixels between the marks of files of one size, which would hide each other."""
PLACES = ((12, 4), (-12, 4), (0, -11), (0, 18), (12, -8), (-12, -8), (12, 16), (-12, 16), (22, 4), (-22, 4))
"""Where the number of a file may stand beside its mark, the best first."""


def accuracy_by_bytes(files: Sequence[ReportedFile]) -> Element:
    """Return the charts, the bytes as bars beside them, and what the marks mean."""
    scores = {score.name: score for file in files for score in file.comparison.scores}
    charts = [_of_metric(files, name) for name in [*scores][:MAX_CHARTS]] or [_of_errors(files)]
    accuracies = all(score.in_points for score in scores.values())
    heading = ("Accuracy" if accuracies else "Metrics") if scores else "Error"
    return tag(
        "section",
        tag("h2", f"{heading} against bytes"),
        _legend(bool(scores)),
        tag("div", *charts, size_bars(files), class_="charts wide"),
    )


def _legend(has_model: bool) -> Element:
    marks = [("mark dot", "file")]
    if has_model:
        marks += [("mark model", "Keras model"), ("mark interval", "95 % interval"), ("mark limit", "limit")]
    keys = (tag("span", tag("span", class_=kind), words, class_="key") for kind, words in marks)
    return tag("p", *keys, class_="legend")


def _of_metric(files: Sequence[ReportedFile], name: str) -> Element:
    found = [
        (number, file, score)
        for number, file in enumerate(files, 1)
        for score in file.comparison.scores
        if score.name == name
    ]
    scores = [score for _, _, score in found]
    factor = 100 if scores[0].in_points else 1
    ends = [
        factor * value for score in scores for value in (score.keras, score.file, *_interval(score), *_limit(score))
    ]
    better = {True: ", higher is better", False: ", lower is better", None: ""}[scores[0].higher_is_better]
    unit = " in %" if scores[0].in_points else ""
    y = Axis(f"{_short(name)}{unit}{better}", *around(ends))
    chart = Chart(_bytes([file for _, file, _ in found]), y, f"{name} of each file against its bytes in flash")
    marks = _apart([chart.left_of(file.comparison.tflite.size) for _, file, _ in found])
    lines: list[tuple[float, float]] = []
    for left, score in zip(marks, scores, strict=True):
        for limit in _limit(score):
            chart.line(left - 9, chart.top_of(factor * limit), left + 9, chart.top_of(factor * limit), "limit")
        low, high = (chart.top_of(factor * bound) for bound in _interval(score) or (score.file, score.file))
        chart.line(left, low, left, high, "interval")
        lines += [(left, float(top)) for top in np.arange(high, low, 6)]
    tops = []
    for left, (_, file, score) in zip(marks, found, strict=True):
        tops.append(chart.top_of(factor * score.file))
        told = f"{file.name}: Keras {score.value(score.keras)}, file {score.value(score.file)}"
        chart.dot(left, chart.top_of(factor * score.keras), 6, "model", told)
        chart.dot(left, tops[-1], 4, KINDS[score.verdict], told)
    if len(files) > 1:
        numbers = [str(number) for number, _, _ in found]
        _write_numbers(chart, [*zip(numbers, marks, tops, strict=True)], lines)
    return chart.element


def _of_errors(files: Sequence[ReportedFile]) -> Element:
    """Without labels: the mean error of the outputs."""
    errors = [file.comparison.mean_error for file in files]
    y = Axis("mean error of the outputs", 0, 1.1 * max(errors) or 1.0)
    chart = Chart(_bytes(files), y, "mean error of each file against its bytes in flash")
    marks = _apart([chart.left_of(file.comparison.tflite.size) for file in files])
    for left, file, error in zip(marks, files, errors, strict=True):
        chart.dot(left, chart.top_of(error), 4, "open", f"{file.name}: {error:.3g}")
    if len(files) > 1:
        tops = [chart.top_of(error) for error in errors]
        _write_numbers(chart, [(str(n), left, top) for n, (left, top) in enumerate(zip(marks, tops, strict=True), 1)])
    return chart.element


def _bytes(files: Sequence[ReportedFile]) -> Axis:
    most = max(file.comparison.tflite.size for file in files)
    unit, size = next((unit, size) for unit, size in (("MiB", 2**20), ("KiB", 2**10), ("bytes", 1)) if most >= 2 * size)
    return Axis(f"{unit} in flash", 0, 1.08 * most, lambda value: f"{value / size:.4g}", size)


def _interval(score: Score) -> tuple[float, ...]:
    """The values that the file may have, by the interval of its difference."""
    return () if score.interval is None else tuple(score.keras + bound for bound in score.interval)


def _limit(score: Score) -> tuple[float, ...]:
    if score.limit is None:
        return ()
    return (score.keras - score.limit if score.higher_is_better else score.keras + score.limit,)


def _apart(places: Sequence[float]) -> list[float]:
    """Push marks apart that would hide each other."""
    moved = list(places)
    for before, after in pairwise(sorted(range(len(places)), key=places.__getitem__)):
        moved[after] = max(moved[after], moved[before] + APART)
    beyond = max(0.0, max(moved) - (WIDTH - 16))
    return [place - beyond for place in moved]


def _write_numbers(
    chart: Chart, marks: Sequence[tuple[str, float, float]], lines: Sequence[tuple[float, float]] = ()
) -> None:
    """Write the number of each file where no mark stands, and no line."""
    taken = [*((left, top) for _, left, top in marks), *lines]
    for words, left, top in marks:
        places = [(left + dx, top + dy) for dx, dy in PLACES]
        free = (
            (x, y)
            for x, y in places
            if 20 < y < HEIGHT - 40 and x < WIDTH - 4 and all(abs(x - a) > 8 or abs(y - 4 - b) > 10 for a, b in taken)
        )
        x, y = next(free, places[0])
        taken.append((x, y - 4))
        chart.text(words, x, y, "label middle")


def _short(name: str) -> str:
    return printable(name, 26)
