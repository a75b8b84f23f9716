"""Which calls write their results, and how slowly: those that a .tflite does not fold into the operator before.

In: a model as calls. Out: the names of the calls that write, with a weight. Knows nothing of channels.
"""

from __future__ import annotations

from collections import Counter

from tfcompress.training.channels.kernel_rules import name_of
from tfcompress.training.channels.site import kind_of
from tfcompress.training.float_graph import Call, Graph

_KERNELS = ("Dense", "Conv", "DepthwiseConv", "SeparableConv")
_FUSING = ("Add", "add", "Subtract", "sub", "Multiply", "mul", "MaxPool", "AveragePool", "BatchNorm")
_GONE = ("Dropout", "SpatialDropout", "Gaussian", "AlphaDropout", "StochasticDepth", "Identity", "Reshape", "Flatten")
_PLAIN = ("averagepool", "adaptiveaveragepool", "softmax", "hardswish", "hardsilu")
"""How names of layers and operations begin; adaptive pooling becomes average pools with a stride of 1."""
PLAIN = 10
"""How many times as long a number takes, at least, in int8 kernels that LiteRT has only in plain C++."""


def writing(graph: Graph) -> dict[str, int]:
    """Name the calls that write to memory what they put out, each with how long a number takes."""
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
    return {call.name: _weight(call) for call in graph.calls if call.name not in folded}


def _weight(call: Call) -> int:
    kind, activation = kind_of(call.operation), name_of(getattr(call.operation, "activation", None))
    if _is_plain(kind) or (kind == "Activation" and _is_plain(activation)):
        return PLAIN
    return 1 + PLAIN if _is_plain(activation) else 1  # an operator of its own after the kernel


def _is_plain(name: str) -> bool:
    return name.lower().replace("_", "").startswith(_PLAIN)


def _is_relu(call: Call, kind: str) -> bool:
    name = name_of(call.operation.activation) if kind == "Activation" else kind
    return name.lower() in ("relu", "relu6", "linear")
