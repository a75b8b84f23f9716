"""How many multiplications with accumulation an op does: a closed form for each kind of op that has weights.

In: an op. Out: a number, for one run of the op. Runs nothing.
Source: tensorflow/lite/kernels/*.cc for which input is what; lstm_shared.h for recurrent layers.
"""

from __future__ import annotations

import math

from tfcompress.flatbuffer.model import Op, Tensor

_LSTM = (*range(1, 12), 16)
"""Four matrices for the input, four for the result before, three peepholes, the projection."""

WEIGHTS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"), (1,)),
    **dict.fromkeys(("CONV_3D", "CONV_3D_TRANSPOSE", "Convolution2DTransposeBias"), (1,)),
    **dict.fromkeys(("RNN", "UNIDIRECTIONAL_SEQUENCE_RNN", "SVDF"), (1, 2)),
    "BIDIRECTIONAL_SEQUENCE_RNN": (1, 2, 5, 6, 10, 11),
    **dict.fromkeys(("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"), _LSTM),
    "BIDIRECTIONAL_SEQUENCE_LSTM": (*_LSTM, *range(18, 29), 33, *range(40, 48)),
}
"""Which inputs of an op are weights that it multiplies with. "Convolution2DTransposeBias" is MediaPipe's."""

STEPS = {"RNN": 1, "LSTM": 1, "SVDF": 1} | dict.fromkeys(
    [f"{way}DIRECTIONAL_SEQUENCE_{kind}" for way in ("UNI", "BI") for kind in ("RNN", "LSTM")], 2
)
"""Axes of the input of a recurrent op that count its steps: the batch, and time; each weight is used once a step."""

RANKS = {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 4, "TRANSPOSE_CONV": 4, "FULLY_CONNECTED": 2}
RANKS |= {"CONV_3D": 5, "CONV_3D_TRANSPOSE": 5, "Convolution2DTransposeBias": 4}
"""Axes of a kernel; ops whose kernels have others make no sense."""

DATA = {"TRANSPOSE_CONV": 2, "CONV_3D_TRANSPOSE": 2, "Convolution2DTransposeBias": 0}
"""Which input of a transposed convolution is what it reads: each value meets every tap of every channel put out."""

BASIC_LSTM, BASIC_WEIGHTS = 5, 2
"""The old LSTM of five inputs has one matrix."""


def weights(op: Op) -> tuple[Tensor, ...]:
    """Return the weights of an op, which its values are multiplied with."""
    places = WEIGHTS.get(op.name, ())
    if op.name == "LSTM" and len(op.operands) == BASIC_LSTM:
        places = (BASIC_WEIGHTS,)
    return tuple(found for place in places if (found := _operand(op, place)) is not None)


def macs(op: Op) -> int:
    """Count multiplications with accumulation; open sizes count as one, and ops whose shapes make no sense as none."""
    if not op.outputs or len(op.operands) < 2:
        return 0
    outputs = _product(op.outputs[0].shape)
    if op.name == "BATCH_MATMUL":
        return outputs * _summed(op)
    if op.name in STEPS:
        first = op.operands[0]
        return _product(first.shape[: STEPS[op.name]]) * sum(_product(one.shape) for one in weights(op)) if first else 0
    kernel = [size or 1 for tensor in weights(op) for size in tensor.shape]
    if op.name not in RANKS or len(kernel) != RANKS[op.name]:
        return 0
    if op.name in DATA:
        data = _operand(op, DATA[op.name])
        taps = kernel[:4] if op.name == "CONV_3D_TRANSPOSE" else kernel[:3]
        return _product(data.shape) * math.prod(taps) if data else 0
    taps = {"CONV_2D": kernel[1:], "CONV_3D": kernel[:4], "DEPTHWISE_CONV_2D": kernel[1:3]}
    return outputs * math.prod(taps.get(op.name, kernel[-1:]))


def _summed(op: Op) -> int:
    """Return the length of the axis that a product of matrices sums over, whether the first is transposed or not."""
    left, rows = op.inputs[0].shape[-2:], op.outputs[0].shape[-2:-1]
    return _product(left) // max(1, _product(rows)) if len(left) == 2 else 0


def _operand(op: Op, place: int) -> Tensor | None:
    return op.operands[place] if place < len(op.operands) else None


def _product(shape: tuple[int | None, ...]) -> int:
    return math.prod(size or 1 for size in shape)
