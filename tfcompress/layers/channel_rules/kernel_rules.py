"""How channels go through layers with a kernel: dense, convolutions, embedding.

In: a `LayerCall`. Out: the channels along the axes of what comes out; weights, work and settings are noted on the way.
"""

from __future__ import annotations

import numpy as np

from tfcompress.layers.channel_rules.channel_ids import Axes, Axis
from tfcompress.layers.channel_rules.layer_call import LayerCall
from tfcompress.layers.channel_rules.tensor_rules import same

DEPTHWISE = 5
"""How many times as long as any a number takes that is no matrix product, about."""


def dense(call: LayerCall) -> list[Axes]:
    """Follow `Dense`, on the last axis of a tensor of any rank."""
    axes = call.given[0]
    call.hold("kernel", 0, axes[-1])
    made = _activated(call, call.make("kernel", 1))
    call.hold("bias", 0, made, "out", "bias")
    call.set("units", made)
    others = axes[1:-1]
    for axis in others:  # it mixes positions, channel by channel
        call.ids.notice(axis, f"{call.why} adds its bias to channels of zeros")
    sizes = [size for size, axis in zip(call.shapes[0][1:-1], others, strict=True) if axis is None]
    call.count("kernel", sizes, *others)
    return [(*axes[:-1], made)]


def transposed_convolution(call: LayerCall) -> list[Axes]:
    """Follow Conv1D/2D/3DTranspose, whose kernels have outputs before inputs."""
    return convolution(call, transposed=True)


def convolution(call: LayerCall, *, transposed: bool = False) -> list[Axes]:
    """Follow Conv1D/2D/3D, plain or grouped."""
    entering = call.only(call.channel)
    rank = len(call.layer.kernel.shape)
    reads, makes = (rank - 1, rank - 2) if transposed else (rank - 2, rank - 1)
    groups = getattr(call.layer, "groups", 1)
    if groups > 1:
        made = _grouped(call, entering, groups, reads, makes)
    else:
        call.hold("kernel", reads, entering)
        made = call.make("kernel", makes)
    made = _activated(call, made, call.channel)
    call.hold("bias", 0, made, "out", "bias")
    call.set("filters", made)
    call.count("kernel", _pixels(call, call.shapes if transposed else call.results))
    return call.out({call.channel: made})


def _grouped(call: LayerCall, entering: Axis, groups: int, reads: int, makes: int) -> Axis:
    """Take out whole groups, or the same places of each group: whichever leaves more to choose from."""
    inputs, filters = call.layer.kernel.shape[reads], call.layer.kernel.shape[makes] // groups
    if groups >= inputs:
        call.hold("kernel", reads, None)
        if entering is None:
            return call.hold("kernel", makes, None, "along", "kernel")
        whole = call.ids.tie(entering, groups, inner=True)
        call.set("groups", whole, width=False)
        return call.hold("kernel", makes, np.repeat(whole, filters), "along", "kernel")
    made = call.make("kernel", makes)
    if made is not None:
        call.ids.tie(made, groups, inner=False)
    call.hold("kernel", reads, None if entering is None else call.ids.tie(entering, groups, inner=False))
    return made


def depthwise(call: LayerCall) -> list[Axes]:
    """Follow depthwise convolutions: a channel that goes in takes its `depth_multiplier` results with it."""
    entering = call.only(call.channel)
    name = "depthwise_kernel" if hasattr(call.layer, "depthwise_kernel") else "kernel"
    made = _depthwise(call, name, entering, DEPTHWISE - 1)
    call.hold("bias", 0, made, "along", "bias")
    _activated(call, made, call.channel)
    return call.out({call.channel: made})


def separable(call: LayerCall) -> list[Axes]:
    """Follow separable convolutions: depthwise, then pointwise."""
    between = _depthwise(call, "depthwise_kernel", call.only(call.channel), DEPTHWISE)
    rank = len(call.layer.pointwise_kernel.shape)
    call.hold("pointwise_kernel", rank - 2, between)
    made = _activated(call, call.make("pointwise_kernel", rank - 1), call.channel)
    call.hold("bias", 0, made, "out", "bias")
    call.set("filters", made)
    call.count("pointwise_kernel", _pixels(call, call.results))
    return call.out({call.channel: made})


def _depthwise(call: LayerCall, name: str, entering: Axis, weight: int) -> Axis:
    *_, channels, multiplier = shape = getattr(call.layer, name).shape
    pixels = _pixels(call, call.results)
    call.hold(name, len(shape) - 2, entering, "along", "kernel")
    call.count(name, pixels)
    made = None if entering is None else np.repeat(entering, call.layer.depth_multiplier)
    sizes = pixels if made is not None else [*pixels, channels * multiplier]
    call.wait(sizes, [] if made is None else [made], weight)
    return made


def embedding(call: LayerCall) -> list[Axes]:
    """Follow `Embedding`: each number of a vector is a channel."""
    made = call.make("embeddings", 1)
    call.set("output_dim", made)
    return call.out({-1: made})


def einsum_dense(call: LayerCall) -> list[Axes]:
    """Follow `EinsumDense`, letter by letter."""
    equation = call.layer.equation.replace(" ", "")
    if "." in equation:
        return call.keep_whole()
    left, result = equation.split("->")
    entering, kernel = left.split(",")
    known = dict(zip(entering, call.given[0], strict=True))
    for letter in kernel:
        position = kernel.index(letter)
        if letter in entering:
            known[letter] = call.hold("kernel", position, known[letter])
        else:
            known[letter] = call.make("kernel", position)
    axes = [known[letter] for letter in result]
    if len(getattr(call.layer, "bias", None).shape if call.layer.bias is not None else ()) > 0:
        last = result[len(result) - len(call.layer.bias.shape) :]
        for position, letter in enumerate(last):
            if call.layer.bias.shape[position] > 1:
                call.hold("bias", position, known[letter], "out", "bias")
    _activated(call, axes[-1])
    sizes = [
        size
        for letter, size in zip(entering[1:], call.shapes[0][1:], strict=True)
        if letter not in kernel and known[letter] is None
    ]
    call.count("kernel", sizes, *(known[letter] for letter in entering if letter not in kernel))
    partial = call.layer.partial_output_shape if hasattr(call.layer, "partial_output_shape") else call.results[0][1:]
    shape = (partial,) if isinstance(partial, int) else tuple(partial)
    places = axes[len(axes) - len(shape) :]
    kept = [size if axis is None else axis for size, axis in zip(shape, places, strict=True)]
    call.set("output_shape", tuple(kept), width=False)
    return [tuple(axes)]


def _pixels(call: LayerCall, shapes: list[tuple]) -> list[int | None]:
    """Return the sizes of a picture without batch and channels."""
    return [size for index, size in enumerate(shapes[0]) if index not in (0, call.channel)]


def _activated(call: LayerCall, axis: Axis, channel: int = -1) -> Axis:
    """Keep channels that an activation weighs against each other, such as softmax."""
    activation = getattr(call.layer, "activation", None)
    if activation is not None and call.rule_of(activation) is not same:
        name = getattr(activation, "__name__", type(activation).__name__)
        call.ids.keep(axis, f"the activation {name!r} of {call.path}")
    return axis
