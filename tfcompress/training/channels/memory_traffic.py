"""Which calls write their results, and how slowly: those that a .tflite does not fold into the operator before.

In: a model as calls. Out: the names of the calls that write, with a weight.
"""

from __future__ import annotations

from collections import Counter

from tfcompress.layers.catalogue import layer_spec
from tfcompress.layers.layer_spec import PLAIN_KERNEL, Fusion, LayerSpec
from tfcompress.training.float_graph import Call, CallGraph


def writing(graph: CallGraph) -> dict[str, int]:
    """Name the calls that write to memory what they put out, each with how long a number takes."""
    readers = Counter(tensor for call in graph.calls for tensor in call.inputs)
    makers = {tensor: call for call in graph.calls for tensor in call.outputs}
    specs = {call.name: layer_spec(call.operation) for call in graph.calls}
    folded: set[str] = set()
    kernels: set[str] = set()
    for call in graph.calls:
        spec, before = specs[call.name], makers.get(call.inputs[0]) if call.inputs else None
        alone = before is not None and readers[call.inputs[0]] == 1
        if spec.kernels and Fusion.ABSORBS_NEXT in spec.fusion:
            kernels.add(call.name)
        elif spec.write_cost == 0:
            folded.add(call.name)
        elif Fusion.FUSES_INTO_KERNEL in spec.fusion and alone and before.name in kernels:
            folded.add(call.name)
            kernels.add(call.name)
        elif Fusion.FUSES_INTO_PREVIOUS in spec.fusion and alone and Fusion.ABSORBS_NEXT in specs[before.name].fusion:
            folded.add(call.name)
    return {call.name: _weight(call, specs[call.name]) for call in graph.calls if call.name not in folded}


def _weight(call: Call, spec: LayerSpec) -> int:
    activation = layer_spec(call.operation.activation) if spec.inline_activation else None
    if activation is not None and activation.write_cost == PLAIN_KERNEL:
        return spec.write_cost + PLAIN_KERNEL  # an operator of its own after the kernel
    return spec.write_cost
