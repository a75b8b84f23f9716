"""Ops with a poor integer kernel become others that compute the same, in files of Keras models and in those found."""

import numpy as np
import pytest

import tfcompress
from tfcompress.litert.serialization import read_graph, write_graph

pytestmark = pytest.mark.one_keras


def pooled(k):
    layers = k.layers
    return k.Sequential([layers.Input((8, 8, 4)), layers.AveragePooling2D(8), layers.Flatten(), layers.Dense(3)])


def test_an_average_pool_of_a_whole_image_has_a_scale_of_its_own(k, rng):
    """The kernel of pools has one scale with what it averages, so that small means keep few of the steps."""
    model, x = pooled(k), rng.normal(0, 4, (100, 8, 8, 4)).astype("float32")
    tflite = tfcompress.convert(model, samples=x)
    assert [op.name for op in tflite.ops if "POOL" in op.name] == []
    expected, found = model.predict(x, verbose=0), tfcompress.Runner(tflite).predict(x)
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


@pytest.mark.parametrize(("size", "strides", "padding"), [(4, 4, "valid"), (8, 1, "same"), (3, 2, "same")])
def test_other_pools_stay(k, rng, size, strides, padding):
    model = k.Sequential([k.layers.Input((8, 8, 4)), k.layers.AveragePooling2D(size, strides, padding)])
    x = rng.normal(0, 4, (100, 8, 8, 4)).astype("float32")
    tflite = tfcompress.convert(model, samples=x)
    assert [op.name for op in tflite.ops] == ["AVERAGE_POOL_2D"]
    found = tfcompress.Runner(tflite).predict(x)
    assert np.abs(found - model.predict(x, verbose=0)).max() < 2 * tflite.outputs[0].scale


def test_in_one_dimension(k, rng):
    model = k.Sequential([k.layers.Input((8, 4)), k.layers.AveragePooling1D(8), k.layers.Flatten(), k.layers.Dense(3)])
    x = rng.normal(0, 4, (100, 8, 4)).astype("float32")
    tflite = tfcompress.convert(model, samples=x)
    assert [op.name for op in tflite.ops if "POOL" in op.name] == []
    expected, found = model.predict(x, verbose=0), tfcompress.Runner(tflite).predict(x)
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_a_file_that_is_there_already_gains_as_well(k, rng):
    pytest.importorskip("litert_quantizer")
    model, x = pooled(k), rng.normal(0, 4, (100, 8, 8, 4)).astype("float32")
    tflite = tfcompress.quantize(tfcompress.convert(model, "float32"), samples=x)
    assert [op.name for op in tflite.ops if "POOL" in op.name] == []
    expected, found = model.predict(x, verbose=0), tfcompress.Runner(tflite).predict(x)
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_what_is_kept_in_float_stays_as_it_is(rng):
    pytest.importorskip("litert_quantizer")
    import keras

    entry = keras.Input((6, 6, 3))
    summed = keras.ops.sum(keras.layers.Conv2D(4, 3)(entry), axis=(1, 2))
    model = keras.Model(entry, keras.layers.Dense(3)(summed))
    x = rng.normal(size=(60, 6, 6, 3)).astype("float32")
    tflite = tfcompress.quantize(tfcompress.convert(model, "float32"), samples=x, keep_float=["SUM"])
    assert "SUM" in [op.name for op in tflite.ops]


def test_a_dense_layer_that_flattens_by_itself_is_quantized(rng):
    """Files from elsewhere leave out the RESHAPE before a FULLY_CONNECTED."""
    pytest.importorskip("litert_quantizer")
    import keras

    layers = keras.layers
    net = [layers.Input((6, 6, 3)), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(5)]
    x = rng.normal(size=(60, 6, 6, 3)).astype("float32")
    model = keras.Sequential(net)
    file = read_graph(tfcompress.convert(model, "float32").content)
    (reshape,) = (op for op in file.main.ops if op.kind == "RESHAPE")
    file.main.set_input(file.main.ops[-1], 0, reshape.inputs[0])
    file.main.remove(reshape)
    file.main.drop_unused()
    tflite = tfcompress.quantize(tfcompress.TFLiteModel(write_graph(file)), samples=x)
    expected = model.predict(x, verbose=0)
    assert np.abs(tfcompress.Runner(tflite).predict(x) - expected).max() < 0.1 * np.abs(expected).max()


@pytest.mark.parametrize(("quantization", "bits"), [("int8", 8), ("int16x8", 16)])
@pytest.mark.parametrize("most", [None, 6.0])
def test_a_relu_that_stands_alone_in_int8_is_fused_into_a_product(k, rng, quantization, bits, most):
    """The int8 kernel of RELU takes 50 times as long; in int16 both are as slow, and RELU stays."""
    entry, kind = k.Input((6, 6, 4)), (quantization, most)
    x = rng.normal(0, 4, (100, 6, 6, 4)).astype("float32")
    model = k.Model(entry, [k.layers.ReLU(most)(entry), k.layers.MaxPooling2D(2)(entry)])
    tflite = tfcompress.convert(model, quantization, samples=x)
    assert sorted({op.name for op in tflite.ops} - {"QUANTIZE"}) == [
        "MAX_POOL_2D",
        {("int8", None): "MUL", ("int8", 6.0): "MUL", ("int16x8", None): "RELU", ("int16x8", 6.0): "RELU6"}[kind],
    ]
    (rectified,) = (t for t in tfcompress.Runner(tflite).predict(x).values() if t.shape[1] == 6)
    assert rectified.min() == 0
    assert np.abs(rectified - np.clip(x, 0, most)).max() < np.ptp(x) / 2**bits, "one step of the input"
