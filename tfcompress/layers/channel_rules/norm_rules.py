"""How channels go through layers that scale or shift each channel.

In: a `LayerCall`. Out: the channels along the axes of what comes out.
"""

from __future__ import annotations

import numpy as np

from tfcompress.layers.channel_rules.channel_ids import Axes
from tfcompress.layers.channel_rules.layer_call import LayerCall
from tfcompress.layers.channel_rules.tensor_rules import argument


def batch_norm(call: LayerCall) -> list[Axes]:
    """Follow `BatchNormalization`."""
    positions = _positions(call)
    if len(positions) != 1:
        return call.keep_whole()
    axis = call.given[0][positions[0]]
    call.hold("gamma", 0, axis, "along", "scale")
    call.hold("beta", 0, axis, "along", "shift")
    for name in ("moving_mean", "moving_variance"):
        call.hold(name, 0, axis, "along")
    return call.given[:1]


def layer_norm(call: LayerCall) -> list[Axes]:
    """Follow `LayerNormalization` and `RMSNormalization`: their means change with the number of channels."""
    for index, position in enumerate(_positions(call)):
        axis = call.given[0][position]
        for name in ("gamma", "beta", "scale"):
            call.hold(name, index, axis, "along")
        call.ids.notice(axis, f"{call.why} takes its mean over the channels that are left")
    return call.given[:1]


def group_norm(call: LayerCall) -> list[Axes]:
    """Follow `GroupNormalization`: whole groups go, so that those left are as they were."""
    (position,) = _positions(call)
    axis = call.given[0][position]
    groups, size = call.layer.groups, call.shapes[0][position]
    if axis is not None and groups == 1:
        return layer_norm(call)
    if axis is not None and groups not in (-1, size):
        call.set("groups", call.ids.tie(axis, groups, inner=True), width=False)
    elif axis is not None and groups == size:
        call.set("groups", axis, width=False)
    for name in ("gamma", "beta"):
        call.hold(name, 0, axis, "along")
    return call.given[:1]


def layer_scale(call: LayerCall) -> list[Axes]:
    """Follow the `LayerScale` of ConvNeXt: a factor for each channel."""
    call.hold("gamma", 0, call.given[0][-1], "along")
    call.set("projection_dim", call.given[0][-1])
    return call.given[:1]


def prelu(call: LayerCall) -> list[Axes]:
    """Follow `PReLU`: a slope for each channel or each position, whatever axes it shares."""
    for index, size in enumerate(call.layer.alpha.shape):
        if size == call.shapes[0][index + 1] and (index + 1) not in (call.layer.shared_axes or ()):
            call.hold("alpha", index, call.given[0][index + 1], "along")
    return call.given[:1]


def rescaling(call: LayerCall) -> list[Axes]:
    """Follow `Rescaling` by one factor and one offset; a list of them belongs to channels that must stay."""
    if np.size(call.layer.scale) > 1 or np.size(call.layer.offset) > 1:
        call.keep_whole()
    return call.given[:1]


def softmax(call: LayerCall) -> list[Axes]:
    """Keep the channels that are weighed against each other."""
    axes = argument(call, "axis", 1, -1)
    for axis in axes if isinstance(axes, (list, tuple)) else [-1 if axes is None else axes]:
        call.ids.keep(call.given[0][axis], call.why)
    return call.given[:1]


def _positions(call: LayerCall) -> list[int]:
    axis = getattr(call.layer, "axis", -1)
    return [position % len(call.shapes[0]) for position in (axis if isinstance(axis, (list, tuple)) else [axis])]
