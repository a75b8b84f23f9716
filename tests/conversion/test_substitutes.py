"""Ops with a poor integer kernel become others that compute the same, in files of Keras models and in those found."""

import numpy as np
import pytest

import tfcompress


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
    pytest.importorskip("ai_edge_quantizer")
    model, x = pooled(k), rng.normal(0, 4, (100, 8, 8, 4)).astype("float32")
    tflite = tfcompress.quantize(tfcompress.convert(model, "float32"), samples=x)
    assert [op.name for op in tflite.ops if "POOL" in op.name] == []
    expected, found = model.predict(x, verbose=0), tfcompress.Runner(tflite).predict(x)
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()
