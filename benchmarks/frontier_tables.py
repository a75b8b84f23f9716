"""Tables of what `benchmarks.frontier` has found, for the pages."""

from __future__ import annotations

import json
from typing import Any

from benchmarks import answers
from benchmarks.record import RESULTS, comparable, line, lines
from benchmarks.where_others_lead import pairs

KNOWN_NETWORK = ("float", "int8 after training", "50% of MACs, int8", "50% zeros, int8")


def known_network_table() -> list[str]:
    """Return the Markdown of what some ways make of ResNet-8, by `benchmarks.frontier`."""
    kept = json.loads((RESULTS / "frontier.json").read_text())["rows"]
    ours = [row for row in kept if (row["model"], row["tool"]) == ("resnet8_cifar10_jpeg", "tfcompress")]
    rows = []
    for way in KNOWN_NETWORK:
        found = next(row for row in ours if row["way"] == way)
        sizes = (f"{found[key]:,}" for key in ("flash_bytes", "deflated_bytes", "MACs"))
        rows.append((f"ResNet-8, {way}", *sizes, f"{found['test_accuracy']:.2f} %"))
    return [*lines(["file", "bytes in flash", "deflated", "MACs", "accuracy"]), *map(line, rows)]


def tools_table() -> list[str]:
    """Return the Markdown of our ways beside the best other tool that has such a way, task by task."""
    kept = json.loads((RESULTS / "frontier.json").read_text())["rows"]
    best: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any], tuple[float, float]]] = {}
    for own, row, gap in pairs(kept, RESULTS):
        known = best.get((own["model"], own["way"]))
        if known is None or row["test_accuracy"] > known[1]["test_accuracy"]:
            best[own["model"], own["way"]] = own, row, gap
    names = ["task", "way", "epochs", "tfcompress", "best other", "of", "difference, points", "verdict", "bytes"]
    rows = [
        (
            *(own["model"], own["way"], own["epochs"], _accuracy(own), _accuracy(row), row["tool"]),
            f"{0.0 - gap[0]:+.2f} ± {gap[1]:.2f}",
            "behind" if gap[0] > gap[1] else "ahead" if -gap[0] > gap[1] else "level",
            f"{own['flash_bytes']:,}; {row['flash_bytes']:,}",
        )
        for own, row, gap in best.values()
    ]
    return [*lines(names), *map(line, rows)]


def _accuracy(row: dict[str, Any]) -> str:
    spread = row["accuracy_spread"]
    return f"{row['test_accuracy']:.2f}" + (f" ± {spread:.2f}" if spread is not None else "")


SCHEMES = (
    *("float", "int16x8 after training", "int8 after training", "int8 recovered", "int8 trained"),
    *("int8x4 after training", "int8x4 recovered", "int8x4 trained"),
)


def schemes_table() -> list[str]:
    """Return the Markdown of what each scheme keeps of the accuracy, and what weights take, task by task."""
    kept, right = json.loads((RESULTS / "frontier.json").read_text())["rows"], answers.kept(RESULTS)
    ours = {(row["way"], row["model"]): row for row in kept if row["tool"] == "tfcompress" and "weight_bytes" in row}

    def cell(way: str, task: str) -> str | None:
        row, floating, eight = (ours.get((each, task)) for each in (way, "float", "int8 after training"))
        if row is None or floating is None or eight is None or not comparable(row, floating):
            return None
        gap = answers.difference(*(right[task, "tfcompress", each] for each in ("float", way)))
        told = "" if way == "float" else f" ({gap[0]:+.2f} ± {gap[1]:.2f})"
        return f"{_accuracy(row)}{told}; {100 * row['weight_bytes'] / eight['weight_bytes']:.0f} %"

    tasks = [*dict.fromkeys(task for _, task in ours)]
    return [*lines(["way", *tasks]), *(line([way, *(cell(way, task) for task in tasks)]) for way in SCHEMES)]
