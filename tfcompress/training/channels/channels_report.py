"""What channel pruning did to a model: a table to print, a picture of the widths.

In: a `ChannelGraph`, the channels taken out and the model without them. Out: `ChannelsReport`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tfcompress.keras_compat import model_view
from tfcompress.result_base import Part, Result, Table
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


COLUMNS = {"width": "channels", "macs": "MACs", "params": "parameters", "int8_bytes": "int8 bytes, about"}


@dataclass(frozen=True)
class LayerRow:
    """One layer before and after."""

    path: str
    before: Size
    after: Size


@dataclass(frozen=True, repr=False)
class ChannelsReport(Result):
    """What channel pruning did. Printed, a table; `save("widths.svg")` draws the widths before and after.

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

    FORMS: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        **Result.FORMS,
        ".svg": lambda report: report.picture(),
    }

    def picture(self) -> str:
        """Return the drawing as SVG."""
        return picture([(row.path, row.before.width or 0, row.after.width or 0) for row in self.rows])

    @property
    def headline(self) -> str:
        """What is left."""
        share = "" if self.before.macs is None else f"{self.macs_share:.1%} of the MACs and "
        return f"{share}{self.params_share:.1%} of the parameters are left"

    def parts(self) -> Iterator[Part]:
        """A row a layer, what is kept whole and why, what to fine-tune for."""
        rows = [
            (row.path, *(_pair(getattr(row.before, key), getattr(row.after, key)) for key in COLUMNS))
            for row in [*self.rows, LayerRow("whole model", self.before, self.after)]
        ]
        yield Table(("layer", *COLUMNS.values()), rows)
        for title, entries in (("kept whole", self.kept), ("cannot be followed", self.unknown)):
            if entries:
                yield Table(("layer", "why"), [*entries.items()], title)
        yield from (f"fine-tune: {why}" for why in self.inexact)


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


def _pair(before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return ""
    return f"{before:,}" if before == after else f"{before:,} → {after:,}"
