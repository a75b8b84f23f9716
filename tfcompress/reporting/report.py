"""Comparisons become one table: in the terminal, as JSON, as Markdown, as a page.

In: named `Comparison`s. Out: a `Report`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from tfcompress.comparison.layer_errors import LayerErrors
from tfcompress.comparison.result import Comparison, SideBySide
from tfcompress.console import rendered
from tfcompress.deployment.findings import Findings
from tfcompress.errors import SettingError
from tfcompress.printable_names import printable
from tfcompress.reporting.page import page, require_matplotlib
from tfcompress.reporting.page_sections import flips, layers, targets
from tfcompress.reporting.report_row import HEADINGS, ReportRow, cells_of, row_of
from tfcompress.result_base import Part, Result, Table, plain


@dataclass(frozen=True, repr=False)
class Report(Result):
    """A table of comparisons; print it, or `save` it as .html, .json or .md."""

    title: str
    rows: tuple[ReportRow, ...]
    manifests: dict[str, dict[str, Any]]
    sections: str = ""
    """HTML below the table: layers, flips, targets."""

    def cells(self) -> list[tuple[str, ...]]:
        """The table as texts: for each file a tuple by metric, in the order of `HEADINGS`."""
        return [cells for row in self.rows for cells in cells_of(row)]

    @property
    def headline(self) -> str:
        """The title."""
        return self.title

    def parts(self) -> Iterator[Part]:
        """The table."""
        yield Table(HEADINGS, self.cells())

    def to_dict(self) -> dict[str, Any]:
        """The facts, ready for `json.dump`: "title", and "rows" with the fields of a `ReportRow` and the "manifest"."""
        rows = [plain(row) | {"manifest": self.manifests[row.name]} for row in self.rows]
        return {"title": self.title, "rows": rows}

    def to_html(self) -> str:
        """The same table and two plots as a page that needs no network.

        Raises:
            MissingPackageError: matplotlib, of the extra `plots`, is not installed.
        """
        return page(self.title, self.rows, self.manifests, self.sections)

    def __str__(self) -> str:
        from rich.table import Table

        table = Table(title=printable(self.title), title_justify="left")
        for index, heading in enumerate(HEADINGS):
            table.add_column(heading, justify="right" if index else "left")
        for cells in self.cells():
            table.add_row(*cells)
        return rendered(table)


def require_form(path: str | PathLike[str]) -> None:
    """Raise unless a report can be saved at `path`; call it before long work.

    Raises:
        SettingError: a suffix other than .html, .json and .md.
        FileError: the path cannot be written.
        MissingPackageError: .html without matplotlib.
    """
    if Report.require_form(path) == ".html":
        require_matplotlib()


def report(
    comparisons: Comparison | Mapping[str, Comparison | SideBySide],
    *,
    title: str = "tfcompress report",
    errors: Mapping[str, LayerErrors] | None = None,
    findings: Sequence[Findings] = (),
    pictures: np.ndarray | None = None,
) -> Report:
    """Put comparisons side by side.

    Args:
        comparisons: One `Comparison`, or several by the name that their row shall have; a `SideBySide` makes a row
            for each of its runtimes.
        title: The heading.
        errors: What `layer_errors` found, by the same names; for the page.
        findings: What `check` found; for the page.
        pictures: The images that were compared, in their order: those that flipped are shown on the page.

    Raises:
        SettingError: there is nothing to report.

    Example:
        >>> result = tfcompress.report({"int8": comparison})
        >>> str(result.save("report.md"))
        'report.md'
    """
    if isinstance(comparisons, Comparison):
        comparisons = {"file": comparisons}
    rows = [*_each(comparisons)] if isinstance(comparisons, Mapping) else []
    if not rows or not all(isinstance(comparison, Comparison) for _, comparison in rows):
        raise SettingError("A report needs at least one Comparison by name.", received=repr(comparisons)[:200])
    return Report(
        title,
        tuple(row_of(name, comparison) for name, comparison in rows),
        {str(name): comparison.tflite.manifest for name, comparison in rows},
        "".join(
            layers(str(name), comparison, (errors or {}).get(name)) + flips(str(name), comparison, pictures)
            for name, comparison in rows
        )
        + targets(findings),
    )


def _each(comparisons: Mapping[str, Comparison | SideBySide]) -> Iterator[tuple[str, Comparison]]:
    for name, found in comparisons.items():
        if isinstance(found, SideBySide):
            yield from ((f"{name} on {runtime}", comparison) for runtime, comparison in found.items())
        else:
            yield name, found
