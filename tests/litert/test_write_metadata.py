"""A file that is written anew holds what it held, in fewer bytes."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

import tfcompress
from tests.models import small_cnn
from tfcompress.litert.flatbuffer import pack


def test_what_is_alike_is_written_once(k, rng):
    """Each channel has a zero point of 8 bytes, and all are 0."""
    x = rng.random((60, 8, 8, 1), dtype=np.float32)
    content = tfcompress.convert(small_cnn(k), samples=x).content
    builder = flatbuffers.Builder(1024)
    builder.Finish(schema.ModelT.InitFromPackedBuf(content, 0).Pack(builder), b"TFL3")
    twice = bytes(builder.Output())
    once = pack(schema.ModelT.InitFromPackedBuf(twice, 0))
    channels = sum(
        len(tensor.quantization.zeroPoint)
        for tensor in schema.ModelT.InitFromPackedBuf(content, 0).subgraphs[0].tensors
        if tensor.quantization is not None and tensor.quantization.zeroPoint is not None
    )
    assert len(content) == len(once) < len(twice) - 4 * channels
    again = pack(schema.ModelT.InitFromPackedBuf(once, 0))
    assert again == once, "nothing is lost"
    found = tfcompress.Runner(tfcompress.TFLiteModel(twice)).predict(x)
    np.testing.assert_array_equal(tfcompress.Runner(tfcompress.TFLiteModel(once)).predict(x), found)


def test_a_layer_that_is_called_often_is_not_taken_for_a_hostile_file(rng):
    import keras

    entry = x = keras.Input((1, 1, 4096))
    shared = keras.layers.DepthwiseConv2D(1, use_bias=False)
    for _ in range(40):
        x = shared(x)
    samples = rng.random((60, 1, 1, 4096), dtype=np.float32)
    tflite = tfcompress.convert(keras.Model(entry, x), samples=samples)
    assert tfcompress.TFLiteModel(tflite.content).ops
