"""Dense layers: plain, and by an equation.

In: a layer. Out: its spec.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers.channel_rules import kernel_rules
from tfcompress.layers.example import FLAT, LINE, layer
from tfcompress.layers.kernels import kernel_spec, with_bias_behind, with_kernels_of
from tfcompress.layers.layer_spec import Fusion, KernelLayout, LayerSpec

DENSE = {"kernel": KernelLayout(int4_scales=(), rounds_once=True)}


def einsum_layouts(layer: Any) -> dict[str, KernelLayout]:
    """Return the axes of an EinsumDense kernel: its equation does not sum over those of outputs."""
    letters = _letters(layer)
    if letters is None:
        return DENSE
    x, kernel, result = letters
    outputs = tuple(axis for axis, letter in enumerate(kernel) if letter in result)
    inputs = tuple(axis for axis in range(len(kernel)) if axis not in outputs)
    # A kernel for each index of an input makes a BATCH_MATMUL, all others a FULLY_CONNECTED.
    four = None if {*x} & {*kernel} & {*result} else ()
    return {"kernel": KernelLayout(outputs, inputs, outputs, int4_scales=four, scales_bias=False)}


def by_equation(spec: LayerSpec, layer: Any) -> LayerSpec:
    """Fill in the axes of the kernel, and whether its op adds the bias and takes in what comes behind it.

    FULLY_CONNECTED adds a number for each of its outputs, which are the kernel's in that order. BATCH_MATMUL, which
    has a kernel for each index of an axis of the input, adds none and takes no ReLU in. Where outputs are two axes, a
    RESHAPE stands between the op and a norm of the last one.
    """
    letters, layouts = _letters(layer), einsum_layouts(layer)
    if letters is None:
        return spec.but(kernels=layouts)
    x, kernel, result = letters
    outputs = "".join(letter for letter in kernel if letter in result)
    by_batch, biased = not {*outputs}.isdisjoint(x), getattr(layer, "bias", None) is not None
    if biased and (by_batch or {*layer.bias_axes} != {*outputs} or not result.endswith(outputs)):
        return spec.but(kernels=layouts, rounded=with_bias_behind(layouts), bias=False)
    fusion, takes_norms = Fusion.NONE if by_batch else spec.fusion, len(outputs) == 1 and not by_batch
    return spec.but(kernels=layouts, rounded=with_kernels_of(layouts), fusion=fusion, bias=takes_norms)


def _letters(layer: Any) -> list[str] | None:
    """Return the axes of input, kernel and result by the letters of an equation."""
    equation = getattr(layer, "equation", "").replace(" ", "").replace("...", "")
    return equation.replace("->", ",").split(",") if "->" in equation else None


_EXAMPLES = (
    layer("Dense", 5, activation="softmax", shape=FLAT),
    layer("Dense", 5, shape=LINE, title="Dense on a sequence"),
)
_EINSUM = layer("EinsumDense", "abc,cde->abde", (None, 2, 3), shape=LINE)

SPECS = (
    kernel_spec(DENSE, kernel_rules.dense, names=("Dense",), examples=_EXAMPLES),
    kernel_spec(DENSE, kernel_rules.einsum_dense, names=("EinsumDense",), examples=(_EINSUM,), of_settings=by_equation),
)
