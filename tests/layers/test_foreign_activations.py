"""Activations that no Keras ships."""

import numpy as np
import pytest

import tfcompress


@pytest.fixture
def quick_gelu():
    """The function of KerasHub, in a module of its name."""
    import tensorflow as tf

    def quick_gelu(x):
        return x * tf.sigmoid(1.702 * x)

    quick_gelu.__module__ = "keras_hub.src.utils.keras_utils"
    return quick_gelu


def test_quick_gelu_is_integer_calibrated_and_trained(k, rng, quick_gelu):
    x = rng.normal(size=(64, 6)).astype("float32")
    model = k.Sequential([k.Input((6,)), k.layers.Dense(8, activation=quick_gelu), k.layers.Dense(3)])
    for made in (tfcompress.convert(model, samples=x), tfcompress.convert(tfcompress.quantize_aware(model, samples=x))):
        assert not tfcompress.inspect(made).float_ops
        given = tfcompress.Runner(made, runtime="reference").predict(x)
        assert np.abs(given - model.predict(x, verbose=0)).max() < 6 * made.outputs[0].scale
