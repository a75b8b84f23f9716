"""Ranges: ours equal those of the converter's own calibration, and each method does what it says."""

from pathlib import Path

import numpy as np
import pytest

import tfcompress
from tests.models import images, nested, small_cnn
from tfcompress.conversion.calibration import MIN_SOFTMAX_RANGE, calibrate
from tfcompress.conversion.export import export_saved_model
from tfcompress.conversion.range_estimators import choose
from tfcompress.conversion.samples import write_samples
from tfcompress.keras_compat import model_io
from tfcompress.litert.serialization import read_graph

pytestmark = pytest.mark.one_keras


def measured_by_the_converter(model, samples, folder):
    """The converter's own calibration, as the oracle."""
    import tensorflow as tf

    calibration = write_samples(samples, model_io.inputs(model), folder)
    export_saved_model(model, Path(folder, "saved_model"), calibration.specs)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(Path(folder, "saved_model")))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter(calibration)
    converter._experimental_calibrate_only = True
    return bytes(converter.convert()), calibration


def ranges(file):
    return {value.name: value.range for value in file.main.values if value.range is not None}


def calibrated(content, *settings):
    file = read_graph(content)
    calibrate(file, *settings)
    return ranges(file)


def test_minmax_equals_the_converters_own(k, rng, tmp_path):
    content, calibration = measured_by_the_converter(small_cnn(k), images(rng, 70), tmp_path)

    expected, counted = ranges(read_graph(content)), []
    found = calibrated(content, calibration, "minmax", counted.append)
    assert sum(counted) == 70
    assert sorted(found) == sorted(expected)
    for name, (low, high) in expected.items():
        if "Softmax" in name or low == high:
            continue
        np.testing.assert_allclose(found[name], (min(0, low), max(0, high)), rtol=1e-4, atol=1e-5, err_msg=name)


def test_minmax_equals_what_keras_computes_where_the_converter_reads_overwritten_buffers(k, rng, tmp_path):
    model, x = nested(k), images(rng, 70)
    content, calibration = measured_by_the_converter(model, x, tmp_path)
    found = calibrated(content, calibration, "minmax")
    inner = np.array(model.get_layer("inner")(model.get_layer("stem")(x)))
    (deep,) = [bounds for name, bounds in found.items() if "deep" in name]
    np.testing.assert_allclose(deep, (inner.min(), inner.max()), rtol=1e-4)
    # The converter's calibration finds the sum's values here, as the kernel of Add writes in place.
    (theirs,) = [bounds for name, bounds in ranges(read_graph(content)).items() if "deep" in name]
    assert abs(theirs[1] - inner.max()) > 0.1


def test_an_untrained_softmax_keeps_a_range(k, rng, tmp_path):
    model = small_cnn(k)
    model.set_weights([w * 1e-6 for w in model.get_weights()])
    content, calibration = measured_by_the_converter(model, images(rng), tmp_path)
    widths = [high - low for low, high in calibrated(content, calibration, "minmax").values()]
    assert any(width >= MIN_SOFTMAX_RANGE for width in widths)
    import tfcompress

    tflite = tfcompress.convert(model, samples=images(rng))
    assert tfcompress.Runner(tflite, runtime="reference").predict(images(rng, 3)).shape == (3, 10)


def test_methods_on_a_bell_with_one_outlier(rng):
    values = np.append(rng.normal(size=50_000), 100.0).astype("float32")
    low, high = float(values.min()), float(values.max())
    assert choose("minmax", low, high, values) == (low, high)
    percentile = choose("percentile", low, high, values)
    assert 3 < percentile[1] < 6

    def error(bounds):
        step = (bounds[1] - bounds[0]) / 255
        return np.mean((np.rint(np.clip(values, *bounds) / step) * step - values) ** 2)

    mse = choose("mse", low, high, values)
    assert error(mse) <= min(error((low, high)), error((low, high / 2))) * 1.01


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_every_range_holds_zero_and_stays_within_what_was_seen(method, rng):
    for values in (rng.random(1000) + 3, -rng.random(1000) - 3, rng.normal(size=1000), np.zeros(1000)):
        low, high = choose(method, float(values.min()), float(values.max()), values)
        assert min(0, values.min()) <= low <= 0 <= high <= max(0, values.max())


@pytest.mark.parametrize("method", ["mse", "percentile"])
@pytest.mark.parametrize(("size", "channels", "count"), [(32, 3, 320), (8, 24, 96), (8, 48, 320)])
def test_every_channel_is_seen(k, rng, method, size, channels, count):
    """A stride that shares a factor with the channels would meet some of them alone."""
    layers = k.layers
    x = rng.normal(size=(count, size, size, 4)).astype("float32")
    wide = layers.Conv2D(channels, 1)
    model = k.Sequential([layers.Input(x.shape[1:]), wide, layers.Conv2D(4, 1)])
    kernel, bias = wide.get_weights()
    kernel[..., 1] *= 20
    wide.set_weights([kernel, bias])
    expected = model.predict(x, verbose=0)
    found = tfcompress.Runner(tfcompress.convert(model, samples=x, calibration=method)).predict(x)
    assert 10 * np.log10((expected**2).mean() / ((found - expected) ** 2).mean()) > 18


def test_an_infinite_activation_is_named(k, rng):
    layers = k.layers
    entry = layers.Input((4, 4, 3))
    lost = layers.Conv2D(4, 3, activation="relu", name="conv")(entry)
    lost = k.ops.log(lost) if hasattr(k, "ops") else layers.Lambda(lambda t: __import__("tensorflow").math.log(t))(lost)
    model = k.Model(entry, layers.Activation("sigmoid")(lost))
    x = rng.normal(size=(60, 4, 4, 3)).astype("float32")
    with pytest.raises(tfcompress.ConversionError, match=r"must be finite on all samples.*-inf"):
        tfcompress.convert(model, samples=x)


def test_a_layer_that_is_dead_on_all_samples_converts(k, rng):
    layers = k.layers
    dead = layers.Dense(5, activation="relu", bias_initializer=k.initializers.Constant(-1000.0))
    model = k.Sequential([layers.Input((6,)), dead, layers.Dense(3, bias_initializer="ones")])
    x = rng.normal(size=(60, 6)).astype("float32")
    found = tfcompress.Runner(tfcompress.convert(model, samples=x)).predict(x)
    np.testing.assert_allclose(found, 1.0, atol=0.02)
