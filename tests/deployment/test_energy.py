"""The estimate is the sum of its published parts, and says that it is one."""

import numpy as np
import pytest

import tfcompress


@pytest.fixture(scope="module")
def dense():
    import keras

    model = keras.Sequential([keras.layers.Input((100,)), keras.layers.Dense(50, name="only")])
    x = np.random.default_rng(0).normal(size=(60, 100)).astype("float32")
    return {name: tfcompress.convert(model, name, samples=x) for name in ("float32", "int8")}


def test_one_dense_layer_by_hand(dense):
    floats, int8 = (tfcompress.energy(dense[name]) for name in ("float32", "int8"))
    assert floats.macs == int8.macs == 5000
    assert floats.arithmetic == pytest.approx(5000 * 4.6e-6)
    assert int8.arithmetic == pytest.approx(5000 * 0.3e-6)
    weights, bias = sum(tensor.bytes for op in dense["int8"].ops for tensor in op.inputs[1:2]), 4 * 50
    assert weights == 5000
    assert int8.bytes_moved in (weights + 100 + 50, weights + bias + 100 + 50)
    assert int8.from_sram == pytest.approx(int8.bytes_moved * 12.5e-6)
    assert int8.total < floats.total / 3
    assert str(int8).startswith("ESTIMATE, not a measurement")
    assert "Horowitz" in str(int8)
