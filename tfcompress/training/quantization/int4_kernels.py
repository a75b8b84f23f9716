"""Which kernels of a model train with four bits.

In: the plan of a float model's calls, and the layers that the user keeps at 8 bits. Out: pairs of layer and kernel.
Without a wish of the user's the first and the last layers with kernels and depthwise kernels, which lose most and hold
least, keep 8 bits, as in a file that is calibrated.
"""

from __future__ import annotations

from collections.abc import Collection

from tfcompress.int4 import shares_scales
from tfcompress.network_ends import first_and_last
from tfcompress.training.float_graph import CallGraph
from tfcompress.training.quantization.fake_quant_placement import Plan

Kernels = frozenset[tuple[int, str]]
"""The `id` of a layer and the name of its kernel."""


def int4_kernels(graph: CallGraph, plans: Collection[Plan], keep_int8: Collection[str] | None) -> Kernels:
    """Choose the kernels of four bits.

    Args:
        graph: The flat graph of a float model.
        plans: What becomes of its calls.
        keep_int8: Paths of layers that keep 8 bits; None: those that lose most.
    """
    weighted = {plan.call.name for plan in plans if plan.spec.kernels and not plan.inline}
    folding = {plan.kernel.name for plan in plans if plan.norm is not None and plan.kernel is not None}
    ends = first_and_last(
        graph.calls, lambda call: call.name in weighted, lambda call: call.inputs, lambda call: call.outputs
    )
    end_names = {call.name for call in ends}
    chosen, kept = set(), set()
    for plan in plans:
        layer = plan.call.operation
        for name, layout in plan.spec.kernels.items():
            if plan.inline or not hasattr(layer, name):
                continue
            by_rule = plan.call.name in end_names or layout.outputs_last
            stays = by_rule if keep_int8 is None else plan.call.path in keep_int8
            # A norm gives each output a scale of its own, and one scale is all that a dense layer has in four bits.
            scattered = layout.int4_scales == () and plan.call.name in folding
            able = layout.int4_scales is not None and plan.spec.result != "float" and not scattered
            able = able and shares_scales(tuple(getattr(layer, name).shape), layout.int4_scales)
            (kept if stays or not able else chosen).add((id(layer), name))
    return frozenset(chosen - kept)  # a layer that is called twice has one kernel
