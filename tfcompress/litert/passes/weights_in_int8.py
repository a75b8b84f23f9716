"""Weights of four bits are written in 8 bits again, from the float weights that they were rounded from.

CONV_2D(x, int4 weights)  →  CONV_2D(x, int8 weights, a scale for each channel where the int4 ones have such)
"""

from __future__ import annotations

import numpy as np

from tfcompress.litert.graph import Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec

LARGEST = 127
VERSION = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4}
"""The versions of ops that have kernels for int8 weights."""


def write_int8(op: Op, weights: np.ndarray) -> None:
    """Write weights in 8 bits, whatever the op has; the bias is to be written anew behind it.

    Args:
        op: An op with int8 activations.
        weights: Its float weights.
    """
    places = op_spec(op.kind).weights
    value = op.inputs[places.kernel]
    axis = value.quantization.axis if len(value.quantization.scales) > 1 else None
    others = tuple(place for place in range(weights.ndim) if place != axis)
    scales = np.maximum(np.abs(weights).max(axis=others, keepdims=True), 1e-9) / LARGEST
    value.data = np.clip(np.rint(weights / scales), -LARGEST, LARGEST).astype(np.int8)
    value.quantize("int8", scales.reshape(-1), axis or 0)
    op.version = VERSION[op.kind]


def real_numbers(weights: Value) -> np.ndarray:
    """Return the numbers that int8 weights stand for."""
    shape = [1] * len(weights.shape)
    if len(weights.quantization.scales) > 1:
        shape[weights.quantization.axis] = -1
    return (weights.data * weights.quantization.scales.reshape(shape)).astype(np.float32)
