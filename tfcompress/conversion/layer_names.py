"""Which Keras layer a tensor of a .tflite file comes from.

In: tensor names, which hold the scopes that Keras opened, and layer paths. Out: layer path by tensor name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

KERNEL_OP = re.compile(r"/(conv\w*|depthwise|\w*matmul|einsum|tensordot)\w*(/[^/]*)?$", re.IGNORECASE)


def layer_map(tensor_names: Iterable[str], paths: Sequence[str], root: str) -> dict[str, str]:
    """Map tensor names to the deepest layer they name; what names no layer is left out.

    Args:
        tensor_names: Such as "net_1/block_1/conv_1/convolution;net_1/block_1/relu_1/Relu".
        paths: Layer paths, such as "block/conv".
        root: The name of the model, which begins each scope.
    """
    found = {}
    for name in tensor_names:
        # A fused op carries the names of all it was made of: the layer with the kernel is the one it is known by.
        parts = name.split(";")
        for part in [part for part in parts if KERNEL_OP.search(part)] + parts[::-1]:
            path = _deepest(part, paths, root)
            if path:
                found[name] = path
                break
    return found


def layers_of(tensor_name: str, paths: Sequence[str], root: str) -> set[str]:
    """Return the paths of all layers that became one op; a fused op carries the names of all."""
    return {path for part in tensor_name.split(";") if (path := _deepest(part, paths, root))}


def _deepest(name: str, paths: Sequence[str], root: str) -> str | None:
    scopes = name.split("/")
    # Keras 3 opens each scope a second time, so that every name ends in "_1", the root's too.
    again = next((scope == f"{root}_1" for scope in scopes if re.fullmatch(rf"{re.escape(root)}(_\d+)?", scope)), False)
    plain = [re.sub(r"_\d+$", "", scope) if again else scope for scope in scopes]
    best, best_depth = None, 0
    for path in paths:
        steps = path.split("/")
        if len(steps) > best_depth and (_within(steps, plain) or _within(steps, scopes)):
            best, best_depth = path, len(steps)
    return best


def _within(steps: Sequence[str], scopes: Sequence[str]) -> bool:
    """Tell whether all steps stand among the scopes, in this order."""
    rest = iter(scopes)
    return all(step in rest for step in steps)
