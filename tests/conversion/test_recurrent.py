"""Recurrent layers of both Kerases become integer files that compute the same on every runtime."""

import numpy as np
import pytest

import tfcompress
from tfcompress.litert.inspect import float_ops

pytestmark = pytest.mark.one_keras

STEPS, FEATURES = 6, 4


def build(k, name):
    layers = k.layers
    if name == "text":
        ids = layers.Input((STEPS,), dtype="int32")
        return k.Model(
            ids, layers.Dense(3)(layers.Bidirectional(layers.GRU(4))(layers.Embedding(9, 4, mask_zero=True)(ids)))
        )
    x = layers.Input((STEPS, FEATURES))
    if name == "encoder and decoder":
        whole, *state = layers.LSTM(5, return_sequences=True, return_state=True)(x)
        return k.Model(x, layers.Dense(3)(layers.LSTM(5)(whole, initial_state=state)))
    y = {
        "LSTM": lambda: layers.LSTM(5)(x),
        "stacked LSTM": lambda: layers.LSTM(5)(layers.LSTM(6, return_sequences=True)(x)),
        "LSTM of ReLU": lambda: layers.LSTM(5, activation="relu")(x),
        "GRU": lambda: layers.GRU(5, return_sequences=True)(x),
        "GRU of old": lambda: layers.GRU(5, reset_after=False, go_backwards=True)(x),
        "GRU without bias": lambda: layers.GRU(5, use_bias=False)(x),
        "SimpleRNN": lambda: layers.SimpleRNN(5)(x),
        "both directions": lambda: layers.Bidirectional(layers.LSTM(5, return_sequences=True))(x),
        "cell": lambda: layers.RNN(layers.GRUCell(5))(x),
    }[name]()
    return k.Model(x, layers.Dense(3)(y))


NAMES = [
    "LSTM",
    "stacked LSTM",
    "LSTM of ReLU",
    "GRU",
    "GRU of old",
    "GRU without bias",
    "SimpleRNN",
    "both directions",
    "encoder and decoder",
    "text",
]


def data(rng, name):
    if name == "text":
        ids = rng.integers(1, 9, (64, STEPS))
        ids[np.arange(STEPS) >= rng.integers(1, STEPS + 1, (64, 1))] = 0
        return ids
    return rng.normal(size=(64, STEPS, FEATURES)).astype("float32")


@pytest.mark.parametrize("name", NAMES)
def test_int8(k, rng, name, capsys):
    model, x = build(k, name), data(rng, name)
    tflite = tfcompress.convert(model, samples=x)
    assert float_ops(tflite) == []
    fused = name in {"LSTM", "stacked LSTM", "both directions"}
    assert ("UNIDIRECTIONAL_SEQUENCE_LSTM" in {op.name for op in tflite.ops}) == fused
    assert ("in 6 steps becomes about" in capsys.readouterr().err) != fused
    expected = model.predict(x, verbose=0)
    for runtime in ("litert", "reference"):
        found = tfcompress.Runner(tflite, runtime=runtime).predict(x)
        assert np.abs(found - expected).mean() < 0.035 * expected.std()


@pytest.mark.parametrize("name", ["LSTM", "GRU", "both directions"])
def test_int16x8(k, rng, name):
    model, x = build(k, name), data(rng, name)
    tflite = tfcompress.convert(model, "int16x8", samples=x)
    assert float_ops(tflite) == []
    expected = model.predict(x, verbose=0)
    assert np.abs(tfcompress.Runner(tflite).predict(x) - expected).mean() < 0.01 * expected.std()


def test_what_cannot_be_done_says_what_can(k, rng):
    layers, x = k.layers, data(rng, "LSTM")
    if k.__name__ == "keras":
        kept = k.Sequential([layers.Input(batch_shape=(1, STEPS, FEATURES)), layers.LSTM(4, stateful=True)])
    else:
        kept = k.Sequential([layers.LSTM(4, stateful=True, batch_input_shape=(1, STEPS, FEATURES))])
    with pytest.raises(tfcompress.ModelError, match=r"layer lstm.*: stateful=True.*pass states as inputs"):
        tfcompress.convert(kept, samples=x)
    long = k.Sequential([layers.Input((600, 1)), layers.GRU(2)])
    with pytest.raises(tfcompress.ModelError, match=r"600 steps.*Use LSTM"):
        tfcompress.convert(long, samples=rng.normal(size=(60, 600, 1)))


def test_a_loop_is_refused_before_the_converter_crashes_on_it(k, rng):
    import tensorflow as tf

    class Loop(k.layers.Layer):
        def call(self, x):
            return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * 1.1), (0, x))[1]

    model = k.Sequential([k.layers.Input((4,)), Loop(name="loop")])
    with pytest.raises(tfcompress.ModelError, match="no loops"):
        tfcompress.convert(model, samples=rng.random((60, 4)))
