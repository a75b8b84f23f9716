"""What a model costs, by the number of channels gone from each group: MACs, parameters, time.

In: a `ChannelGraph`. Out: `Cost`, which answers for many ways to choose without making a model.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from tfcompress.errors import ModelError
from tfcompress.layers.channel_rules.channel_ids import CostTerm
from tfcompress.training.channels.channel_graph import ChannelGraph, layer_of

WRITE, READ = 50, 64
"""How many int8 MACs take as long as writing one number, and as reading one weight, about, where kernels multiply
fastest. Where they are slower MACs are all that counts, and half of them are half of the time whatever is chosen."""
CACHE = 1_000_000
"""How many int8 weights stay in the cache from one sample to the next; of a larger model the rest is read anew."""

Unit = Literal["macs", "params", "time"]


class Cost:
    """What a model costs, by the number of channels gone from each group.

    Args:
        graph: The model's channels.
        unit: "macs" for one sample; "params"; or "time", about, in MACs: kernels multiply, write and read weights.

    Raises:
        ModelError: MACs or time of a model with open sizes.
    """

    def __init__(self, graph: ChannelGraph, unit: Unit) -> None:
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
        self.fixed, terms = _terms(graph, unit)
        self.paths = [term.path for term in terms]
        self.factors = np.array([term.factor for term in terms], float)
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

    def parts(self, gone: np.ndarray) -> np.ndarray:
        """Return the cost of each term."""
        lengths = self.lengths - self.times @ gone
        return self.factors * lengths[self.table].prod(1)

    def total(self, gone: np.ndarray) -> float:
        """Return the cost of the model."""
        return self.fixed + float(self.parts(gone).sum())

    def saved(self) -> np.ndarray:
        """Return what each group would save alone: its cost by its first channel, times its channels."""
        none = np.zeros(len(self.graph.groups))
        each = np.array([self.total(none) - self.total(row) for row in np.eye(len(none))])
        return each * [len(group.channels) for group in self.graph.groups]

    def by_layer(self, gone: np.ndarray) -> dict[str, int]:
        """Return the cost of each layer."""
        found: dict[str, int] = {}
        for path, cost in zip(self.paths, self.parts(gone), strict=True):
            found[path] = found.get(path, 0) + round(cost)
        return found


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
