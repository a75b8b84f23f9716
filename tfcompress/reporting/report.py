"""Comparisons become one report: a table in the terminal, JSON, a Markdown model card, a page.

In: named `Comparison`s, and what else was found out about their files. Out: a `Report`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np

from tfcompress.comparison.layer_errors import LayerErrors
from tfcompress.comparison.metric_score import Verdict, worst
from tfcompress.comparison.result import Comparison, SideBySide
from tfcompress.deployment.findings import Findings
from tfcompress.errors import SettingError
from tfcompress.reporting.model_card import model_card
from tfcompress.reporting.origin import ReportOrigin, here_and_now
from tfcompress.reporting.page.whole_page import whole_page
from tfcompress.reporting.report_table import HEADINGS, table_cells
from tfcompress.reporting.reported_file import ReportedFile
from tfcompress.result_base import Part, Result, Table, plain
from tfcompress.runtime.latency import Latencies

Found = TypeVar("Found")


@dataclass(frozen=True, repr=False, eq=False)
class Report(Result):
    """Files beside their Keras model; print it, or `save` it: .html a page, .md a model card, .json every fact."""

    title: str
    rows: tuple[ReportedFile, ...]
    origin: ReportOrigin
    pictures: np.ndarray | None = None
    histograms: bool = False

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all files."""
        return worst(row.verdict for row in self.rows)

    @property
    def passed(self) -> bool:
        """Whether every file passed."""
        return all(row.passed for row in self.rows)

    def cells(self) -> list[tuple[str, ...]]:
        """The table as texts: for each file a tuple by metric."""
        return table_cells(self.rows)

    @property
    def headline(self) -> str:
        """The verdict and the title."""
        return f"{self.verdict}: {self.title}"

    def parts(self) -> Iterator[Part]:
        """The table."""
        yield Table(HEADINGS, self.cells())

    def to_dict(self) -> dict[str, Any]:
        """The facts, ready for `json.dump`: title, verdict, origin, and for each file what is known of it."""
        facts: dict[str, Any] = {"title": self.title, "verdict": self.verdict, "passed": self.passed}
        return facts | {"origin": plain(self.origin), "rows": [row.to_dict() for row in self.rows]}

    def to_model_card(self) -> str:
        """A model card as Hugging Face reads it: metadata with the results, the table, where it comes from."""
        return model_card(self.to_markdown(), self.rows, self.origin)

    def to_html(self) -> str:
        """A page that needs no network: verdict, table, charts, and below each file what is known of it."""
        return whole_page(self.title, self.rows, self.origin, pictures=self.pictures, histograms=self.histograms)

    FORMS: ClassVar[Mapping[str, Callable[[Any], str]]] = {**Result.FORMS, ".md": to_model_card}
    """By suffix, the text that `save` writes."""


def report(
    comparisons: Comparison | Mapping[str, Comparison | SideBySide],
    *,
    title: str = "tfcompress report",
    errors: Mapping[str, LayerErrors] | LayerErrors | None = None,
    findings: Mapping[str, Findings | Sequence[Findings]] | Findings | Sequence[Findings] | None = None,
    latencies: Mapping[str, Latencies] | Latencies | None = None,
    pictures: np.ndarray | None = None,
    histograms: bool = False,
) -> Report:
    """Put comparisons side by side.

    Args:
        comparisons: One `Comparison`, or several by the name that their row shall have; a `SideBySide` makes a row
            for each of its runtimes.
        title: The heading.
        errors: What `layer_errors` found, by the same names; of a single file also without its name.
        findings: What `check` found, likewise: one `Findings` a file, or several.
        latencies: What `latency` measured, likewise.
        pictures: The images that were compared, in their order: the page shows those that flipped, and the ones whose
            masks differ most.
        histograms: Whether the page shows how the weights of each layer are distributed, and its activations where
            `errors` are given.

    Returns:
        A `Report`: print it, look at `verdict` and `passed`, or `save` it as .html, .md or .json.

    Raises:
        SettingError: there is nothing to report, or a name that no comparison has.

    Example:
        >>> result = tfcompress.report({"int8": comparison}, findings={"int8": tfcompress.check(tflite, "cpu")})
        >>> str(result.save("report.md"))
        'report.md'
    """
    if isinstance(comparisons, Comparison):
        comparisons = {"file": comparisons}
    rows = [*_each(comparisons)] if isinstance(comparisons, Mapping) else []
    if not rows or not all(isinstance(comparison, Comparison) for _, _, comparison in rows):
        raise SettingError("A report needs at least one Comparison by name.", received=repr(comparisons)[:200])
    names = [*comparisons]
    found_errors = _by_name("errors", errors, names)
    found_findings: Mapping[str, Findings | Sequence[Findings]] = _by_name("findings", findings, names)
    found_latencies = _by_name("latencies", latencies, names)
    made, told = [], set()
    for name, row, comparison in rows:
        known = name not in told  # what is known of a file on several runtimes stands below the first of them
        told.add(name)
        checked = found_findings.get(name, ()) if known else ()
        made.append(
            ReportedFile(
                str(row),
                comparison,
                found_errors.get(name) if known else None,
                (checked,) if isinstance(checked, Findings) else tuple(checked),
                found_latencies.get(name) if known else None,
            )
        )
    return Report(title, tuple(made), here_and_now(), pictures, histograms)


def _by_name(what: str, given: Mapping[str, Found] | Found | None, names: Sequence[str]) -> Mapping[str, Found]:
    """Return what is known of files by their names; of a single file it may come without."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        if len(names) > 1:
            raise SettingError(
                f"Of several files, {what} must tell which file they are of.",
                received=f"{what} without names, and the files {names}",
                hint=f"Pass {what}={{name: …}}.",
            )
        return {names[0]: given}
    unknown = [name for name in given if name not in names]
    if unknown:
        raise SettingError(f"{what} must have names of comparisons.", received=unknown, hint=f"One of {names}.")
    return given


def _each(comparisons: Mapping[str, Comparison | SideBySide]) -> Iterator[tuple[str, str, Comparison]]:
    """Yield the name that was given, that of the row, and a comparison."""
    for name, found in comparisons.items():
        if isinstance(found, SideBySide):
            yield from ((name, f"{name} on {runtime}", comparison) for runtime, comparison in found.items())
        else:
            yield name, name, found
