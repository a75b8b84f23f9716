"""One file in a report: what was measured of it, and the same as texts.

In: a `Comparison`. Out: a `ReportRow`, which every form of a report is made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tfcompress.comparison.metric_score import Score, Verdict
from tfcompress.comparison.result import Comparison
from tfcompress.litert.inspect import inspect
from tfcompress.printable_names import printable


@dataclass(frozen=True)
class ReportRow:
    """One file against the Keras model it was made of; fractions, bytes, multiply-accumulates of one sample."""

    name: str
    runtime: str
    samples: int
    flash_bytes: int
    deflated_bytes: int
    macs: int
    keras_accuracy: float | None
    accuracy: float | None
    interval: tuple[float, float] | None
    agreement: float | None
    mean_error: float
    max_error: float
    output_range: float
    scores: tuple[Score, ...]
    """Scores with labels: a line of the table each."""
    max_accuracy_drop: float | None
    verdict: Verdict
    passed: bool


HEADINGS = (
    "file",
    "bytes in flash",
    "deflated",
    "MACs",
    "metric",
    "Keras",
    "in the file",
    "difference (95 %)",
    "same class",
    "mean error",
    "verdict",
)
NOTHING = ("–",) * 4


def row_of(name: str, comparison: Comparison) -> ReportRow:
    """Return the row of a comparison."""
    return ReportRow(
        name=str(name),
        runtime=comparison.runtime,
        samples=comparison.samples,
        flash_bytes=comparison.tflite.size,
        deflated_bytes=comparison.tflite.deflated_size,
        macs=inspect(comparison.tflite).macs,
        keras_accuracy=comparison.keras_accuracy,
        accuracy=comparison.tflite_accuracy,
        interval=comparison.difference_interval,
        agreement=comparison.agreement,
        mean_error=comparison.mean_error,
        max_error=comparison.max_error,
        output_range=comparison.output_range,
        scores=comparison.scores,
        max_accuracy_drop=comparison.max_accuracy_drop,
        verdict=comparison.verdict,
        passed=comparison.passed,
    )


def cells_of(row: ReportRow) -> Iterator[tuple[str, ...]]:
    """Yield a row as texts, a tuple for each metric, in the order of `HEADINGS`."""
    sizes = (printable(row.name), f"{row.flash_bytes:,}", f"{row.deflated_bytes:,}", f"{row.macs:,}")
    outputs = (_percent(row.agreement), f"{row.mean_error:.3g}")
    if not row.scores:
        yield (*sizes, *NOTHING, *outputs, row.verdict)
    for index, score in enumerate(row.scores):
        values = (printable(score.name), score.value(score.keras), score.value(score.file), score.difference_text)
        first = index == 0  # what is the same for all metrics is told once
        yield (*(sizes if first else ("",) * 4), *values, *(outputs if first else ("", "")), score.told)


def _percent(fraction: float | None) -> str:
    return "–" if fraction is None else f"{100 * fraction:.2f} %"
