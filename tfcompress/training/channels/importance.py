"""How much each channel matters, within its group.

In: a `ChannelGraph`. Out: for each group the importance of its channels, on average the root of the number of
layers that make one: what many make together, as along residual blocks, goes later.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfcompress.layers.channel_rules.channel_ids import ChannelIds, WeightAxes
from tfcompress.training.channels.channel_graph import ChannelGraph
from tfcompress.training.channels.channel_groups import Group

KINDS = ("l1", "l2", "batch_norm", "taylor")


def by_weights(graph: ChannelGraph, kind: str) -> list[np.ndarray]:
    """Return importance by the size of weights.

    Args:
        graph: The model's channels.
        kind: "l1" or "l2": the norm of the kernels that make a channel (Li et al. 2017, "Pruning Filters for
            Efficient ConvNets"); "batch_norm": its factor in batch normalisation (Liu et al. 2017, "Network Slimming"),
            and "l2" where there is none.
    """
    found = []
    for group in graph.groups:
        holders = [(weight, axis) for weight, axis in group.holders if makes(weight, axis)]
        scales = [(weight, axis) for weight, axis in group.holders if weight.kind == "scale"]
        chosen = scales if kind == "batch_norm" and scales else holders
        power = 1 if kind == "l1" else 2
        parts = [_norms(graph.ids, group, weight, axis, power) for weight, axis in chosen]
        makers = sum(weight.roles[axis] == "out" for weight, axis in holders)
        found.append(_joined(parts, len(group.channels)) * max(1, makers) ** 0.5)
    return found


def makes(weight: WeightAxes, axis: int) -> bool:
    """Tell whether a weight is a kernel that makes channels along this axis."""
    return weight.kind == "kernel" and weight.roles[axis] in ("out", "along")


def summed(ids: ChannelIds, group: Group, values: np.ndarray, axis: np.ndarray, position: int) -> np.ndarray:
    """Sum values over all that belongs to each channel of a group.

    Args:
        ids: Who holds which channel.
        group: The group.
        values: Numbers in the shape of a weight.
        axis: The channels along one of its axes.
        position: Which axis that is.
    """
    along = np.moveaxis(values, position, 0).reshape(len(axis), -1).sum(1)
    place = np.full(ids.count, -1)
    place[group.channels] = np.arange(len(group.channels))
    places = place[ids.roots(axis)]
    return np.bincount(places[places >= 0], along[places >= 0], len(group.channels))


def _norms(ids: ChannelIds, group: Group, weight: WeightAxes, position: int, power: int) -> np.ndarray:
    values = np.abs(np.array(weight.variable, np.float64)) ** power
    norms = summed(ids, group, values, weight.axes[position], position) ** (1 / power)
    return norms / (norms.mean() or 1.0)


def _joined(parts: Sequence[np.ndarray], size: int) -> np.ndarray:
    return np.mean(parts, axis=0) if len(parts) else np.ones(size)
