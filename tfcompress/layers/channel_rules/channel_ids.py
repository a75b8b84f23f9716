"""Which channels are one and the same: a number for each, and who holds it.

In: what the rules of single layers say. Out: for each axis of each weight the numbers of its channels; numbers that
stand for one channel are joined, channels that must stay carry the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Axis = np.ndarray | None
"""The numbers of the channels along one axis; None for an axis that stays as it is (batch, height, width …)."""

Axes = tuple[Axis, ...]

Role = Literal["out", "along", "in"]
"""What an axis of a weight means: it makes channels, scales each of them, or reads them."""


@dataclass
class WeightAxes:
    """A weight whose axes are followed."""

    variable: Any
    path: str
    kind: str
    """"kernel", "bias", "scale" and "shift" (of batch normalisation) or "other"."""
    axes: dict[int, Axis] = field(default_factory=dict)
    roles: dict[int, Role] = field(default_factory=dict)


@dataclass(frozen=True)
class CostTerm:
    """Multiplications of one call, or numbers it writes: `factor` times the lengths of some axes."""

    path: str
    factor: float
    axes: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Setting:
    """An entry of a layer's config that holds numbers of channels: each `Axis` in it stands for its length."""

    layer: Any
    key: str
    value: Any
    width: bool
    """It is the width of a tensor, which `round_to` is about."""


class ChannelIds:
    """Numbers of channels, joined where they are the same channel."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._settled: np.ndarray | None = None
        self.reasons: dict[int, str] = {}
        """Why a channel must stay, by any of its numbers."""
        self.inexact: dict[int, str] = {}
        """Why a channel of zeros is still noticed when it goes, by any of its numbers."""
        self.weights: dict[int, WeightAxes] = {}
        self.work: list[CostTerm] = []
        """Multiplications."""
        self.writes: list[CostTerm] = []
        """Numbers that come out of calls."""
        self.reads: list[CostTerm] = []
        """Weights that calls multiply with."""
        self.unsized: set[str] = set()
        """Calls whose work is unknown, as the size of a tensor is open."""
        self.settings: dict[tuple[int, str], Setting] = {}

    def new(self, size: int) -> np.ndarray:
        """Make channels that nobody else holds."""
        first = len(self._parents)
        self._parents.extend(range(first, first + size))
        return np.arange(first, first + size)

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return len(self._parents)

    def root(self, number: int) -> int:
        """Return the number that stands for a channel."""
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    def roots(self, axis: np.ndarray) -> np.ndarray:
        """Return the numbers that stand for the channels of an axis."""
        if self._settled is not None:
            return self._settled[axis]
        return np.array([self.root(number) for number in axis.tolist()], int)

    def settle(self) -> None:
        """Note that all is said, which makes `roots` fast."""
        self._settled = np.array(self._parents, int)
        while (self._settled != (shorter := self._settled[self._settled])).any():
            self._settled = shorter

    def join(self, one: Axis, other: Axis, why: str) -> Axis:
        """Make two axes the same, channel by channel; where one of them stays as it is, the other must."""
        if one is other:
            return one
        if one is None or other is None:
            self.keep(one, why)
            self.keep(other, why)
            return None
        for a, b in zip(one.tolist(), other.tolist(), strict=True):
            a, b = self.root(a), self.root(b)
            self._parents[max(a, b)] = min(a, b)
        return one

    def tie(self, axis: np.ndarray, count: int, *, inner: bool) -> np.ndarray:
        """Join channels inside one axis, seen as `count` blocks; return one number for each that is left.

        Args:
            axis: The channels.
            count: How many blocks they make.
            inner: Join all channels of a block; otherwise the channels at the same place of each block.
        """
        table = axis.reshape(count, -1)
        table = table if inner else table.T
        for column in range(1, table.shape[1]):
            self.join(table[:, 0].copy(), table[:, column].copy(), "")
        return table[:, 0].copy()

    def keep(self, axis: Axis, why: str) -> None:
        """Note that the channels of an axis must stay."""
        for number in () if axis is None else axis.tolist():
            self.reasons.setdefault(number, why)

    def notice(self, axis: Axis, why: str) -> None:
        """Note that channels of zeros are noticed when they go."""
        for number in () if axis is None else axis.tolist():
            self.inexact.setdefault(number, why)

    def hold(self, variable: Any, path: str, kind: str, position: int, axis: Axis, role: Role) -> Axis:
        """Note the channels along an axis of a weight; join them with those it held before."""
        weight = self.weights.setdefault(id(variable), WeightAxes(variable, path, kind))
        if position in weight.axes:
            axis = self.join(weight.axes[position], axis, f"{path} is shared with a tensor that stays as it is")
        weight.axes[position], weight.roles[position] = axis, role
        weight.kind = weight.kind if kind == "other" else kind
        return axis

    def set(self, layer: Any, key: str, value: Any, *, width: bool = True) -> None:
        """Note an entry of a layer's config; join it with what was noted before, for a layer called twice."""
        before = self.settings.get((id(layer), key))
        if before is not None:
            for one, other in zip(axes_in(before.value), axes_in(value), strict=True):
                self.join(one, other, f"{layer.name} is called twice")
        self.settings[id(layer), key] = before or Setting(layer, key, value, width)


def axes_in(value: Any) -> list[Axis]:
    """List the axes in a setting; sizes that stay are None."""
    if isinstance(value, (tuple, list)):
        return [axis for entry in value for axis in axes_in(entry)]
    return [value if isinstance(value, np.ndarray) else None]
