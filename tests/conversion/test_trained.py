"""A quantization-aware model runs through the rewrites of a calibrated one, on the ranges that it was trained with."""

from collections import Counter

import numpy as np
import pytest

from tfcompress import Runner, convert, quantize_aware
from tfcompress.litert.inspect import float_ops

SHAPE = (8, 8, 4)


def branches(k):
    """Many layers side by side, each with an output of its own."""
    layers = k.layers
    x = layers.Input(SHAPE, name="image")
    conv = layers.Conv2D(4, 3, padding="same", name="conv")(x)
    ends = {
        "relu": layers.ReLU(name="relu")(x),
        "relu6": layers.ReLU(6.0, name="relu6")(x),
        "mean": layers.GlobalAveragePooling2D(name="mean")(x),
        "pool": layers.AveragePooling2D(8, name="pool")(x),
        "fused": layers.ReLU(name="fused_relu")(
            layers.BatchNormalization(name="norm")(layers.Conv2D(5, 3, use_bias=False, name="fused_conv")(x))
        ),
        "sum": layers.Add(name="sum")([x, conv]),
        "joined": layers.Concatenate(name="joined")([x, conv, layers.MaxPooling2D(2, 1, "same", name="max_pool")(x)]),
        "larger": layers.Maximum(name="larger")([x, conv]),
        "classes": layers.Dense(3, activation="softmax", name="classes")(layers.Flatten(name="flat")(x)),
        "swish": layers.Activation("swish", name="swish")(x),
    }
    return k.Model(x, ends)


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(5).normal(0, 1, (64, *SHAPE)).astype("float32")


def test_the_same_ops_as_a_calibrated_file_and_the_numbers_of_the_trained_model(k, x):
    k.utils.set_random_seed(3)
    model = branches(k)
    qat_model = quantize_aware(model, samples=x)
    trained, calibrated = convert(qat_model), convert(model, samples=x)
    assert float_ops(trained) == []
    twice = [op.name for op in trained.ops if "/requantized_" in op.outputs[0].name]
    assert twice == ["MUL"] * 4, "the image and its convolution, each for the concatenation and for the maximum"
    kinds, others = (
        Counter(op.name for op in each.ops if op.name not in ("MUL", "QUANTIZE")) for each in (trained, calibrated)
    )
    assert kinds == others
    assert not {"RELU", "RELU6", "AVERAGE_POOL_2D"} & set(kinds)
    ours, device = qat_model.predict(x, verbose=0), Runner(trained, runtime="reference").predict(x)
    for spec in trained.outputs:
        steps = np.abs(ours[spec.name] - device[spec.name]) / spec.scale
        assert (steps <= 1.01).mean() >= 0.99, spec.name
        assert (steps <= 0.01).mean() >= 0.95, spec.name


@pytest.mark.parametrize("io", ["uint8", "float32"])
def test_inputs_and_outputs_of_another_type(io, x):
    import keras

    entry = keras.Input(SHAPE)
    joined = keras.layers.Concatenate()([entry, keras.layers.Conv2D(4, 3, padding="same")(entry)])
    qat_model = quantize_aware(keras.Model(entry, joined), samples=x)
    tflite = convert(qat_model, io=io)
    assert [spec.dtype for spec in (*tflite.inputs, *tflite.outputs)] == [io, io]
    assert float_ops(tflite) == []
    near = np.abs(qat_model.predict(x, verbose=0) - Runner(tflite, runtime="reference").predict(x))
    assert (near <= 1.01 * (tflite.outputs[0].scale or np.ptp(near) / 255 + 0.05)).mean() >= 0.99


def test_layers_that_trained_in_float_are_in_float(k, x):
    entry = k.layers.Input(SHAPE, name="image")
    y = k.layers.Conv2D(3, 3, name="last")(k.layers.Conv2D(4, 3, name="alone")(entry))
    qat_model = quantize_aware(k.Model(entry, y), samples=x, exclude="alone")
    tflite = convert(qat_model)
    assert [(op.name, op.outputs[0].dtype) for op in tflite.ops] == [
        ("DEQUANTIZE", "float32"),
        ("CONV_2D", "float32"),
        ("QUANTIZE", "int8"),
        ("CONV_2D", "int8"),
    ]
    steps = np.abs(qat_model.predict(x, verbose=0) - Runner(tflite).predict(x)) / tflite.outputs[0].scale
    assert (steps <= 1.01).mean() >= 0.99
    assert tflite.manifest["decisions"]["alone"]["because"] == "keep_float"


def test_what_training_rounds_to_16_bits_is_in_int16(x):
    import keras
    import tensorflow as tf

    class Spread(keras.layers.Layer):
        """The root of the mean square of each image, whose square has too few steps in int8."""

        def int8_call(self, quantizer, values):
            square = tf.quantization.fake_quant_with_min_max_args(values * values, 0.0, 40.0, num_bits=16)
            mean = tf.reduce_mean(square, axis=[1, 2])
            return tf.quantization.fake_quant_with_min_max_args(mean, 0.0, 4.0, num_bits=16) + 0.5

        def call(self, values):
            return tf.reduce_mean(values * values, axis=[1, 2]) + 0.5

    entry = keras.Input(SHAPE)
    qat_model = quantize_aware(keras.Model(entry, Spread(name="spread")(entry)), samples=x)
    tflite = convert(qat_model)
    assert float_ops(tflite) == []
    inner = [(op.name, op.outputs[0].dtype) for op in tflite.ops if op.name in ("MUL", "MEAN", "ADD")]
    assert inner == [("MUL", "int16"), ("MEAN", "int16"), ("ADD", "int16")]
    steps = np.abs(qat_model.predict(x, verbose=0) - Runner(tflite).predict(x)) / tflite.outputs[0].scale
    assert (steps <= 1.01).mean() >= 0.99


@pytest.mark.one_keras
def test_samples_change_no_range_that_was_trained(k, rng, capsys):
    """An LSTM's ranges are inside its op, where calibration of the quantized graph could not reach them."""
    x = rng.normal(size=(64, 5, 3)).astype("float32")
    model = k.Sequential([k.layers.Input((5, 3)), k.layers.LSTM(4, name="rnn"), k.layers.Dense(2, name="out")])
    ready = quantize_aware(model, samples=x)
    assert convert(ready, samples=x * 100).content == convert(ready).content
    assert "carries the ranges of its training" in capsys.readouterr().err
