"""How channels go through recurrent layers, attention, and layers around a layer.

In: a `LayerCall`. Out: the channels along the axes of what comes out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfcompress.layers.channel_rules.channel_ids import Axes, Axis
from tfcompress.layers.channel_rules.layer_call import LayerCall


def recurrent(call: LayerCall) -> list[Axes]:
    """Follow LSTM, GRU and SimpleRNN: a unit goes with its gates and its row of the recurrent kernel."""
    args, kwargs = call.arguments
    if len(args) > 1 or any(value is not None for name, value in kwargs.items() if name not in ("mask", "training")):
        return call.keep_whole()  # states from elsewhere
    entering = call.only(2)
    kernel = call.layer.cell.kernel
    units = call.layer.cell.recurrent_kernel.shape[0]
    gates = kernel.shape[1] // units
    call.hold("cell.kernel", 0, entering)
    made = call.make("cell.kernel", 1)
    if made is not None:
        unit = call.ids.tie(made, gates, inner=False)
    call.hold("cell.recurrent_kernel", 0, None if made is None else unit)
    call.hold("cell.recurrent_kernel", 1, made, "out")
    bias = getattr(call.layer.cell, "bias", None)
    if bias is not None:
        call.hold("cell.bias", len(bias.shape) - 1, made, "out", "bias")
    unit = None if made is None else unit
    call.set("units", unit)
    for name in ("cell.kernel", "cell.recurrent_kernel"):
        call.count(name, [call.shapes[0][1]])
    return call.out({-1: unit})


def attention(call: LayerCall) -> list[Axes]:
    """Follow `MultiHeadAttention`: whole heads go, in all four of its kernels."""
    args, kwargs = call.arguments
    named = dict(zip(("query", "value", "key"), args, strict=False)) | kwargs
    named["key"] = named.get("key") or named.get("value")
    places = {name: getattr(named.get(name), "position", None) for name in ("query", "value", "key")}
    if None in places.values() or len(call.results) != 1 or any(len(call.given[i]) != 3 for i in places.values()):
        return call.keep_whole()
    followed = [call.given[place] for place in places.values()]
    for index, axes in enumerate(call.given):  # the others are masks
        call.only(*([2] if any(axes is each for each in followed) else []), tensor=index)
    steps = {name: call.shapes[place][1] for name, place in places.items()}
    heads: Axis = None
    for name, place in places.items():
        part = f"_{name}_dense"
        call.hold(f"{part}.kernel", 0, call.given[place][2])
        made = call.make(f"{part}.kernel", 1)
        heads = made if heads is None else call.ids.join(heads, made, call.why)
        call.hold(f"{part}.bias", 0, made, "out", "bias")
        call.count(f"{part}.kernel", [steps[name]])
    call.hold("_output_dense.kernel", 0, heads)
    made = call.make("_output_dense.kernel", 2)
    call.hold("_output_dense.bias", 0, made, "out", "bias")
    call.count("_output_dense.kernel", [steps["query"]])
    depth = call.layer._query_dense.kernel.shape[2] + call.layer._value_dense.kernel.shape[2]
    call.multiply([steps["query"], steps["value"], depth], heads)
    call.set("num_heads", heads, width=False)
    call.set("output_shape", (made,))
    return call.out({-1: made})


def bidirectional(call: LayerCall) -> list[Axes]:
    """Follow `Bidirectional` around a recurrent layer; both directions keep the same units."""
    if call.rule_of(call.layer.forward_layer) is not recurrent:
        return call.unfollowed()
    ways = [
        recurrent(replace(call, layer=layer, path=f"{call.path}/{layer.name}"))[0][-1]
        for layer in (call.layer.forward_layer, call.layer.backward_layer)
    ]
    axis = call.ids.join(*ways, call.why)
    if call.layer.merge_mode == "concat":
        axis = None if axis is None else np.concatenate(ways)
    elif len(call.results) != 1:
        return call.keep_whole()
    return call.out({-1: axis})


def distributed(call: LayerCall) -> list[Axes]:
    """Follow `TimeDistributed`: the layer inside, at each step."""
    rule = call.rule_of(call.layer.layer)
    if rule is None:
        return call.unfollowed()
    call.ids.keep(call.given[0][1], call.why)
    steps = call.shapes[0][1]
    before = len(call.ids.work)
    inner = rule(
        replace(
            call,
            layer=call.layer.layer,
            given=[(axes[0], *axes[2:]) for axes in call.given],
            shapes=[(shape[0], *shape[2:]) for shape in call.shapes],
            results=[(shape[0], *shape[2:]) for shape in call.results],
        )
    )
    for index in range(before, len(call.ids.work)):
        work = call.ids.work[index]
        if steps is None:
            call.ids.unsized.add(call.path)
        call.ids.work[index] = replace(work, factor=work.factor * (steps or 1))
    return [(axes[0], None, *axes[1:]) for axes in inner]
