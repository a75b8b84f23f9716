"""How channels go through layers with a kernel: dense, convolutions, embedding.

In: a `Site`. Out: the channels along the axes of what comes out; weights, work and settings are noted on the way.
Knows nothing of the rest of the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfcompress.training.channels.ledger import Axes, Axis
from tfcompress.training.channels.site import Site

_NAMES = (
    "linear relu relu6 leaky_relu elu selu gelu silu swish softplus softsign tanh sigmoid hard_sigmoid hard_silu "
    "hard_swish hard_tanh exponential mish celu squareplus hard_shrink soft_shrink tanh_shrink threshold log_sigmoid "
    "sparse_plus sparse_sigmoid ReLU LeakyReLU ELU"
)
ELEMENTWISE = frozenset(_NAMES.split())
"""Activations that look at one number at a time."""
DEPTHWISE = 5
"""How many times as long as any a number takes that is no matrix product, about."""


def dense(site: Site) -> list[Axes]:
    """Follow `Dense`, on the last axis of a tensor of any rank."""
    axes = site.given[0]
    site.hold("kernel", 0, axes[-1])
    made = _activated(site, site.make("kernel", 1))
    site.hold("bias", 0, made, "out", "bias")
    site.set("units", made)
    others = axes[1:-1]
    for axis in others:  # it mixes positions, channel by channel
        site.ledger.notice(axis, f"{site.why} adds its bias to channels of zeros")
    sizes = [size for size, axis in zip(site.shapes[0][1:-1], others, strict=True) if axis is None]
    site.count("kernel", sizes, *others)
    return [(*axes[:-1], made)]


def convolution(site: Site) -> list[Axes]:
    """Follow Conv1D/2D/3D, transposed or grouped."""
    entering = site.only(site.channel)
    rank = len(site.layer.kernel.shape)
    transposed = "Transpose" in type(site.layer).__name__
    reads, makes = (rank - 1, rank - 2) if transposed else (rank - 2, rank - 1)
    groups = getattr(site.layer, "groups", 1)
    if groups > 1:
        made = _grouped(site, entering, groups, reads, makes)
    else:
        site.hold("kernel", reads, entering)
        made = site.make("kernel", makes)
    made = _activated(site, made, site.channel)
    site.hold("bias", 0, made, "out", "bias")
    site.set("filters", made)
    site.count("kernel", _pixels(site, site.shapes if transposed else site.results))
    return site.out({site.channel: made})


def _grouped(site: Site, entering: Axis, groups: int, reads: int, makes: int) -> Axis:
    """Take out whole groups, or the same places of each group: whichever leaves more to choose from."""
    inputs, filters = site.layer.kernel.shape[reads], site.layer.kernel.shape[makes] // groups
    if groups >= inputs:
        site.hold("kernel", reads, None)
        if entering is None:
            return site.hold("kernel", makes, None, "along", "kernel")
        whole = site.ledger.tie(entering, groups, inner=True)
        site.set("groups", whole, width=False)
        return site.hold("kernel", makes, np.repeat(whole, filters), "along", "kernel")
    made = site.make("kernel", makes)
    if made is not None:
        site.ledger.tie(made, groups, inner=False)
    site.hold("kernel", reads, None if entering is None else site.ledger.tie(entering, groups, inner=False))
    return made


def depthwise(site: Site) -> list[Axes]:
    """Follow depthwise convolutions: a channel that goes in takes its `depth_multiplier` results with it."""
    entering = site.only(site.channel)
    name = "depthwise_kernel" if hasattr(site.layer, "depthwise_kernel") else "kernel"
    made = _depthwise(site, name, entering, DEPTHWISE - 1)
    site.hold("bias", 0, made, "along", "bias")
    _activated(site, made, site.channel)
    return site.out({site.channel: made})


def separable(site: Site) -> list[Axes]:
    """Follow separable convolutions: depthwise, then pointwise."""
    between = _depthwise(site, "depthwise_kernel", site.only(site.channel), DEPTHWISE)
    rank = len(site.layer.pointwise_kernel.shape)
    site.hold("pointwise_kernel", rank - 2, between)
    made = _activated(site, site.make("pointwise_kernel", rank - 1), site.channel)
    site.hold("bias", 0, made, "out", "bias")
    site.set("filters", made)
    site.count("pointwise_kernel", _pixels(site, site.results))
    return site.out({site.channel: made})


def _depthwise(site: Site, name: str, entering: Axis, weight: int) -> Axis:
    *_, channels, multiplier = shape = getattr(site.layer, name).shape
    pixels = _pixels(site, site.results)
    site.hold(name, len(shape) - 2, entering, "along", "kernel")
    site.count(name, pixels)
    made = None if entering is None else np.repeat(entering, site.layer.depth_multiplier)
    sizes = pixels if made is not None else [*pixels, channels * multiplier]
    site.wait(sizes, [] if made is None else [made], weight)
    return made


def embedding(site: Site) -> list[Axes]:
    """Follow `Embedding`: each number of a vector is a channel."""
    made = site.make("embeddings", 1)
    site.set("output_dim", made)
    return site.out({-1: made})


def einsum_dense(site: Site) -> list[Axes]:
    """Follow `EinsumDense`, letter by letter."""
    equation = site.layer.equation.replace(" ", "")
    if "." in equation:
        return site.keep_whole()
    left, result = equation.split("->")
    entering, kernel = left.split(",")
    known = dict(zip(entering, site.given[0], strict=True))
    for letter in kernel:
        position = kernel.index(letter)
        if letter in entering:
            known[letter] = site.hold("kernel", position, known[letter])
        else:
            known[letter] = site.make("kernel", position)
    axes = [known[letter] for letter in result]
    if len(getattr(site.layer, "bias", None).shape if site.layer.bias is not None else ()) > 0:
        last = result[len(result) - len(site.layer.bias.shape) :]
        for position, letter in enumerate(last):
            if site.layer.bias.shape[position] > 1:
                site.hold("bias", position, known[letter], "out", "bias")
    _activated(site, axes[-1])
    sizes = [
        size
        for letter, size in zip(entering[1:], site.shapes[0][1:], strict=True)
        if letter not in kernel and known[letter] is None
    ]
    site.count("kernel", sizes, *(known[letter] for letter in entering if letter not in kernel))
    partial = site.layer.partial_output_shape if hasattr(site.layer, "partial_output_shape") else site.results[0][1:]
    shape = (partial,) if isinstance(partial, int) else tuple(partial)
    places = axes[len(axes) - len(shape) :]
    kept = [size if axis is None else axis for size, axis in zip(shape, places, strict=True)]
    site.set("output_shape", tuple(kept), width=False)
    return [tuple(axes)]


def _pixels(site: Site, shapes: list[tuple]) -> list[int | None]:
    """Return the sizes of a picture without batch and channels."""
    return [size for index, size in enumerate(shapes[0]) if index not in (0, site.channel)]


def _activated(site: Site, axis: Axis, channel: int = -1) -> Axis:
    """Keep channels that an activation weighs against each other, such as softmax."""
    activation = getattr(site.layer, "activation", None)
    if activation is not None and name_of(activation) not in ELEMENTWISE:
        site.ledger.keep(axis, f"the activation {name_of(activation)!r} of {site.path}")
    return axis


def name_of(activation: Any) -> str:
    """Return the name of an activation: a function, or a layer in its place."""
    return getattr(activation, "__name__", type(activation).__name__)
