"""Inputs and outputs in forms that Keras does not write, in all runtimes."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfcompress
from tests.foreign_files import Graph, empty_model
from tfcompress.litert.flatbuffer import pack


@pytest.mark.parametrize("runtime", ["litert", "reference", "tflm"])
def test_an_input_without_axes_takes_a_number_for_each_sample(runtime, tmp_path):
    if runtime == "tflm":
        pytest.importorskip("tflite_micro")
    model = empty_model()
    graph = Graph(model)
    factor, vector, result = graph.tensor((), name="factor"), graph.tensor((1, 4), name="vector"), graph.tensor((1, 4))
    graph.op("MUL", [vector, factor], [result], schema.MulOptionsT())
    graph.ends([factor, vector], [result])
    tflite = tfcompress.TFLiteModel(pack(model))
    factors, vectors = np.arange(20, dtype="float32"), np.random.default_rng(0).random((20, 4), "float32")
    found = tfcompress.Runner(tflite, runtime=runtime).predict({"factor": factors, "vector": vectors})
    np.testing.assert_allclose(found, factors[:, np.newaxis] * vectors, rtol=1e-6)
    if runtime == "litert":
        assert len(tfcompress.export_android(tflite, tmp_path)) == 4


def test_an_open_size_is_the_one_thing_that_stands_against_a_file_with_it():
    model = empty_model()
    graph = Graph(model)
    x, y = graph.tensor((1, 8), name="x"), graph.tensor((1, 4))
    graph.op("FULLY_CONNECTED", [x, graph.constant(np.ones((4, 8))), -1], [y], schema.FullyConnectedOptionsT())
    graph.ends([x], [y])
    graph.raw.tensors[x].shapeSignature = [1, -1]
    tflite = tfcompress.TFLiteModel(pack(model))
    assert tfcompress.check(tflite, "cpu").passed
    pytest.importorskip("tflite_micro")
    (finding,) = tfcompress.check(tflite, "tflm")
    assert "open size" in finding.reason


def test_strings_are_told(tmp_path):
    model = empty_model()
    graph = Graph(model)
    ends = [graph.tensor((1,), "string", name="words")], [graph.tensor((1,), "string")]
    graph.op("RESHAPE", [*ends[0], graph.constant([1], "int32")], ends[1])
    graph.ends(*ends)
    tflite = tfcompress.TFLiteModel(pack(model))
    with pytest.raises(tfcompress.RunError, match="numbers"):
        tfcompress.export_android(tflite, tmp_path)
    with pytest.raises(tfcompress.RunError, match="numbers"):
        tfcompress.Runner(tflite).predict(np.zeros(3))


def test_tflm_is_not_given_sparse_weights_which_it_misreads():
    pytest.importorskip("tflite_micro")
    model = empty_model()
    graph = Graph(model)
    x, weights, y = graph.tensor((1, 8), name="x"), graph.constant(np.ones(8), shape=(4, 8)), graph.tensor((1, 4))
    graph.op("FULLY_CONNECTED", [x, weights, -1], [y], schema.FullyConnectedOptionsT(), version=8)
    graph.ends([x], [y])
    sparsity, rows, columns = schema.SparsityParametersT(), schema.DimensionMetadataT(), schema.DimensionMetadataT()
    starts, places = schema.Int32VectorT(), schema.Int32VectorT()
    starts.values, places.values = [0, 2, 4, 6, 8], [0, 3] * 4
    rows.format, rows.denseSize, columns.format = schema.DimensionType.DENSE, 4, schema.DimensionType.SPARSE_CSR
    columns.arraySegmentsType = columns.arrayIndicesType = schema.SparseIndexVector.Int32Vector
    columns.arraySegments, columns.arrayIndices = starts, places
    sparsity.traversalOrder, sparsity.dimMetadata = [0, 1], [rows, columns]
    graph.raw.tensors[weights].sparsity = sparsity
    tflite = tfcompress.TFLiteModel(pack(model))
    assert tfcompress.inspect(tflite).rows[0].zeros == 1 - 8 / 32
    rows_in = np.random.default_rng(0).random((5, 8), "float32")
    found = tfcompress.Runner(tflite).predict(rows_in)
    np.testing.assert_allclose(found, np.repeat(rows_in[:, [0, 3]].sum(axis=1, keepdims=True), 4, axis=1), rtol=1e-5)
    (finding,) = tfcompress.check(tflite, "tflm")
    assert "sparse" in finding.reason
    with pytest.raises(tfcompress.RunError, match="sparse"):
        tfcompress.Runner(tflite, runtime="tflm").predict(rows_in)
