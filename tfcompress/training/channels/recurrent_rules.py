"""How channels go through recurrent layers, attention, and layers around a layer.

In: a `Site`. Out: the channels along the axes of what comes out. Knows nothing of the rest of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tfcompress.training.channels.ledger import Axes, Axis
from tfcompress.training.channels.site import Site


def recurrent(site: Site) -> list[Axes]:
    """Follow LSTM, GRU and SimpleRNN: a unit goes with its gates and its row of the recurrent kernel."""
    args, kwargs = site.arguments
    if len(args) > 1 or any(value is not None for name, value in kwargs.items() if name not in ("mask", "training")):
        return site.keep_whole()  # states from elsewhere
    entering = site.only(2)
    kernel = site.layer.cell.kernel
    units = site.layer.cell.recurrent_kernel.shape[0]
    gates = kernel.shape[1] // units
    site.hold("cell.kernel", 0, entering)
    made = site.make("cell.kernel", 1)
    if made is not None:
        unit = site.ledger.tie(made, gates, inner=False)
    site.hold("cell.recurrent_kernel", 0, None if made is None else unit)
    site.hold("cell.recurrent_kernel", 1, made, "out")
    bias = getattr(site.layer.cell, "bias", None)
    if bias is not None:
        site.hold("cell.bias", len(bias.shape) - 1, made, "out", "bias")
    unit = None if made is None else unit
    site.set("units", unit)
    for name in ("cell.kernel", "cell.recurrent_kernel"):
        site.count(name, [site.shapes[0][1]])
    return site.out({-1: unit})


def attention(site: Site) -> list[Axes]:
    """Follow `MultiHeadAttention`: whole heads go, in all four of its kernels."""
    args, kwargs = site.arguments
    named = dict(zip(("query", "value", "key"), args, strict=False)) | kwargs
    named["key"] = named.get("key") or named.get("value")
    places = {name: getattr(named.get(name), "position", None) for name in ("query", "value", "key")}
    if None in places.values() or len(site.results) != 1 or any(len(site.given[i]) != 3 for i in places.values()):
        return site.keep_whole()
    followed = [site.given[place] for place in places.values()]
    for index, axes in enumerate(site.given):  # the others are masks
        site.only(*([2] if any(axes is each for each in followed) else []), tensor=index)
    steps = {name: site.shapes[place][1] for name, place in places.items()}
    heads: Axis = None
    for name, place in places.items():
        part = f"_{name}_dense"
        site.hold(f"{part}.kernel", 0, site.given[place][2])
        made = site.make(f"{part}.kernel", 1)
        heads = made if heads is None else site.ledger.join(heads, made, site.why)
        site.hold(f"{part}.bias", 0, made, "out", "bias")
        site.count(f"{part}.kernel", [steps[name]])
    site.hold("_output_dense.kernel", 0, heads)
    made = site.make("_output_dense.kernel", 2)
    site.hold("_output_dense.bias", 0, made, "out", "bias")
    site.count("_output_dense.kernel", [steps["query"]])
    depth = site.layer._query_dense.kernel.shape[2] + site.layer._value_dense.kernel.shape[2]
    site.multiply([steps["query"], steps["value"], depth], heads)
    site.set("num_heads", heads, width=False)
    site.set("output_shape", (made,))
    return site.out({-1: made})


def bidirectional(site: Site) -> list[Axes]:
    """Follow `Bidirectional` around a recurrent layer; both directions keep the same units."""
    ways = [
        recurrent(replace(site, layer=layer, path=f"{site.path}/{layer.name}"))[0][-1]
        for layer in (site.layer.forward_layer, site.layer.backward_layer)
    ]
    axis = site.ledger.join(*ways, site.why)
    if site.layer.merge_mode == "concat":
        axis = None if axis is None else np.concatenate(ways)
    elif len(site.results) != 1:
        return site.keep_whole()
    return site.out({-1: axis})


def distributed(site: Site, rule: Callable[[Site], list[Axes]]) -> list[Axes]:
    """Follow `TimeDistributed`: the layer inside, at each step."""
    site.ledger.keep(site.given[0][1], site.why)
    steps = site.shapes[0][1]
    before = len(site.ledger.work)
    inner = rule(
        replace(
            site,
            layer=site.layer.layer,
            given=[(axes[0], *axes[2:]) for axes in site.given],
            shapes=[(shape[0], *shape[2:]) for shape in site.shapes],
            results=[(shape[0], *shape[2:]) for shape in site.results],
        )
    )
    for index in range(before, len(site.ledger.work)):
        work = site.ledger.work[index]
        if steps is None:
            site.ledger.unsized.add(site.path)
        site.ledger.work[index] = replace(work, factor=work.factor * (steps or 1))
    return [(axes[0], None, *axes[1:]) for axes in inner]
