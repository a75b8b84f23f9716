"""The top of the page: the verdict as a badge, and for each file the verdict, its metrics and its bytes.

In: `ReportedFile`s. Out: elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from tfcompress.comparison.metric_score import Score, Verdict, worst
from tfcompress.reporting.origin import ReportOrigin, models
from tfcompress.reporting.page.elements import Child, small, table, tag
from tfcompress.reporting.report_table import percent
from tfcompress.reporting.reported_file import ReportedFile

KINDS = {"failed": "failed", "too few samples to tell": "unclear", "passed": "passed", "no limit": "open"}
HEADINGS = ("file", "verdict", "Keras → file", "bytes in flash", "same class")


def badge(verdict: Verdict) -> Element:
    """Return a verdict as a coloured badge."""
    return tag("span", verdict.upper() if verdict == "failed" else verdict, class_=f"badge {KINDS[verdict]}")


def named(number: int, file: ReportedFile, count: int) -> Element:
    """Return the name of a file, and the number by which charts call it where there are several."""
    mark = tag("span", str(number), class_="number") if count > 1 else None
    return tag("span", mark, tag("strong", file.name), class_="named")


def verdict_header(title: str, files: Sequence[ReportedFile], origin: ReportOrigin) -> Element:
    """Return heading, badge, one sentence, and what was compared when."""
    verdict = worst(file.verdict for file in files)
    made_of = [words.partition(", sha256")[0] for words in models([file.manifest for file in files])]
    compared = sorted({f"{file.comparison.samples:,} samples on {file.comparison.runtime}" for file in files})
    facts = [*(f"model {words}" for words in dict.fromkeys(made_of)), *compared, origin.date]
    return tag(
        "header",
        tag("h1", title),
        tag("p", badge(verdict), " ", _sentence(files, verdict), class_="verdict"),
        tag("p", " · ".join(facts), class_="small"),
    )


def _sentence(files: Sequence[ReportedFile], verdict: Verdict) -> str:
    count = len(files)
    if verdict == "no limit":
        return "No limit was set: nothing was asked of the accuracy."
    if verdict == "passed":
        return "The file keeps its limits." if count == 1 else f"All {count} files keep their limits."
    hit = [f"“{file.name}”" for file in files if file.verdict == verdict]
    does, do = {
        "failed": ("loses more than its limit", "lose more than their limits"),
        "too few samples to tell": ("needs more samples", "need more samples"),
    }[verdict]
    if count == 1:
        return f"The file {does}."
    if len(hit) > 1:
        return f"{len(hit)} of {count} files {do}: {', '.join(hit)}."
    return f"{hit[0]} {does}; the other{' does' if count == 2 else f' {count - 1} do'} not."


def verdict_table(files: Sequence[ReportedFile]) -> Element:
    """Return a row for each file; on a phone a card."""
    rows = [_row(number, file, len(files)) for number, file in enumerate(files, 1)]
    return tag("section", table(HEADINGS, rows, "verdicts"))


def _row(number: int, file: ReportedFile, count: int) -> list[Sequence[Child]]:
    found, tflite = file.comparison, file.comparison.tflite
    hints = dict.fromkeys(score.hint for score in found.scores if score.hint)
    return [
        (named(number, file, count), small("" if file.kind == file.name else file.kind)),
        (badge(file.verdict), *map(small, hints)),
        [_metric(score) for score in found.scores] or [_mean_error(file)],
        (tag("strong", f"{tflite.size:,}"), small(f"{tflite.deflated_size:,} deflated")),
        (percent(found.agreement), small(f"mean error {found.mean_error:.3g}")),
    ]


def _metric(score: Score) -> Element:
    """Return one metric: both values, the paired difference with its interval, the limit and whether it is kept."""
    unit = " points" if score.in_points else ""
    low_high = "" if score.interval is None else " " + score.difference_text.partition(" ")[2]
    difference = f"{score.difference_text.partition(' ')[0]}{unit}{low_high}"
    limit = tag("span", score.limit_text, class_=KINDS[score.verdict]) if score.limit is not None else None
    return tag(
        "div",
        tag("span", score.name, class_="metric"),
        " ",
        tag("strong", f"{score.value(score.keras)} → {score.value(score.file)}"),
        tag("span", difference, ", " if limit is not None else "", limit, class_="small"),
    )


def _mean_error(file: ReportedFile) -> Element:
    found = file.comparison
    share = f"{found.mean_error / found.output_range:.3%} of the output range" if found.output_range else ""
    return tag(
        "div", tag("span", "mean error ", class_="metric"), tag("strong", f"{found.mean_error:.3g}"), small(share)
    )
