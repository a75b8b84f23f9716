"""The table of a report: for each file a line by metric, as a tuple of texts.

In: `ReportedFile`s. Out: texts; the verdict stands in the second column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tfcompress.litert.inspect import inspect
from tfcompress.printable_names import printable
from tfcompress.reporting.reported_file import ReportedFile

HEADINGS = (
    "file",
    "verdict",
    "metric",
    "Keras",
    "in the file",
    "difference (95 %)",
    "bytes in flash",
    "deflated",
    "MACs",
    "same class",
    "mean error",
)


def table_cells(files: Iterable[ReportedFile]) -> list[tuple[str, ...]]:
    """The table as texts: for each file a tuple by metric, in the order of `HEADINGS`."""
    return [cells for file in files for cells in _cells(file)]


def _cells(file: ReportedFile) -> Iterator[tuple[str, ...]]:
    found, tflite = file.comparison, file.comparison.tflite
    name, macs = printable(file.name), inspect(tflite).macs
    sizes = (f"{tflite.size:,}", f"{tflite.deflated_size:,}", f"{macs:,}")
    common = (*sizes, percent(found.agreement), f"{found.mean_error:.3g}")
    if not found.scores:
        yield (name, found.verdict, *("–",) * 4, *common)
    for index, score in enumerate(found.scores):
        values = (printable(score.name), score.value(score.keras), score.value(score.file), score.difference_text)
        yield (name if index == 0 else "", score.told, *values, *(common if index == 0 else ("",) * len(common)))


def percent(fraction: float | None) -> str:
    """Write a share of samples."""
    return "–" if fraction is None else f"{100 * fraction:.2f} %"
