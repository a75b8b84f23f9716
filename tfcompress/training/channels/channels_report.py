"""What channel pruning did to a model: a table to print, a picture of the widths.

In: a `ChannelGraph`, the channels taken out and the model without them. Out: `ChannelsReport`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress.files import write
from tfcompress.keras_compat import model_view
from tfcompress.printable_names import printable
from tfcompress.training.channels.channel_cost import Cost
from tfcompress.training.channels.channel_graph import ChannelGraph
from tfcompress.training.channels.widths_picture import picture


@dataclass(frozen=True)
class Size:
    """What a layer or a model costs; `macs` is None where a size is open, `width` for a whole model."""

    width: int | None
    macs: int | None
    params: int
    int8_bytes: int
    """About what it takes in flash as int8: a byte for each kernel weight, four for each bias."""


@dataclass(frozen=True)
class LayerRow:
    """One layer before and after."""

    path: str
    before: Size
    after: Size


@dataclass(frozen=True)
class ChannelsReport:
    """What channel pruning did. Printed, a table; `save("widths.svg")` draws the widths.

    Args:
        rows: The layers that have a kernel, in the order of the model.
        before: The whole model.
        after: The smaller model.
        kept: Layers that lost no channel because they could not, as path -> why.
        unknown: Layers and operations that cannot be followed, as path -> what they are.
        inexact: Why channels of zeros are noticed when they go, for layers that take means over channels.
    """

    rows: tuple[LayerRow, ...]
    before: Size
    after: Size
    kept: dict[str, str]
    unknown: dict[str, str]
    inexact: tuple[str, ...]

    @property
    def macs_share(self) -> float:
        """MACs that are left, as a share."""
        return self.after.macs / self.before.macs if self.before.macs else math.nan

    @property
    def params_share(self) -> float:
        """Parameters that are left, as a share."""
        return self.after.params / self.before.params

    def save(self, path: str | Path) -> None:
        """Draw the widths before and after into an .svg file."""
        write(path, self.picture().encode())

    def picture(self) -> str:
        """Return the drawing as SVG."""
        return picture([(row.path, row.before.width or 0, row.after.width or 0) for row in self.rows])

    def __str__(self) -> str:
        rows = [LayerRow("whole model", self.before, self.after), *self.rows]
        name = max(len(row.path) for row in rows)
        titles = f"{'channels':>14}{'MACs':>30}{'parameters':>26}{'int8 bytes, about':>26}"
        lines = [f"{'':<{name}}{titles}"]
        for row in [*rows[1:], rows[0]]:
            pairs = [
                _pair(getattr(row.before, key), getattr(row.after, key), width)
                for key, width in (("width", 14), ("macs", 30), ("params", 26), ("int8_bytes", 26))
            ]
            lines.append(f"{row.path:<{name}}{''.join(pairs)}")
        share = "" if self.before.macs is None else f"{self.macs_share:.1%} of the MACs and "
        lines += ["", f"{share}{self.params_share:.1%} of the parameters are left."]
        for title, entries in (("kept whole", self.kept), ("cannot be followed", self.unknown)):
            lines += [f"{title}:", *(f"  {path}: {why}" for path, why in entries.items())] if entries else []
        lines += [f"fine-tune: {why}" for why in self.inexact]
        return "\n".join(map(printable, lines))


def report(graph: ChannelGraph, gone: np.ndarray, smaller: Any) -> ChannelsReport:
    """Count what there was and what is left."""
    costs: list[dict[str, int] | None] = [None, None]
    if not graph.ids.unsized:
        cost = Cost(graph, "macs")
        counts = np.array([np.isin(group.channels, gone).sum() for group in graph.groups], float)
        costs = [cost.by_layer(np.zeros(len(graph.groups))), cost.by_layer(counts)]
    after = dict(model_view.layers(smaller))
    rows = []
    for path, layer, widths in _widths(graph, gone):
        sizes = [
            Size(width, None if macs is None else macs.get(path, 0), *_counts(each))
            for width, macs, each in zip(widths, costs, (layer, after[path]), strict=True)
        ]
        rows.append(LayerRow(path, *sizes))
    whole = [
        Size(None, None if macs is None else sum(macs.values()), *_counts(each))
        for macs, each in zip(costs, (graph.model, smaller), strict=True)
    ]
    inexact = tuple(dict.fromkeys(group.inexact for group in graph.groups if group.inexact))
    return ChannelsReport(tuple(rows), *whole, dict(graph.kept), dict(graph.unknown), inexact)


def _widths(graph: ChannelGraph, gone: np.ndarray) -> Iterator[tuple[str, Any, tuple[int, int]]]:
    """Yield each layer with a kernel once, and how many channels it makes before and after."""
    found: dict[str, tuple[int, int]] = {}
    for weight in graph.ids.weights.values():
        for position, axis in weight.axes.items():
            if weight.kind == "kernel" and weight.roles[position] != "in":
                size = weight.variable.shape[position]
                lost = 0 if axis is None else int(np.isin(graph.ids.roots(axis), gone).sum())
                found[weight.path.rpartition("/")[0]] = (size, size - lost)
    for path, layer in model_view.layers(graph.model):
        if path in found:
            yield path, layer, found[path]


def _counts(layer: Any) -> tuple[int, int]:
    """Return parameters, and about how many bytes they take as int8."""
    sizes = [(len(variable.shape), math.prod(variable.shape)) for variable in layer.weights]
    return sum(size for _, size in sizes), sum(size if rank > 1 else 4 * size for rank, size in sizes)


def _pair(before: int | None, after: int | None, width: int) -> str:
    if before is None or after is None:
        return " " * width
    text = f"{before:,}" if before == after else f"{before:,} → {after:,}"
    return f"{text:>{width}}"
