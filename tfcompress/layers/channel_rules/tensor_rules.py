"""How channels go through what has no weights: sums, joins, pooling, other shapes. Layers and operations alike.

In: a `LayerCall`. Out: the channels along the axes of what comes out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tfcompress.layers.channel_rules.channel_ids import Axes, Axis, ChannelIds
from tfcompress.layers.channel_rules.layer_call import LayerCall, kind_of


def same(call: LayerCall) -> list[Axes]:
    """Follow what looks at one number at a time."""
    return [call.given[0]]


def spatial(call: LayerCall) -> list[Axes]:
    """Follow what works along height and width: pooling, padding, cropping, resizing."""
    channel = call.channel
    axis = call.only(channel)
    return call.out({(channel if len(call.results[0]) == len(call.shapes[0]) else -1): axis})


def elementwise(call: LayerCall) -> list[Axes]:
    """Follow sums, products and the like; sizes of 1 and missing axes are repeated."""
    if hasattr(call.layer, "_merge_function") and len({len(shape) for shape in call.shapes}) > 1:
        return call.keep_whole()
    constants = [np.shape(leaf) for leaf in _leaves(call.arguments) if isinstance(leaf, (np.ndarray, list, tuple))]
    constants += [tuple(leaf.shape) for leaf in _leaves(call.arguments) if hasattr(leaf, "numpy")]
    rank = len(call.results[0])
    made: list[Axis] = [None] * rank
    for back in range(1, rank + 1):
        size = call.results[0][-back]
        axes = [
            axes[-back]
            for axes, shape in zip(call.given, call.shapes, strict=True)
            if len(shape) >= back and (shape[-back] == size or shape[-back] is None)
        ]
        for axes_of, shape in zip(call.given, call.shapes, strict=True):
            if len(shape) >= back and shape[-back] == 1 != size:
                call.ids.keep(axes_of[-back], f"{call.why} repeats it")
        if any(len(shape) >= back and shape[-back] not in (1, None) for shape in constants):
            axes.append(None)
        axes = axes or [None]
        for axis in axes[1:]:
            axes[0] = call.ids.join(axes[0], axis, f"{call.why} with a tensor whose channels stay")
        made[-back] = axes[0]
    return [tuple(made)]


def concatenate(call: LayerCall) -> list[Axes]:
    """Follow channels put one behind the other; along the other axes they are the same."""
    rank = len(call.results[0])
    along = argument(call, "axis", 1, -1) % rank
    made: list[Axis] = []
    for position in range(rank):
        axes = [axes[position] for axes in call.given]
        if position == along:
            made.append(_in_a_row(call, axes, position))
            continue
        for axis in axes[1:]:
            axes[0] = call.ids.join(axes[0], axis, f"{call.why} with a tensor whose channels stay")
        made.append(axes[0])
    return [tuple(made)]


def _in_a_row(call: LayerCall, axes: list[Axis], position: int) -> Axis:
    if all(axis is None for axis in axes):
        return None
    parts = []
    for axis, shape in zip(axes, call.shapes, strict=True):
        part = call.ids.new(shape[position]) if axis is None else axis
        if axis is None:
            call.ids.keep(part, f"{call.why} joins it with channels")
        parts.append(part)
    return np.concatenate(parts)


def reshape(call: LayerCall) -> list[Axes]:
    """Follow `Reshape`, `Flatten`, `RepeatVector`, squeeze and expand_dims."""
    if getattr(call.layer, "data_format", None) == "channels_first" and len(call.shapes[0]) > 2:
        return call.keep_whole()
    made = reshaped(call.ids, call.given[0], call.shapes[0], call.results[0], call.why)
    for key in ("target_shape", "newshape"):
        target = getattr(call.layer, key, None)
        if target is None:
            continue
        axes = made[len(made) - len(target) :]
        kept = [
            size if axis is None or size == -1 else axis
            for size, axis in zip((s if s is None else int(s) for s in target), axes, strict=True)
        ]
        call.set(key, tuple(kept), width=False)
    written = argument(call, "shape", 1, None) if getattr(call.layer, "symbol", None) else None
    if written is not None:  # written into the call itself, where no config reaches it
        for size, axis in zip(written, made, strict=True):
            if size != -1:
                call.ids.keep(axis, f"{call.why} has its size written down: -1 there would leave it open")
    return [made]


def repeat_vector(call: LayerCall) -> list[Axes]:
    """Follow `RepeatVector`."""
    return call.out({-1: call.given[0][-1]})


def reshaped(ids: ChannelIds, axes: Axes, before: tuple, after: tuple, why: str) -> Axes:
    """Return the channels of a tensor in another shape: blocks of axes of the same size are taken together."""
    made: list[Axis] = [None] * len(after)
    old = [index for index, size in enumerate(before) if index and size != 1]
    new = [index for index, size in enumerate(after) if index and size != 1]
    for axis in (axis for axis, size in zip(axes, before, strict=True) if size == 1):
        ids.keep(axis, why)
    while old or new:
        left, right = [old.pop(0)] if old else [], [new.pop(0)] if new else []
        sizes = [before[i] for i in left] + [after[i] for i in right]
        if not left or not right or (None in sizes and sizes != [None, None]):
            rest = (axes[i] for i in (*left, *old))
            for axis in rest:
                ids.keep(axis, why)
            break
        while None not in sizes and (a := math.prod(before[i] for i in left)) != (
            b := math.prod(after[i] for i in right)
        ):
            shorter, queue, shape = (left, old, before) if a < b else (right, new, after)
            if not queue or shape[queue[0]] is None:
                for axis in (axes[i] for i in (*left, *old)):
                    ids.keep(axis, why)
                return tuple(made)
            shorter.append(queue.pop(0))
        _block(ids, axes, before, after, left, right, made, why)
    return tuple(made)


def _block(
    ids: ChannelIds,
    axes: Axes,
    before: tuple,
    after: tuple,
    left: list[int],
    right: list[int],
    made: list[Axis],
    why: str,
) -> None:
    """Move the channels of one block of axes."""
    held = [index for index in left if axes[index] is not None]
    if not held:
        return
    if len(held) > 1 or (len(left) > 1 and len(right) > 1):
        for index in held:
            ids.keep(axes[index], why)
        return
    place = left.index(held[0])
    outer = math.prod(before[index] for index in left[:place])
    inner = math.prod(before[index] for index in left[place + 1 :])
    row = np.tile(np.repeat(axes[held[0]], inner), outer)
    if len(right) == 1:
        made[right[0]] = row
        return
    table = ids.roots(row).reshape([after[index] for index in right])
    for position in reversed(range(len(right))):  # undo a flatten, if that is what it is
        first = np.moveaxis(table, position, 0).reshape(table.shape[position], -1)
        if (first == first[:, :1]).all():
            made[right[position]] = first[:, 0].copy()
            return
    made[right[-1]] = ids.tie(row, row.size // table.shape[-1], inner=False)


def permute(call: LayerCall) -> list[Axes]:
    """Follow `Permute` and transpose."""
    rank = len(call.shapes[0])
    order = (0, *call.layer.dims) if hasattr(call.layer, "dims") else argument(call, "axes", 1, None, other="perm")
    order = tuple(reversed(range(rank))) if order is None else order
    return [tuple(call.given[0][int(position) % rank] for position in order)]


def reduce(call: LayerCall) -> list[Axes]:
    """Follow a mean, maximum or sum over axes; channels that are taken together must stay, unless summed."""
    axes, rank = argument(call, "axis", 1, None), len(call.shapes[0])
    taken = range(rank) if axes is None else [int(axis) % rank for axis in np.atleast_1d(axes)]
    made = []
    for position, axis in enumerate(call.given[0]):
        if position in taken and kind_of(call.layer).lower() != "sum":
            call.ids.keep(axis, f"{call.why} takes its channels together")
        if position not in taken or len(call.results[0]) == rank:
            made.append(None if position in taken else axis)
    return [tuple(made)]


def slices(call: LayerCall) -> list[Axes]:
    """Follow `x[…]`: an axis that is cut must stay."""
    keys = call.arguments[0][1] if len(call.arguments[0]) > 1 else None
    keys = list(keys) if isinstance(keys, (tuple, list)) else [keys]
    if any(key is None or isinstance(key, (np.ndarray, list)) or hasattr(key, "position") for key in keys):
        return call.keep_whole()
    rank = len(call.shapes[0])
    gap = next((index for index, key in enumerate(keys) if key is Ellipsis), len(keys))
    rest = rank - sum(key is not Ellipsis for key in keys)
    keys = [*keys[:gap], *[slice(None)] * rest, *keys[gap + 1 :]]
    made = []
    for key, axis in zip(keys, call.given[0], strict=True):
        parts = key.values() if isinstance(key, dict) else (getattr(key, name, 0) for name in ("start", "stop", "step"))
        if any(part is not None for part in parts):
            call.ids.keep(axis, f"{call.why} cuts it")
            axis = None
        if isinstance(key, (slice, dict)):
            made.append(axis)
    return [tuple(made)]


def split(call: LayerCall) -> list[Axes]:
    """Follow a split into equal parts: what goes from one part goes from each, at the same place."""
    count = argument(call, "indices_or_sections", 1, None, other="num_or_size_splits")
    along = (argument(call, "axis", 2, 0) or 0) % len(call.shapes[0])
    axis = call.given[0][along]
    if not isinstance(count, int):
        call.ids.keep(axis, call.why)
        return call.out({i: a for i, a in enumerate(call.given[0]) if i != along})
    part = None if axis is None else call.ids.tie(axis, count, inner=False)
    return call.out(dict(enumerate(call.given[0])) | {along: part})


def unchanged(call: LayerCall) -> list[Axes]:
    """Follow what changes the length of some axes: those must stay."""
    made = []
    for axis, size, result in zip(call.given[0], call.shapes[0], call.results[0], strict=True):
        if size != result:
            call.ids.keep(axis, call.why)
        made.append(axis if size == result else None)
    return [tuple(made)]


def argument(call: LayerCall, name: str, position: int, default: Any, other: str = "") -> Any:
    """Return an argument of an operation, wherever its Keras keeps it."""
    args, kwargs = call.arguments
    for key in (name, other):
        if key and hasattr(call.layer, key):
            return getattr(call.layer, key)
        if key in kwargs:
            return kwargs[key]
    return args[position] if len(args) > position else default


def _leaves(arguments: Any) -> list[Any]:
    """List what is no tensor of the model in the arguments of a call; lists of tensors are opened."""
    args, kwargs = arguments
    found = []
    for leaf in (*args, *kwargs.values()):
        inside = leaf if isinstance(leaf, (list, tuple)) else [leaf]
        found += [] if any(hasattr(part, "position") for part in inside) else [leaf]
    return found
