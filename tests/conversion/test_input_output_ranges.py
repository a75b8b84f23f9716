"""Ranges are measured on 1,000 samples; those of inputs and outputs on all that can be read again."""

import numpy as np
import pytest
import tensorflow as tf

import tfcompress
from tfcompress import convert, quantize
from tfcompress.conversion.input_output_ranges import extremes, with_all_extremes
from tfcompress.conversion.samples import Calibration
from tfcompress.data.tensor_spec import TensorSpec

pytestmark = pytest.mark.one_keras


@pytest.fixture
def x(rng):
    x = rng.normal(size=(1205, 6)).astype("float32")
    x[1203] *= 10
    return x


def network(k):
    entry = k.Input((6,), name="i")
    return k.Model(entry, k.layers.Dense(1, name="o")(k.layers.Dense(8, activation="relu")(entry)))


def bounds(spec):
    return spec.scale * (-128 - spec.zero_point), spec.scale * (127 - spec.zero_point)


def covers(spec, values):
    low, high = bounds(spec)
    return low - spec.scale <= values.min() and values.max() <= high + spec.scale


def test_an_array_is_measured_to_its_end(k, x, capsys):
    model = network(k)
    expected = model.predict(x, verbose=0)
    for samples in (x, tf.data.Dataset.from_tensor_slices(x).batch(100)):
        tflite = convert(model, samples=samples)
        assert "1,000 of 1,205 samples; the ranges of inputs and outputs are those of all" in capsys.readouterr().err
        assert covers(tflite.inputs[0], x)
        assert covers(tflite.outputs[0], expected)
        assert tflite.manifest["calibration"]["ranges"]["i"] == [float(x.min()), float(x.max())]


def test_a_stream_stops_and_tells_what_was_not_read(x, capsys):
    k = pytest.importorskip("keras")
    taken = []
    tflite = convert(network(k), samples=(taken.append(1) or row for row in x))
    told = capsys.readouterr().err
    assert "first 1,000 samples" in told
    assert "not read" in told
    assert len(taken) < 1205
    assert not covers(tflite.inputs[0], x)


def test_a_file_is_run_on_all_samples(x):
    pytest.importorskip("litert_quantizer")
    k = pytest.importorskip("keras")
    model = network(k)
    expected = model.predict(x, verbose=0)
    made = quantize(convert(model, "float32"), samples=x)
    assert covers(made.inputs[0], x)
    assert covers(made.outputs[0], expected)


def test_outputs_that_are_not_finite_are_told(x):
    k = pytest.importorskip("keras")
    entry = k.Input((6,))
    x = np.abs(x) + 1
    x[1204] = 0
    with pytest.raises(tfcompress.DataError, match="samples 1024 to 1204"):
        convert(k.Model(entry, k.ops.log(entry)), samples=x)


@pytest.mark.parametrize("form", ["array", "dict", "file", "list", "dataset"])
def test_what_calibration_runs_is_not_run_again_where_it_is_known_which_samples_those_are(x, tmp_path, form):
    np.save(tmp_path / "x.npy", x)
    samples = {
        "array": x,
        "dict": {"i": x},
        "file": tmp_path / "x.npy",
        "list": list(x),
        "dataset": tf.data.Dataset.from_tensor_slices(x).batch(100),
    }[form]
    ranges = {"i": (float(x[:1000].min()), float(x[:1000].max()))}
    calibration = Calibration(tmp_path, (TensorSpec("i", (1, 6), "float32"),), 1000, ranges, "", more=True)
    ran, counted = [], []

    def run(inputs):
        ran.append(inputs["i"])
        return [extremes(inputs["i"] * 2), None]

    found = with_all_extremes(samples, calibration, run, counted.append)
    expected = x if form == "dataset" else x[1000:]
    assert np.array_equal(np.concatenate(ran), expected)
    assert sum(counted) == len(x)
    assert found.ends["input_0"] == (x.min(), x.max())
    assert found.ends["output_0"] == (2 * expected.min(), 2 * expected.max())
    assert found.ranges == {"i": (x.min(), x.max())}
    assert "output_1" not in found.ends
