"""What the files need on a device: where they run, arena, latency here, energy as an estimate; and each finding.

In: `ReportedFile`s. Out: elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from tfcompress.deployment.energy import energy
from tfcompress.deployment.findings import Findings
from tfcompress.litert.inspect import inspect
from tfcompress.reporting.page.elements import Child, folded, small, table, tag
from tfcompress.reporting.page.verdict_section import named
from tfcompress.reporting.reported_file import ReportedFile


def devices(files: Sequence[ReportedFile]) -> Element:
    """Return a row for each file."""
    headings = ["file"]
    headings += ["runs on"] if any(file.findings for file in files) else []
    headings += ["arena, TFLM"] if any(file.arena_bytes for file in files) else []
    headings += ["latency here"] if any(file.latencies for file in files) else []
    headings += ["MACs", "energy, estimate", "oldest runtime"]
    rows = []
    for number, file in enumerate(files, 1):
        known = _cells(file) | {"file": [named(number, file, len(files))]}
        rows.append([known[heading] for heading in headings])
    note = (
        "Latency is that of this machine, not of the device. Energy is added up from published figures for each "
        "operation (Horowitz, ISSCC 2014), with everything in on-chip memory."
    )
    return tag("section", tag("h2", "On the device"), table(headings, rows, "facts"), tag("p", note, class_="small"))


def _cells(file: ReportedFile) -> dict[str, Sequence[Child]]:
    tflite = file.comparison.tflite
    runs: list[Child] = [tag("span", _mark(found), class_=f"target {_kind(found)}") for found in file.findings]
    times = () if file.latencies is None else file.latencies.rows
    oldest = inspect(tflite).oldest_runtime
    return {
        "runs on": runs or ["–"],
        "arena, TFLM": ["–" if file.arena_bytes is None else f"{file.arena_bytes:,} bytes"],
        "latency here": [
            tag(
                "div",
                f"{row.median:.3f} ms",
                small(f"{row.runtime}, {row.threads} {'thread' if row.threads == 1 else 'threads'}"),
            )
            for row in times
        ]
        or ["–"],
        "MACs": [f"{inspect(tflite).macs:,}"],
        "energy, estimate": [f"{energy(tflite).total:.3g} µJ"],
        "oldest runtime": [str(oldest)],
    }


def _kind(findings: Findings) -> str:
    return "failed" if not findings.passed else "unclear" if findings.rows else "passed"


def _mark(findings: Findings) -> str:
    if not findings.passed:
        return f"✗ {findings.target}"
    return f"✓ {findings.target}" + (f", {len(findings.rows)} slow" if findings.rows else "")


def targets(file: ReportedFile) -> list[Element]:
    """Return what was found out about one file, target by target."""
    return [_target(found) for found in file.findings]


def _target(findings: Findings) -> Element:
    verdict = tag(
        "span", "runs on" if findings.passed else "does NOT run on", class_=None if findings.passed else "failed"
    )
    count = f" {findings.target}: {len(findings.rows) or 'no'} finding{'' if len(findings.rows) == 1 else 's'}"
    facts = tag(
        "dl",
        *(
            part
            for key, value in findings.facts.items()
            for part in (tag("dt", key), tag("dd", f"{value:,}" if isinstance(value, int) else str(value)))
        ),
    )
    rows = [
        (("stops" if row.blocks else "slows"), tag("strong", row.layer), row.op, (row.reason, small(f"→ {row.hint}")))
        for row in findings.rows
    ]
    listed = table(("effect", "layer", "op", "reason and way out"), rows, "findings") if rows else None
    return folded((verdict, count), facts, listed)
