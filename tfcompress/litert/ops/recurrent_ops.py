"""Recurrent ops: each weight is used once a step.

    state = cell(x of this step, state)

No weights of theirs are packed: CMSIS-NN sums those of LSTM and SVDF up while it allocates the tensors.
Source: `tensorflow/lite/kernels/lstm_shared.h` and the kernels beside it, of TensorFlow 2.21, for which input is what.
"""

from __future__ import annotations

from collections.abc import Callable

from tfcompress.litert.op_facts import OpFacts
from tfcompress.litert.ops.op_spec import OpSpec, count, operand

ONE, SEQUENCE = 1, 2
"""Axes of the input that count steps: the batch; the batch and time."""

LSTM = (*range(1, 12), 16)
"""Four matrices for the input, four for the result before, three peepholes, the projection."""


def _macs(weights: tuple[int, ...], axes: int) -> Callable[[OpFacts], int]:
    def macs(op: OpFacts) -> int:
        first = operand(op, 0)
        used = [operand(op, place) for place in weights]
        return count(first.shape[:axes]) * sum(count(one.shape) for one in used if one is not None) if first else 0

    return macs


def _matrices_of_lstm(op: OpFacts) -> tuple[int, ...]:
    """Return the weights of an LSTM; the old one of five inputs has one matrix."""
    return (2,) if len(op.operands) == 5 else LSTM


def _recurrent(
    name: str, weights: tuple[int, ...], axes: int, tflm: str | None = None, typed: tuple[str, ...] = ()
) -> OpSpec:
    return OpSpec(name, multiplied=weights, macs=_macs(weights, axes), tflm=tflm, typed=typed)


SPECS = (
    OpSpec("LSTM", multiplied=_matrices_of_lstm, macs=lambda op: _macs(_matrices_of_lstm(op), ONE)(op), gpu=True),
    _recurrent("UNIDIRECTIONAL_SEQUENCE_LSTM", LSTM, SEQUENCE, "AddUnidirectionalSequenceLSTM", ("INT8", "INT16")),
    _recurrent("BIDIRECTIONAL_SEQUENCE_LSTM", (*LSTM, *range(18, 29), 33, *range(40, 48)), SEQUENCE),
    _recurrent("RNN", (1, 2), ONE),
    _recurrent("UNIDIRECTIONAL_SEQUENCE_RNN", (1, 2), SEQUENCE),
    _recurrent("BIDIRECTIONAL_SEQUENCE_RNN", (1, 2, 5, 6, 10, 11), SEQUENCE),
    _recurrent("SVDF", (1, 2), ONE, "AddSvdf", ("INT8",)),
)
