"""One call of a layer or operation, as a rule sees it.

In: a call, the channels along the axes of the tensors that go in. Out: handy words for the rules: hold a weight, make
channels, count work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfcompress.layers.channel_rules.channel_ids import Axes, Axis, ChannelIds, CostTerm, Role


@dataclass(frozen=True)
class LayerCall:
    """A call and what is known of its tensors."""

    path: str
    layer: Any
    arguments: Any
    """(args, kwargs) with a `Slot` for each tensor."""
    given: list[Axes]
    shapes: list[tuple]
    """Of the tensors that go in, with the batch axis."""
    results: list[tuple]
    """Shapes of the tensors that come out."""
    ids: ChannelIds
    rule_of: Callable[[Any], Rule | None]
    """The rule of a layer inside this one, or of its activation."""
    unknown: dict[str, str]
    """Calls whose channels cannot be followed, by path, with their kind."""
    first: str = ""
    """Why channels made here must stay: it is a first layer. Empty otherwise."""

    @property
    def why(self) -> str:
        """Name this call as the reason why something stays."""
        return f"{self.path} ({kind_of(self.layer)})"

    @property
    def channel(self) -> int:
        """The axis of channels of the first tensor."""
        first = getattr(self.layer, "data_format", None) == "channels_first"
        return 1 if first else len(self.shapes[0]) - 1

    def hold(self, name: str, position: int, axis: Axis, role: Role = "in", kind: str = "other") -> Axis:
        """Note the channels along an axis of a weight, by its attribute; nothing where the layer has none."""
        owner, _, attribute = name.rpartition(".")
        layer = self.layer
        for part in owner.split(".") if owner else ():
            layer = getattr(layer, part)
        variable = getattr(layer, attribute, None)
        if not hasattr(variable, "shape"):
            return axis
        return self.ids.hold(variable, f"{self.path}/{name}", kind, position, axis, role)

    def make(self, name: str, position: int) -> Axis:
        """Make the channels that a kernel puts out, or find them where it was called before."""
        variable = self.layer
        for part in name.split("."):
            variable = getattr(variable, part)
        known = self.ids.weights.get(id(variable))
        axis = known.axes.get(position) if known else None
        if known is None or position not in known.axes:
            axis = self.ids.new(variable.shape[position])
        if self.first:
            self.ids.keep(axis, self.first)
        return self.hold(name, position, axis, "out", "kernel")

    def only(self, *positions: int, tensor: int = 0) -> Axis:
        """Keep every axis of a tensor but these; return the channels along the first of these."""
        axes = self.given[tensor]
        for index, axis in enumerate(axes):
            if index not in positions:
                self.ids.keep(axis, f"{self.why} works along this axis")
        return axes[positions[0]] if positions else None

    def count(self, name: str, positions: Sequence[int | None], *along: Axis) -> None:
        """Count the work of a kernel: its size at each position, for axes that may get shorter in `along`."""
        variable = self.layer
        for part in name.split("."):
            variable = getattr(variable, part)
        held = self.ids.weights[id(variable)].axes
        fixed = [size for index, size in enumerate(variable.shape) if held.get(index) is None]
        axes = [axis for axis in (*held.values(), *along) if axis is not None]
        self.multiply([*positions, *fixed], *axes)
        followed = tuple(axis for axis in held.values() if axis is not None)
        self.ids.reads.append(CostTerm(self.path, math.prod(fixed), followed))

    def multiply(self, sizes: Sequence[int | None], *axes: Axis) -> None:
        """Count the work of a product of these sizes and axes."""
        if any(size is None for size in sizes):
            self.ids.unsized.add(self.path)
            return
        factor = math.prod(sizes)
        self.ids.work.append(CostTerm(self.path, factor, tuple(axis for axis in axes if axis is not None)))

    def write(self, made: list[Axes], weight: int = 1) -> None:
        """Count the numbers that come out, where all sizes are known; each as `weight`."""
        for shape, axes in zip(self.results, made, strict=True):
            fixed = [size for size, axis in zip(shape[1:], axes[1:], strict=True) if axis is None]
            self.wait(fixed, [axis for axis in axes if axis is not None], weight)

    def wait(self, sizes: Sequence[int | None], axes: Sequence[np.ndarray], weight: int) -> None:
        """Count numbers of these sizes and axes, each as `weight`, where all sizes are known."""
        if None not in sizes:
            self.ids.writes.append(CostTerm(self.path, weight * math.prod(sizes), tuple(axes)))

    def out(self, axes: Mapping[int, Axis] | None = None) -> list[Axes]:
        """Return the channels along the axes of each tensor that comes out; those not named stay as they are."""
        made = []
        for shape in self.results:
            row: list[Axis] = [None] * len(shape)
            for position, axis in (axes or {}).items():
                row[position % len(shape)] = axis
            made.append(tuple(row))
        return made

    def keep_whole(self, why: str = "") -> list[Axes]:
        """Keep every channel that goes in, and follow none that comes out."""
        for axes in self.given:
            for axis in axes:
                self.ids.keep(axis, why or self.why)
        return self.out()

    def unfollowed(self) -> list[Axes]:
        """Keep every channel that goes in, as there is no rule for this call, and note that where there are some."""
        if any(axis is not None for axes in self.given for axis in axes):
            self.unknown[self.path] = kind_of(self.layer)
        return self.keep_whole()

    def set(self, key: str, value: Any, *, width: bool = True) -> None:
        """Note an entry of the layer's config."""
        self.ids.set(self.layer, key, value, width=width)


Rule = Callable[[LayerCall], list[Axes]]
"""How channels pass through a layer: what comes in becomes what goes out, and all else is noted in the call."""


def kind_of(operation: Any) -> str:
    """Return the class of a layer, or what an operation of either Keras does, such as "add"."""
    symbol = getattr(operation, "symbol", None)
    if type(operation).__name__ not in ("TFOpLambda", "SlicingOpLambda") or symbol is None:
        return type(operation).__name__
    return symbol.rpartition(".")[2].removeprefix("reduce_")
