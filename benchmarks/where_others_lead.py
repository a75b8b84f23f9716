"""The rows of results/ in which another tool is ahead: the work to do next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FIGURES = {"test_accuracy": ("points of accuracy", 1), "flash_bytes": ("bytes in flash", -1)}
FIGURES |= {"deflated_bytes": ("bytes deflated", -1), "latency_ratio": ("of the float file's latency", -1)}
NOISE = {"latency_ratio": 0.03}
"""Paired latencies closer than this are the same."""


def behind(results: Path) -> str:
    """Return a list in Markdown, one line for each figure of each tool that is better than ours."""
    found = [
        line
        for name, lines in (
            ("frontier", _frontier),
            ("coverage", _coverage),
            ("conversion_applications", _applications),
            ("calibration_accuracy", _calibration),
            ("conversion_cost", _cost),
        )
        if (results / f"{name}.json").exists()
        for line in lines(json.loads((results / f"{name}.json").read_text())["rows"])
    ]
    return "\n".join(f"- {line}" for line in found) or "- In no row that is measured."


def _frontier(rows: list[dict[str, Any]]) -> Iterator[str]:
    ours = {(row["model"], row["way"]): row for row in rows if row["tool"] == "tfcompress"}
    for row in rows:
        own = ours.get((row["model"], row["way"]))
        if row["tool"] == "tfcompress" or own is None or "failed" in row or "failed" in own:
            continue
        for key, (unit, sign) in FIGURES.items():
            spread = sum(each.get("accuracy_spread") or 0 for each in (row, own)) if key == "test_accuracy" else 0
            if sign * (row[key] - own[key]) > NOISE.get(key, spread):
                told = "{:,.2f}" if isinstance(row[key], float) else "{:,}"
                yield (
                    f"{row['model']}, {row['way']}: {row['tool']} {told.format(row[key])} {unit}, "
                    f"tfcompress {told.format(own[key])}"
                )


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
    (own,) = (row for row in rows if row["ranges"] == "mse")  # what convert takes by itself
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
