"""The rows of results/ in which another tool is ahead: the work to do next."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import answers
from benchmarks.record import comparable

FIGURES = {"test_accuracy": ("points of accuracy", 1), "flash_bytes": ("bytes in flash", -1)}
FIGURES |= {"deflated_bytes": ("bytes deflated", -1), "latency_ratio": ("of the float file's latency", -1)}
NOISE = {"latency_ratio": 0.05}
"""Paired latencies that differ by a smaller share than this are the same."""


def behind(results: Path) -> str:
    """Return a list in Markdown, one line for each figure of each tool that is better than ours."""

    def rows(name: str) -> list[dict[str, Any]]:
        path = results / f"{name}.json"
        return json.loads(path.read_text())["rows"] if path.exists() else []

    found = [
        *_frontier(rows("frontier"), results),
        *_coverage(rows("coverage")),
        *_applications(rows("conversion_applications")),
        *_calibration(rows("calibration_accuracy")),
        *_cost(rows("conversion_cost")),
    ]
    text = "\n".join(f"- {each}" for each in found) or "- In no row that is measured."
    if lost := not_compared(rows("frontier"), results):
        text += f"\n\nNot compared, as their rows are not known to be of one machine and one commit: {', '.join(lost)}."
    return text


def _frontier(rows: list[dict[str, Any]], results: Path) -> Iterator[str]:
    for own, row, gap in pairs(rows, results):
        behind = {key: sign * (row[key] / own[key] - 1) > NOISE.get(key, 0) for key, (_, sign) in FIGURES.items()}
        behind["test_accuracy"] = gap[0] > gap[1]
        for key, (unit, _) in FIGURES.items():
            if behind[key]:
                told = "{:,.2f}" if isinstance(row[key], float) else "{:,}"
                yield (
                    f"{row['model']}, {row['way']}: {row['tool']} {told.format(row[key])} {unit}, "
                    f"tfcompress {told.format(own[key])}"
                )


def pairs(
    rows: list[dict[str, Any]], results: Path
) -> Iterator[tuple[dict[str, Any], dict[str, Any], tuple[float, float]]]:
    """Yield our row, another tool's row of the same way, machine and commit, and by how many points that is better."""
    ours = {(row["model"], row["way"]): row for row in rows if row["tool"] == "tfcompress"}
    right = answers.kept(results)
    for row in rows:
        own = ours.get((row["model"], row["way"]))
        if row["tool"] == "tfcompress" or own is None or "failed" in row or "failed" in own:
            continue
        known = [right.get((each["model"], each["tool"], each["way"])) for each in (own, row)]
        if comparable(own, row) and known[0] is not None and known[1] is not None:
            yield own, row, answers.difference(known[0], known[1])


def not_compared(rows: list[dict[str, Any]], results: Path) -> list[str]:
    """Return the models, and how many rows of other tools for them cannot be compared with ours."""
    compared = {(row["model"], row["tool"], row["way"]) for _, row, _ in pairs(rows, results)}
    ways = {(row["model"], row["way"]) for row in rows if row["tool"] == "tfcompress" and "failed" not in row}
    lost = [
        row["model"]
        for row in rows
        if row["tool"] != "tfcompress" and "failed" not in row and (row["model"], row["way"]) in ways
        if (row["model"], row["tool"], row["way"]) not in compared
    ]
    return [f"{model} ({count} rows)" for model, count in Counter(lost).items()]


def _coverage(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        others = [tool for tool, cell in row.items() if cell == "integer" and not tool.startswith("tfcompress")]
        for own in ("tfcompress", "tfcompress trained"):
            if row[own] != "integer" and others:
                yield f"the layer {row['layer']}: all integer by {', '.join(others)}; {own}: {row[own]}"


def _applications(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        if (theirs := row.get("TFLiteConverter_dB")) is not None and theirs > row["dB"]:
            yield (
                f"{row['model']} of {row['Keras']} by calibration: TFLiteConverter {theirs:.1f} dB, "
                f"tfcompress {row['dB']:.1f}"
            )


def _calibration(rows: list[dict[str, Any]]) -> Iterator[str]:
    own = next((row for row in rows if row["ranges"] == "mse"), None)  # what convert takes by itself
    if own is None:
        return
    for row in rows:
        if row["int8_accuracy_mean"] > own["int8_accuracy_mean"]:
            yield (
                f"ResNet-8 calibrated on three sets of samples: {row['ranges']} {row['int8_accuracy_mean']:.2f} %, "
                f"tfcompress as it comes {own['int8_accuracy_mean']:.2f} %"
            )


def _cost(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        for unit in ("seconds", "megabytes"):
            own, theirs = row[f"{unit}_tfcompress"], row[f"{unit}_TFLiteConverter"]
            if theirs < own:
                yield (
                    f"converting {row['model']} with {row['samples']} samples: TFLiteConverter {theirs:,.1f} {unit}, "
                    f"tfcompress {own:,.1f}"
                )
