"""What a model costs, by the number of channels gone from each group: MACs, parameters, time.

In: a `ChannelGraph`, and times where they are measured. Out: `Cost`, which answers for many ways to choose without
making a model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from tfcompress.errors import ModelError
from tfcompress.layers.channel_rules.channel_ids import CostTerm
from tfcompress.training.channels.channel_graph import ChannelGraph, layer_of
from tfcompress.training.channels.measured_time import TimeTerm

WRITE, READ = 50, 64
"""How many int8 MACs take as long as writing one number, and as reading one weight, about, where kernels multiply
fastest. Where they are slower MACs are all that counts, and half of them are half of the time whatever is chosen."""
CACHE = 1_000_000
"""How many int8 weights stay in the cache from one sample to the next; of a larger model the rest is read anew."""

Unit = Literal["macs", "params", "time", "latency"]


class Cost:
    """What a model costs, by the number of channels gone from each group.

    Args:
        graph: The model's channels.
        unit: "macs" for one sample; "params"; "time", about, in MACs: kernels multiply, write and read weights; or
            "latency": nanoseconds as they are measured.
        measured: For "latency": the time of each call.

    Raises:
        ModelError: MACs or time of a model with open sizes.
    """

    def __init__(self, graph: ChannelGraph, unit: Unit, measured: Sequence[TimeTerm] = ()) -> None:
        if unit != "params" and graph.ids.unsized:
            raise ModelError(
                "MACs can be counted where every size is known.",
                received=f"open sizes at {', '.join(sorted(graph.ids.unsized)[:3])}",
                hint="Build the model for one input size, or give a budget of params= or a ratio=.",
            )
        self.graph, self.unit = graph, unit
        self.group_of = np.full(int(graph.ids.count), len(graph.groups))
        for index, group in enumerate(graph.groups):
            self.group_of[group.channels] = index
        self.fixed, counted = (0.0, []) if unit == "latency" else _terms(graph, unit)
        terms: Sequence[CostTerm | TimeTerm] = measured if unit == "latency" else counted
        self.paths = [term.path for term in terms]
        axes: dict[int, np.ndarray] = {id(axis): axis for term in terms for axis in term.axes}
        order = {key: index for index, key in enumerate(axes)}
        self.lengths = np.array([len(axis) for axis in axes.values()] + [1], float)
        self.times = np.zeros((len(self.lengths), len(graph.groups) + 1))
        for index, axis in enumerate(axes.values()):
            counts = np.bincount(self.group_of[graph.ids.roots(axis)], minlength=len(graph.groups) + 1)
            self.times[index] = counts / [*(max(1, len(group.channels)) for group in graph.groups), 1]
        self.times = self.times[:, :-1]
        most = max((len(term.axes) for term in terms), default=1)
        blank = len(self.lengths) - 1
        self.table = np.array(
            [[order[id(axis)] for axis in term.axes] + [blank] * (most - len(term.axes)) for term in terms], int
        ).reshape(len(terms), most)
        self.price = _TimeTables(measured, most) if unit == "latency" else _Products(counted)

    def parts(self, gone: np.ndarray) -> np.ndarray:
        """Return the cost of each term."""
        lengths = self.lengths - self.times @ gone
        return self.price(lengths[self.table])

    def total(self, gone: np.ndarray) -> float:
        """Return the cost of the model."""
        return self.fixed + float(self.parts(gone).sum())

    def saved(self) -> np.ndarray:
        """Return what each group would save alone: its cost by its first channel, times its channels."""
        none = np.zeros(len(self.graph.groups))
        each = np.array([self.total(none) - self.total(row) for row in np.eye(len(none))])
        return each * [len(group.channels) for group in self.graph.groups]

    def saved_at(self, group: int, counts: Sequence[int]) -> np.ndarray:
        """Return what one group alone saves with so many of its channels gone."""
        rows = np.zeros((len(counts), len(self.graph.groups)))
        rows[:, group] = counts
        return self.total(np.zeros(len(self.graph.groups))) - np.array([self.total(row) for row in rows])

    def by_layer(self, gone: np.ndarray) -> dict[str, int]:
        """Return the cost of each layer."""
        found: dict[str, int] = {}
        for path, cost in zip(self.paths, self.parts(gone), strict=True):
            found[path] = found.get(path, 0) + round(cost)
        return found


class _Products:
    """Costs that are a factor times lengths."""

    def __init__(self, terms: Sequence[CostTerm]) -> None:
        self.factors = np.array([term.factor for term in terms], float)

    def __call__(self, lengths: np.ndarray) -> np.ndarray:
        return self.factors * lengths.prod(1)


class _TimeTables:
    """Costs that are looked up: each at the next width that its table has."""

    def __init__(self, terms: Sequence[TimeTerm], most: int) -> None:
        sizes = [[*term.times.shape] + [1] * (most - term.times.ndim) for term in terms]
        self.strides = np.array([[math.prod(row[place + 1 :]) for place in range(most)] for row in sizes], int)
        self.starts = np.concatenate([[0], np.cumsum([term.times.size for term in terms])])[:-1].astype(int)
        self.times = np.concatenate([np.zeros(0), *(term.times.ravel() for term in terms)])
        deepest = max((len(widths) for term in terms for widths in term.widths), default=1)
        self.widths = np.full((len(terms), most, deepest), np.inf)
        for row, term in zip(self.widths, terms, strict=True):
            for axis, widths in zip(row, term.widths, strict=False):
                axis[: len(widths) - 1] = widths[:-1]  # nothing is wider than the widest

    def __call__(self, lengths: np.ndarray) -> np.ndarray:
        places = (self.widths < lengths[:, :, np.newaxis] - 1e-6).sum(2)
        return self.times[self.starts + (places * self.strides).sum(1)]


def _terms(graph: ChannelGraph, unit: Unit) -> tuple[float, list[CostTerm]]:
    """Return what no channel changes, and each product that channels make smaller."""
    work, writes = graph.ids.work, graph.ids.writes
    if unit == "macs":
        return 0.0, work
    if unit == "time":
        reads = graph.ids.reads
        total = sum(each.factor * math.prod(len(axis) for axis in each.axes) for each in reads)
        return 0.0, [*work, *_times(writes, WRITE), *_times(reads, READ * max(0.0, 1 - CACHE / max(total, 1)))]
    terms = []
    for weight in graph.ids.weights.values():
        axes = {position: axis for position, axis in weight.axes.items() if axis is not None}
        sizes = [size for position, size in enumerate(weight.variable.shape) if position not in axes]
        terms.append(CostTerm(layer_of(weight.path), math.prod(sizes), tuple(axes.values())))
    total = sum(math.prod(variable.shape) for variable in graph.model.weights)
    held = sum(math.prod(weight.variable.shape) for weight in graph.ids.weights.values())
    return float(total - held), terms


def _times(terms: list[CostTerm], factor: float) -> list[CostTerm]:
    return [CostTerm(each.path, each.factor * factor, each.axes) for each in terms]
