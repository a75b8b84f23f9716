"""Channels that are alike, in groups: what goes where with one of them.

In: `ChannelIds`. Out: `Group`s; all channels of one are held by the same weights, as many times each.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfcompress.layers.channel_rules.channel_ids import ChannelIds, Role, WeightAxes

MIN_SHARE = 0.1
"""The share of each group that stays whatever the budget."""
WIDE, WIDEST = 12, 64
"""Groups of at least this many steps go by twice, four times … that many channels, up to 64, under a budget of MACs
or time: int8 kernels take 16, 32 or 64 channels together where they can, and 65 cost them as much as 128."""


@dataclass(frozen=True, eq=False)
class Group:
    """Channels that may go one by one, each with everything that belongs to it.

    Args:
        channels: The numbers that stand for them.
        holders: The weights that hold them, as (weight, axis).
        rounding: For a width r to keep, channels of the group left must be a multiple of r / gcd(r, each of these).
        inexact: Why a channel of zeros is noticed when it goes; empty where it is not.
    """

    channels: np.ndarray
    holders: tuple[tuple[WeightAxes, int], ...]
    rounding: frozenset[int]
    inexact: str = ""

    def step(self, round_to: int) -> int:
        """Return how many channels go at once, so that widths stay multiples of `round_to`."""
        return math.lcm(1, *(round_to // math.gcd(round_to, times) for times in self.rounding))

    def stops(self, round_to: int, exactly: bool = False) -> list[int]:
        """List how many channels may be gone, from none on: in steps that kernels like, or exactly in those asked."""
        size, step = len(self.channels), self.step(round_to)
        while size >= WIDE * step and 2 * step <= WIDEST and not exactly:
            step *= 2
        least = max(step, math.ceil(math.ceil(size * MIN_SHARE) / step) * step)
        return [0, *range(size % step or step, size - least + 1, step)]

    def layers(self, role: Role) -> list[str]:
        """List the layers that hold the channels in a role."""
        paths = (weight.path for weight, axis in self.holders if weight.roles[axis] == role)
        return list(dict.fromkeys(path.rpartition("/")[0] for path in paths))


def group(ids: ChannelIds) -> list[Group]:
    """Put channels that may go into groups, in the order in which the model makes them."""
    kept = {ids.root(number) for number in ids.reasons}
    inexact = {ids.root(number): why for number, why in ids.inexact.items()}
    roots: dict[int, np.ndarray] = {}
    holders = [(weight, axis) for weight in ids.weights.values() for axis in weight.axes]
    seen: dict[int, list[tuple[int, int]]] = {}
    for index, (weight, axis) in enumerate(holders):
        vector = weight.axes[axis]
        if vector is None:
            continue
        if id(vector) not in roots:
            roots[id(vector)] = ids.roots(vector)
        for root, times in Counter(roots[id(vector)].tolist()).items():
            seen.setdefault(root, []).append((index, times))
    rounding: dict[int, set[int]] = {}
    for setting in ids.settings.values():
        for vector in _vectors(setting.value) if setting.width else ():
            for root, times in Counter(ids.roots(vector).tolist()).items():
                rounding.setdefault(root, set()).add(times)
    alike: dict[Any, list[int]] = {}
    for root, where in seen.items():
        if root not in kept:
            alike.setdefault((tuple(where), root in inexact), []).append(root)
    return [
        Group(
            np.array(channels, int),
            tuple(holders[index] for index, _ in where),
            frozenset(rounding.get(channels[0], ())),
            inexact.get(channels[0], ""),
        )
        for (where, _), channels in alike.items()
    ]


def _vectors(value: Any) -> list[np.ndarray]:
    if isinstance(value, (tuple, list)):
        return [vector for entry in value for vector in _vectors(entry)]
    return [value] if isinstance(value, np.ndarray) else []
