"""Dense layers: plain, and by an equation.

In: a layer. Out: its spec.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers.channel_rules import kernel_rules
from tfcompress.layers.example import FLAT, LINE, layer
from tfcompress.layers.kernels import kernel_spec, with_kernels_of
from tfcompress.layers.layer_spec import KernelLayout, LayerSpec

DENSE = {"kernel": KernelLayout(int4_scales=(), rounds_once=True)}


def einsum_layouts(layer: Any) -> dict[str, KernelLayout]:
    """Return the axes of an EinsumDense kernel: its equation does not sum over those of outputs."""
    if "->" not in getattr(layer, "equation", ""):
        return DENSE
    _, kernel, result = layer.equation.replace(" ", "").replace("->", ",").split(",")
    outputs = tuple(axis for axis, letter in enumerate(kernel) if letter in result)
    inputs = tuple(axis for axis in range(len(kernel)) if axis not in outputs)
    return {"kernel": KernelLayout(scales=outputs, inputs=inputs, outputs=outputs, scales_bias=False)}


def by_equation(spec: LayerSpec, layer: Any) -> LayerSpec:
    """Fill in the axes of the kernel."""
    layouts = einsum_layouts(layer)
    return spec.but(kernels=layouts, rounded=with_kernels_of(layouts))


_EXAMPLES = (
    layer("Dense", 5, activation="softmax", shape=FLAT),
    layer("Dense", 5, shape=LINE, title="Dense on a sequence"),
)
_EINSUM = layer("EinsumDense", "abc,cde->abde", (None, 2, 3), shape=LINE)

SPECS = (
    kernel_spec(DENSE, kernel_rules.dense, names=("Dense",), examples=_EXAMPLES),
    kernel_spec(DENSE, kernel_rules.einsum_dense, names=("EinsumDense",), examples=(_EINSUM,), of_settings=by_equation),
)
