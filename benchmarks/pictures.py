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
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator  # noqa: E402

from benchmarks.record import ORIGIN  # noqa: E402

OURS, OURS_4, PEER, QUIET = "#0b6e99", "#2f8f4e", "#c2571a", "#8a8a8a"
COSTS = {"flash_bytes": "bytes in flash", "deflated_bytes": "bytes deflated (download)", "MACs": "multiply-accumulates"}
COSTS |= {"latency_ratio": "latency, share of the float file's"}
MARKS = {
    "TF-MOT": "s",
    "TFLiteConverter": "^",
    "litert-quantizer": "v",
    'Keras quantize("int8")': "D",
    "Sony MCT": "P",
}


def draw(results: Path, docs: Path) -> None:
    """Draw every picture whose rows are there."""
    for name, pictures in {"pruning_accuracy": accuracy_by_zeros, "frontier": frontiers}.items():
        if (results / f"{name}.json").exists():
            for suffix, figure in pictures(json.loads((results / f"{name}.json").read_text())["rows"]).items():
                figure.savefig(docs / f"{name}{suffix}.svg", metadata={"Date": None})
                plt.close(figure)


def frontiers(rows: list[dict[str, Any]]) -> dict[str, plt.Figure]:
    """Draw, for each model, test accuracy against what a file costs: our ways and those of other tools.

    All points of a picture are of one machine and one commit, those that most rows have.
    """
    drawn = {}
    for model in dict.fromkeys(row["model"] for row in rows):
        figure, axes = plt.subplots(2, 2, figsize=(9, 7), sharey=True)
        chosen = _of_one_origin([row for row in rows if row["model"] == model and "failed" not in row])
        if not chosen[0].get("commit"):
            figure.suptitle(
                "Measured before rows told machine and commit: compare no latencies", fontsize=9, color=QUIET
            )
        for axis, (key, label) in zip(axes.flat, COSTS.items(), strict=True):
            for row in chosen:
                colour, mark, _ = _look(row)
                axis.plot(row[key], row["test_accuracy"], mark, color=colour, markersize=6, alpha=0.85)
            _edge(axis, chosen, key)
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.xaxis.set_minor_locator(NullLocator())
            axis.xaxis.set_major_formatter("{x:g}" if key == "latency_ratio" else EngFormatter(sep=""))
            axis.set_xlabel(label)
            axis.grid(alpha=0.25)
        for axis in axes[:, 0]:
            axis.set_ylabel("test accuracy, %")
        handles = [
            plt.Line2D([], [], color=colour, marker=mark, ls="", label=label)
            for colour, mark, label in dict.fromkeys(map(_look, chosen))
        ]
        handles.append(plt.Line2D([], [], color=QUIET, label="nothing is better in both"))
        figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)
        drawn[f"_{model}"] = figure
    return drawn


def _of_one_origin(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    origins = [tuple(row.get(key) for key in ORIGIN) for row in rows]
    most = max(origins, key=origins.count)
    return [row for row, origin in zip(rows, origins, strict=True) if origin == most]


def _look(row: dict[str, Any]) -> tuple[str, str, str]:
    """Return the colour and mark of a row, and what the legend calls such rows."""
    if row["tool"] != "tfcompress":
        return PEER, MARKS.get(row["tool"], "x"), row["tool"]
    four = row["way"].startswith("int8x4")
    return (OURS_4, "*", "tfcompress, weights of four bits") if four else (OURS, "o", "tfcompress")


def _edge(axis: Any, rows: list[dict[str, Any]], key: str) -> None:
    """Join the points that no other point beats in both cost and accuracy."""
    best: list[tuple[float, float]] = []
    for cost, accuracy in sorted((row[key], -row["test_accuracy"]) for row in rows):
        if not best or -accuracy > best[-1][1]:
            best.append((cost, -accuracy))
    axis.step(*zip(*best, strict=True), where="post", color=QUIET, linewidth=1, zorder=0)


def accuracy_by_zeros(rows: list[dict[str, Any]]) -> dict[str, plt.Figure]:
    """Draw test accuracy against zeros after six epochs, and the gap between training and test accuracy below it."""
    rows = [row for row in rows if row["epochs"] == 6]
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
    return {"": figure}
