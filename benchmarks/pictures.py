"""Pictures of results, as SVG files that read well on light and dark pages."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams.update(
    {"svg.hashsalt": "tfcompress", "figure.facecolor": "white", "font.size": 10, "axes.spines.top": False}
)
mpl.rcParams.update({"axes.spines.right": False, "figure.constrained_layout.use": True})
import matplotlib.pyplot as plt  # noqa: E402

OURS, PEER, QUIET = "#0b6e99", "#c2571a", "#8a8a8a"


def draw(results: Path, docs: Path) -> None:
    """Draw every picture whose rows are there."""
    for name, picture in {"pruning_accuracy": accuracy_by_zeros}.items():
        if (results / f"{name}.json").exists():
            figure = picture(json.loads((results / f"{name}.json").read_text())["rows"])
            figure.savefig(docs / f"{name}.svg", metadata={"Date": None})
            plt.close(figure)


def accuracy_by_zeros(rows: list[dict[str, Any]]) -> plt.Figure:
    """Draw test accuracy against zeros, and the gap between training and test accuracy below it."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(6.4, 5.6), sharex=True, height_ratios=[2, 1])
    names = {"global": ("MagnitudePruning, one ranking", OURS), "tfmot": ("TF-MOT's wrappers", PEER)}
    names["uniform"] = ("MagnitudePruning, uniform", QUIET)
    for run, (label, colour) in names.items():
        chosen = [row for row in rows if row["run"] in (run, "dense")]
        if all(row["run"] == "dense" for row in chosen):
            continue
        targets = sorted({row["target"] for row in chosen})
        test, seen = (
            [mean(row[key] for row in chosen if row["target"] == target) for target in targets]
            for key in ("test_accuracy", "training_accuracy")
        )
        shares = [100 * target for target in targets]
        above.plot(shares, test, "o-", color=colour, label=label)
        below.plot(shares, [a - b for a, b in zip(seen, test, strict=True)], "o-", color=colour)
    above.set_ylabel("test accuracy, %")
    below.set_ylabel("training − test,\npoints")
    below.set_xlabel("zeros, %")
    above.legend(frameon=False)
    for axis in (above, below):
        axis.grid(axis="y", alpha=0.3)
    return figure
