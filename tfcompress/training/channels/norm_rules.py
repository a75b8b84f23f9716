"""How channels go through layers that scale or shift each channel.

In: a `Site`. Out: the channels along the axes of what comes out. Knows nothing of the rest of the model.
"""

from __future__ import annotations

import numpy as np

from tfcompress.training.channels.ledger import Axes
from tfcompress.training.channels.site import Site


def batch_norm(site: Site) -> list[Axes]:
    """Follow `BatchNormalization`."""
    positions = _positions(site)
    if len(positions) != 1:
        return site.keep_whole()
    axis = site.given[0][positions[0]]
    site.hold("gamma", 0, axis, "along", "scale")
    site.hold("beta", 0, axis, "along", "shift")
    for name in ("moving_mean", "moving_variance"):
        site.hold(name, 0, axis, "along")
    return site.given[:1]


def layer_norm(site: Site) -> list[Axes]:
    """Follow `LayerNormalization` and `RMSNormalization`: their means change with the number of channels."""
    for index, position in enumerate(_positions(site)):
        axis = site.given[0][position]
        for name in ("gamma", "beta", "scale"):
            site.hold(name, index, axis, "along")
        site.ledger.notice(axis, f"{site.why} takes its mean over the channels that are left")
    return site.given[:1]


def group_norm(site: Site) -> list[Axes]:
    """Follow `GroupNormalization`: whole groups go, so that those left are as they were."""
    (position,) = _positions(site)
    axis = site.given[0][position]
    groups, size = site.layer.groups, site.shapes[0][position]
    if axis is not None and groups == 1:
        return layer_norm(site)
    if axis is not None and groups not in (-1, size):
        site.set("groups", site.ledger.tie(axis, groups, inner=True), width=False)
    elif axis is not None and groups == size:
        site.set("groups", axis, width=False)
    for name in ("gamma", "beta"):
        site.hold(name, 0, axis, "along")
    return site.given[:1]


def layer_scale(site: Site) -> list[Axes]:
    """Follow the `LayerScale` of ConvNeXt: a factor for each channel."""
    site.hold("gamma", 0, site.given[0][-1], "along")
    site.set("projection_dim", site.given[0][-1])
    return site.given[:1]


def prelu(site: Site) -> list[Axes]:
    """Follow `PReLU`: a slope for each channel or each position, whatever axes it shares."""
    for index, size in enumerate(site.layer.alpha.shape):
        if size == site.shapes[0][index + 1] and (index + 1) not in (site.layer.shared_axes or ()):
            site.hold("alpha", index, site.given[0][index + 1], "along")
    return site.given[:1]


def rescaling(site: Site) -> list[Axes]:
    """Follow `Rescaling` by one factor and one offset; a list of them belongs to channels that must stay."""
    if np.size(site.layer.scale) > 1 or np.size(site.layer.offset) > 1:
        site.keep_whole()
    return site.given[:1]


def softmax(site: Site) -> list[Axes]:
    """Keep the channels that are weighed against each other."""
    for position in _positions(site):
        site.ledger.keep(site.given[0][position], site.why)
    return site.given[:1]


def _positions(site: Site) -> list[int]:
    axis = getattr(site.layer, "axis", -1)
    return [position % len(site.shapes[0]) for position in (axis if isinstance(axis, (list, tuple)) else [axis])]
