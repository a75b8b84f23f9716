"""Fused LSTMs get names that tell the layer; the converter calls what they put out "tfl.unidirectional_sequence_lstm".

    tfl.reverse_v2 → LSTM → tfl.strided_slice   →   model/rnn/reversed → model/rnn/lstm → model/rnn/last

A layer is known by the bytes of its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import numpy as np

from tfcompress.litert.graph import Graph, Op

INPUT_TO_INPUT = 1
"""The input of the op that is the part of the kernel for the input gate, transposed."""

ANONYMOUS = "tfl."
"""What the names begin with that the converter makes up."""


def fingerprint(kernel: np.ndarray, units: int) -> str:
    """Return what an LSTM is known by.

    Args:
        kernel: The kernel of the Keras layer, of shape (features, 4 · units).
        units: The size of its state.
    """
    return _digest(kernel[:, :units].T)


def name_lstms(graph: Graph, names: Mapping[str, str]) -> None:
    """Rename what fused LSTMs put out, and what stands between them and their neighbours.

    Args:
        graph: A float graph.
        names: The scope of each layer by the fingerprint of its kernel.
    """
    for op in graph.ops:
        weights = op.input(INPUT_TO_INPUT)
        if op.kind != "UNIDIRECTIONAL_SEQUENCE_LSTM" or weights is None or weights.data is None:
            continue
        scope = names.get(_digest(weights.data))
        if scope is None:
            continue
        _rename(op, f"{scope}/lstm")
        for reader in op.outputs[0].readers:
            _rename(reader, f"{scope}/last")
        if op.inputs[0].producer is not None:
            _rename(op.inputs[0].producer, f"{scope}/reversed")


def _rename(op: Op, name: str) -> None:
    if op.name.startswith(ANONYMOUS):
        op.outputs[0].name = name


def _digest(weights: np.ndarray) -> str:
    return sha256(np.ascontiguousarray(weights, np.float32).tobytes()).hexdigest()
