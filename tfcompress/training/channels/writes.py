"""Which calls write their results: those that a .tflite does not fold into the operator before.

In: a model as calls. Out: the names of the calls that write. Knows nothing of channels.
"""

from __future__ import annotations

from collections import Counter

from tfcompress.training.channels.kernel_rules import name_of
from tfcompress.training.channels.site import kind_of
from tfcompress.training.float_graph import Call, Graph

_KERNELS = ("Dense", "Conv", "DepthwiseConv", "SeparableConv")
_FUSING = ("Add", "add", "Subtract", "sub", "Multiply", "mul", "MaxPooling", "AveragePooling", "BatchNorm")
_GONE = ("Dropout", "SpatialDropout", "Gaussian", "AlphaDropout", "StochasticDepth", "Identity", "Reshape", "Flatten")


def writing(graph: Graph) -> set[str]:
    """Name the calls that write to memory what they put out."""
    readers = Counter(tensor for call in graph.calls for tensor in call.inputs)
    makers = {tensor: call for call in graph.calls for tensor in call.outputs}
    folded: set[str] = set()
    kernels: set[str] = set()
    for call in graph.calls:
        kind, before = kind_of(call.operation), makers.get(call.inputs[0]) if call.inputs else None
        alone = before is not None and readers[call.inputs[0]] == 1
        if kind.startswith(_KERNELS):
            kernels.add(call.name)
        elif kind.startswith(_GONE):
            folded.add(call.name)
        elif kind.endswith("BatchNormalization") and alone and before.name in kernels:
            folded.add(call.name)
            kernels.add(call.name)
        elif (
            _is_relu(call, kind) and alone and (before.name in kernels or kind_of(before.operation).startswith(_FUSING))
        ):
            folded.add(call.name)
    return {call.name for call in graph.calls} - folded


def _is_relu(call: Call, kind: str) -> bool:
    name = name_of(call.operation.activation) if kind == "Activation" else kind
    return name.lower() in ("relu", "relu6", "linear")
