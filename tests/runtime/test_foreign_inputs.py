"""Inputs and outputs in forms that Keras does not write, in all runtimes."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfcompress
from tests.foreign_files import Graph, empty_model
from tfcompress.flatbuffer.packing import pack


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
        assert len(tfcompress.export_android(tflite, tmp_path)) == 2
