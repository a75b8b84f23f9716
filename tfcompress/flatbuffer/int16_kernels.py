"""What LiteRT's kernels on int16 activations want: versions, int8 weights, shared and fixed scales.

Source: the kernels and `tensorflow/lite/tools/versioning/op_version.cc` of TensorFlow 2.21.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """Where an op with int8 weights has its inputs, and along which axis of the kernel scales differ."""

    data: int
    kernel: int
    bias: int
    axis: int | None
    """None: one scale for the whole kernel (per-tensor)."""


WEIGHTS = {
    "CONV_2D": Weights(0, 1, 2, 0),
    "DEPTHWISE_CONV_2D": Weights(0, 1, 2, 3),
    # Per-tensor: CMSIS-NN, the kernels of most microcontrollers, refuses int16 with a scale for each output.
    "FULLY_CONNECTED": Weights(0, 1, 2, None),
    "TRANSPOSE_CONV": Weights(2, 1, 3, 0),
}

FIXED = ("LOGISTIC", "TANH", "SOFTMAX")
"""Their results have the scale 1 / 32768."""

SHARED = (
    "AVERAGE_POOL_2D",
    "BATCH_TO_SPACE_ND",
    "CONCATENATION",
    "GATHER",
    "GATHER_ND",
    "MAXIMUM",
    "MAX_POOL_2D",
    "MINIMUM",
    "MIRROR_PAD",
    "PACK",
    "PAD",
    "PADV2",
    "REDUCE_MAX",
    "REDUCE_MIN",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "SELECT_V2",
    "SLICE",
    "SPACE_TO_BATCH_ND",
    "SPLIT",
    "SPLIT_V",
    "SQUEEZE",
    "EXPAND_DIMS",
    "STRIDED_SLICE",
    "TILE",
    "TRANSPOSE",
    "UNPACK",
)
"""All their activations have one scale."""

VERSIONS = {
    "CONV_2D": 4,
    "DEPTHWISE_CONV_2D": 5,
    "FULLY_CONNECTED": 7,
    "TRANSPOSE_CONV": 3,
    "BATCH_MATMUL": 3,
    "ADD": 3,
    "SUB": 5,
    "MUL": 4,
    "MEAN": 3,
    "SUM": 2,
    "ABS": 3,
    "RSQRT": 3,
    "EXP": 2,
    "LOG": 2,
    "LEAKY_RELU": 2,
    "RELU": 3,
    "RELU6": 3,
    "LOGISTIC": 3,
    "TANH": 3,
    "SOFTMAX": 3,
    "AVERAGE_POOL_2D": 3,
    "MAX_POOL_2D": 3,
    "CONCATENATION": 3,
    "GATHER": 4,
    "GATHER_ND": 3,
    "MAXIMUM": 4,
    "MINIMUM": 4,
    "MIRROR_PAD": 3,
    "PACK": 3,
    "PAD": 3,
    "PADV2": 3,
    "REDUCE_MAX": 3,
    "REDUCE_MIN": 3,
    "RESHAPE": 1,
    "RESIZE_BILINEAR": 4,
    "RESIZE_NEAREST_NEIGHBOR": 4,
    "SELECT_V2": 1,
    "SLICE": 4,
    "SPACE_TO_BATCH_ND": 4,
    "BATCH_TO_SPACE_ND": 4,
    "SPLIT": 4,
    "SPLIT_V": 2,
    "SQUEEZE": 1,
    "EXPAND_DIMS": 1,
    "STRIDED_SLICE": 4,
    "TILE": 1,
    "TRANSPOSE": 5,
    "UNPACK": 4,
}
"""The version of each op that has a kernel for int16 activations."""

BORDERS = {"QUANTIZE": 2, "DEQUANTIZE": 3, "CAST": 3}
"""The version of each op that leads from other types to int16 and back."""
