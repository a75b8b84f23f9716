"""Weights whose rounding is learned from samples that tell little, and of layers that read much."""

import numpy as np
import pytest

from tfcompress import Runner, convert


def error(tflite, y, x):
    return np.sqrt(np.mean((Runner(tflite, runtime="reference").predict(x) - y) ** 2)) / y.std()


@pytest.mark.one_keras
def test_channels_that_never_change_and_a_large_mean_leave_rounding_to_learn(rng):
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((6, 6, 3)),
            layers.Conv2D(4, 3, activation="relu", name="first"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.Conv2D(3, 1),
        ]
    )
    kernel, bias = model.get_layer("first").get_weights()
    kernel[..., :2], bias[:2] = 0, (3.7, -1)
    model.get_layer("first").set_weights([kernel, bias])
    x = rng.normal(size=(60, 6, 6, 3)).astype(np.float32) + 20
    y = model.predict(x, verbose=0)
    assert error(convert(model, "int8", samples=x, recover=True), y, x) < 0.1


@pytest.mark.slow  # the inverse of a matrix of PART × PART
@pytest.mark.one_keras
def test_a_dense_layer_that_reads_more_than_is_seen_together_learns_in_parts(rng):
    import keras

    from tfcompress.conversion.learned_rounding import PART

    width = PART + 300
    model = keras.Sequential([keras.layers.Input((width,)), keras.layers.Dense(6, name="wide")])
    mix = rng.normal(size=(8, width)).astype(np.float32)
    x = (rng.normal(size=(200, 8)) @ mix + 2).astype(np.float32)
    y = model.predict(x, verbose=0)
    plain, learned = (
        error(convert(model, "int8x4", samples=x, keep_int8=[], recover=recover), y, x) for recover in (False, True)
    )
    assert learned < 0.5 * plain, (learned, plain)
