"""What each call of a model takes as int8 on this machine, by the number of channels that it reads and makes.

In: a `ChannelGraph`. Out: a `TimeTerm` for each call that a .tflite has an operator for. After Shen et al. 2022, "HALP:
Hardware-Aware Latency Pruning": a table of times, measured once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfcompress.console import progress
from tfcompress.conversion.int8_times import int8_times
from tfcompress.training.channels.channel_graph import ChannelGraph
from tfcompress.training.channels.memory_traffic import writing
from tfcompress.training.channels.narrowed_call import add_narrowed_call
from tfcompress.training.float_graph import Call

READ_WIDTHS, MADE_WIDTHS = 3, 8
"""At how many widths at most a call is measured, of what it reads and of what it makes; time is linear between."""


@dataclass(frozen=True)
class TimeTerm:
    """Nanoseconds of one call by the channels that it has.

    Args:
        path: The layer.
        axes: The channels that it reads and makes; one entry where they are the same, none where none may go.
        widths: For each of them how many may be left, rising. Kernels take whole blocks: between two of these widths a
            call takes as long as at the wider one.
        times: The time at each, of as many axes.
    """

    path: str
    axes: tuple[np.ndarray, ...]
    widths: tuple[np.ndarray, ...]
    times: np.ndarray


@dataclass(frozen=True)
class _Axis:
    """Channels of a call that become fewer together."""

    channels: np.ndarray
    gone: list[np.ndarray]
    """The channels that are gone at each width, from all to none."""
    measured: np.ndarray
    """At which of these widths time is measured."""

    @property
    def widths(self) -> np.ndarray:
        return np.array([len(self.channels) - len(gone) for gone in self.gone])


def measured_times(graph: ChannelGraph, round_to: int) -> list[TimeTerm]:
    """Measure what each call takes, at some of the widths that `Group.stops` has.

    Raises:
        ModelError: sizes are open.
        ConversionError: a layer cannot be int8.
    """
    written = writing(graph.calls)
    calls = [(call, _axes(graph, call, round_to)) for call in graph.calls.calls if call.name in written]
    models: dict[str, Callable[[], Any]] = {}
    keys: list[list[str]] = []
    for call, axes in calls:
        keys.append([])
        for places in itertools.product(*(axis.measured for axis in axes)):
            parts = [axis.gone[place] for axis, place in zip(axes, places, strict=True)]
            keys[-1].append(add_narrowed_call(graph, call, np.concatenate([np.zeros(0, int), *parts]), models))
    with progress("timing layers at several widths", len(models)) as advance:
        seconds = dict(zip(models, int8_times([*models.values()], advance), strict=True))
    return [
        TimeTerm(
            call.path,
            tuple(axis.channels for axis in axes),
            tuple(axis.widths for axis in axes),
            _between(axes, 1e9 * np.array([seconds[key] for key in found])),
        )
        for (call, axes), found in zip(calls, keys, strict=True)
    ]


def _axes(graph: ChannelGraph, call: Call, round_to: int) -> list[_Axis]:
    """Return what a call reads and what it makes; as one where channels are of both."""
    read, made = (_groups(graph, tensors) for tensors in (call.inputs, call.outputs))
    made |= _groups_inside(graph, call.path) - read
    if read & made or not made or not read:
        parts = [(read | made, MADE_WIDTHS)]
    else:
        parts = [(read, READ_WIDTHS), (made, MADE_WIDTHS)]
    return [_axis(graph, sorted(groups), round_to, most) for groups, most in parts if groups]


def _groups(graph: ChannelGraph, tensors: Iterable[int]) -> set[int]:
    """Return the groups that some tensors hold."""
    axes = [axis for tensor in tensors for axis in graph.axes[tensor] if axis is not None]
    held = {number for axis in axes for number in graph.ids.roots(axis).tolist()}
    return {index for index, group in enumerate(graph.groups) if not held.isdisjoint(group.channels.tolist())}


def _groups_inside(graph: ChannelGraph, path: str) -> set[int]:
    """Return the groups that weights of a layer hold, such as the heads of an attention."""
    pairs = enumerate(graph.groups)
    return {index for index, group in pairs if any(each.path.startswith(path + "/") for each, _ in group.holders)}


def _axis(graph: ChannelGraph, numbers: list[int], round_to: int, most: int) -> _Axis:
    groups = [graph.groups[number] for number in numbers]
    stops = [group.stops(round_to) for group in groups]
    steps = max(map(len, stops))
    gone = []
    for step in reversed(range(steps)):  # each group is as far as it can be in as many steps as the one with most
        counts = [each[round(step * (len(each) - 1) / max(1, steps - 1))] for each in stops]
        gone.append(np.concatenate([group.channels[:count] for group, count in zip(groups, counts, strict=True)]))
    measured = np.unique(np.linspace(0, steps - 1, min(most, steps)).round().astype(int))
    return _Axis(np.concatenate([group.channels for group in groups]), gone, measured)


def _between(axes: list[_Axis], times: np.ndarray) -> np.ndarray:
    """Return the time at every width, linear between those that are measured."""
    times = times.reshape([len(axis.measured) for axis in axes])
    for place, axis in enumerate(axes):
        known = axis.widths[axis.measured]
        times = np.apply_along_axis(lambda row, at=axis.widths, of=known: np.interp(at, of, row), place, times)
    return times
