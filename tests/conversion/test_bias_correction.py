"""Biases take the mean shift of rounded weights back: the mean of each output is that of the float model."""

import numpy as np
import pytest

import tfcompress
from tfcompress.litert.passes.correct_biases import correct_biases, float_layers
from tfcompress.litert.serialization import read_graph, write_graph

pytestmark = pytest.mark.one_keras


def layers(k):
    return {
        "conv": (k.layers.Conv2D(8, 3, strides=2, padding="same"), (12, 12, 6)),
        "grouped": (k.layers.Conv2D(8, 3, groups=2), (12, 12, 6)),
        "depthwise": (k.layers.DepthwiseConv2D(3, depth_multiplier=2), (12, 12, 6)),
        "dense": (k.layers.Dense(7), (40,)),
    }


@pytest.mark.parametrize("name", ["conv", "grouped", "depthwise", "dense"])
@pytest.mark.parametrize("quantization", ["int8", "int16x8"])
def test_the_mean_of_each_output_is_that_of_the_float_model(k, rng, name, quantization):
    layer, shape = layers(k)[name]
    model = k.Sequential([k.layers.Input(shape), layer])
    # Kernels with one large weight round the others coarsely; all inputs are positive, so that errors add up.
    kernel, *rest = model.get_weights()
    kernel = rng.normal(0, 1, kernel.shape).astype("float32")
    kernel.reshape(-1, kernel.shape[-1])[0] = 100.0
    model.set_weights([kernel, *rest])
    x = rng.uniform(0.5, 1.5, (200, *shape)).astype("float32")
    tflite = tfcompress.convert(model, quantization, samples=x)
    expected, found = model.predict(x, verbose=0), tfcompress.Runner(tflite).predict(x)
    axes = tuple(range(expected.ndim - 1))
    shift = np.abs((found - expected).mean(axes)).max()
    step = tflite.outputs[0].scale
    # What is not on the border of padding comes back to a fraction of a step.
    assert shift < (2.0 if name == "conv" else 0.3) * step + 0.02 * np.abs(expected).std()


def test_without_it_the_mean_is_off(k, rng):
    from tfcompress.litert.tflite_model import TFLiteModel

    model = k.Sequential([k.layers.Input((40,)), k.layers.Dense(7)])
    kernel, bias = model.get_weights()
    kernel[:] = 0.3 * rng.normal(0, 1, kernel.shape)
    kernel[0] = 100.0
    model.set_weights([kernel, bias])
    x = rng.uniform(0.5, 1.5, (200, 40)).astype("float32")
    x[:, 0] = 1.0
    floating = tfcompress.convert(model, "float32")
    tflite = tfcompress.convert(model, "int16x8", samples=x)
    # Corrected by means of zero, nothing changes; by the opposite means, the shift comes back twice.
    (name,) = (t.name for op in floating.ops if op.name == "FULLY_CONNECTED" for t in op.inputs[:1])
    layers = float_layers(read_graph(floating.content).main)

    def corrected(means):
        file = read_graph(tflite.content)
        correct_biases(file.main, layers, means)
        return TFLiteModel(write_graph(file))

    assert np.array_equal(tfcompress.Runner(corrected({})).predict(x), tfcompress.Runner(tflite).predict(x))
    back = corrected({name: -x.mean(0)})
    expected = model.predict(x, verbose=0)
    good, bad = (tfcompress.Runner(each).predict(x).mean(0) - expected.mean(0) for each in (tflite, back))
    assert np.abs(good).max() < 0.2 * np.abs(bad).max()


def decibels(expected, found):
    return 10 * np.log10((expected**2).mean() / ((found - expected) ** 2).mean())


@pytest.mark.parametrize(("size", "layer"), [(1, "Conv2D"), (2, "Conv2D"), (1, "DepthwiseConv2D")])
def test_taps_that_read_padding_alone_shift_nothing(k, rng, size, layer):
    x = 4 + rng.normal(size=(128, size, size, 32)).astype("float32")
    kind = getattr(k.layers, layer)
    made = kind(3, padding="same") if layer == "DepthwiseConv2D" else kind(32, 3, padding="same")
    model = k.Sequential([k.layers.Input(x.shape[1:]), made])
    expected = model.predict(x, verbose=0)
    tflite = tfcompress.convert(model, "int16x8", samples=x)
    assert decibels(expected, tfcompress.Runner(tflite).predict(x)) > 46


def test_means_are_those_of_every_column_and_of_every_sample(k, rng):
    x = rng.normal(size=(64, 31, 31, 32)).astype("float32")
    x[:, :, 0] += 4
    model = k.Sequential([k.layers.Input(x.shape[1:]), k.layers.Conv2D(32, 1)])
    tflite = tfcompress.convert(model, "int16x8", samples=x)
    assert decibels(model.predict(x, verbose=0), tfcompress.Runner(tflite).predict(x)) > 46
    x = rng.normal(size=(33, 40)).astype("float32")
    x[-1] += 2  # alone in the last batch
    model = k.Sequential([k.layers.Input((40,)), k.layers.Dense(64)])
    tflite = tfcompress.convert(model, "int16x8", samples=x)
    assert decibels(model.predict(x, verbose=0), tfcompress.Runner(tflite).predict(x)) > 46
