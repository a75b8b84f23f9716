"""Files with many loops and signatures: each is looked at once, so that a small file cannot take hours."""

import copy

import pytest

from tests.foreign_files import loop, schema, unpacked
from tfcompress import FileError, TFLiteModel, inspect
from tfcompress.litert import subgraph_runs
from tfcompress.litert.flatbuffer import pack


def with_many(loops: int, signatures: int) -> bytes:
    model = unpacked(loop(3))
    graph = model.subgraphs[0]
    (first,) = graph.operators
    for _ in range(loops - 1):
        more = copy.copy(first)
        more.outputs = []
        for index in first.outputs:
            more.outputs.append(len(graph.tensors))
            graph.tensors.append(copy.copy(graph.tensors[int(index)]))
        graph.operators.append(more)
    model.signatureDefs = []
    for number in range(signatures):
        alone = schema.SubGraphT()
        alone.tensors, alone.operators = [copy.copy(graph.tensors[int(graph.inputs[0])])], []
        alone.inputs, alone.outputs = [0], [0]
        model.subgraphs.append(alone)
        end, signature = schema.TensorMapT(), schema.SignatureDefT()
        end.name, end.tensorIndex = b"x", 0
        signature.signatureKey, signature.subgraphIndex = f"s{number}".encode(), len(model.subgraphs) - 1
        signature.inputs, signature.outputs = [end], [end]
        model.signatureDefs.append(signature)
    return pack(model)


def test_each_loop_is_counted_once_for_all_signatures(monkeypatch):
    content = with_many(loops=20, signatures=30)
    counted, count = [], subgraph_runs.trip_count
    monkeypatch.setattr(subgraph_runs, "trip_count", lambda tflite, op: counted.append(op) or count(tflite, op))
    facts = inspect(TFLiteModel(content))
    assert "'s29'" in str(facts)
    assert facts.rows[0].macs == 0  # a loop itself; its body runs three times for each of the loops
    assert facts.runs.counts[2] == 3 * 20
    assert len(counted) <= 6 * 20


def test_more_signatures_than_any_file_has_are_refused():
    with pytest.raises(FileError, match="1,001 signatures"):
        TFLiteModel(with_many(loops=1, signatures=1_001))
