"""Fused LSTMs of a quantization-aware model get names that tell the layer, from the fake quant of their result.

    tfl.reverse_v2 → LSTM → tfl.strided_slice → QUANTIZE model/rnn/FakeQuant
                                              →   model/rnn/reversed → model/rnn/lstm → model/rnn/last → the same

The converter makes names up for them, and rounded weights do not tell the layer.
"""

from __future__ import annotations

from tfcompress.litert.graph import Graph, Op

LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
ANONYMOUS = "tfl."
"""What the names begin with that the converter makes up."""


def name_trained_lstms(graph: Graph) -> None:
    """Rename what fused LSTMs put out, and what stands between them and their neighbours.

    Args:
        graph: A float graph in which a fake quant is a pair of casts.
    """
    for op in graph.ops:
        if op.kind != LSTM:
            continue
        readers = op.outputs[0].readers
        further = [each for reader in readers for value in reader.outputs for each in value.readers]
        cast = next((reader for reader in (*readers, *further) if reader.kind == "QUANTIZE"), None)
        if cast is None:
            continue
        scope = cast.name.split(";")[0].rpartition("/")[0]
        _rename(op, f"{scope}/lstm")
        for reader in readers:
            _rename(reader, f"{scope}/last")
        if op.inputs[0] is not None and op.inputs[0].producer is not None:
            _rename(op.inputs[0].producer, f"{scope}/reversed")


def _rename(op: Op, name: str) -> None:
    if op.name.startswith(ANONYMOUS):
        op.outputs[0].name = name
