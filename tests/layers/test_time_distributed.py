"""TimeDistributed: what is inside is calibrated and trained as anywhere else, on steps as samples."""

import numpy as np
import pytest

import tfcompress
from tfcompress.layers.time_distributed import as_samples, as_steps
from tfcompress.litert.inspect import float_ops

pytestmark = pytest.mark.one_keras


def network(k):
    """Frames through convolutions and a model of their own, and what is seen through a recurrent layer."""
    k.utils.set_random_seed(0)
    layers = k.layers
    frame = k.Input((4, 4, 3))
    eye = k.Model(frame, layers.Dense(5, name="seen")(layers.GlobalAveragePooling2D()(frame)), name="eye")
    x = entry = k.Input((3, 8, 8, 2))
    x = layers.TimeDistributed(layers.Conv2D(3, 3, padding="same", use_bias=False, name="conv"), name="frames")(x)
    x = layers.TimeDistributed(layers.BatchNormalization(name="scale"), name="norm")(x)
    x = layers.TimeDistributed(layers.ReLU(), name="relu")(x)
    x = layers.TimeDistributed(layers.MaxPooling2D(2), name="pool")(x)
    x = layers.TimeDistributed(eye, name="eyes")(x)
    return k.Model(entry, layers.SimpleRNN(4, name="rnn")(x))


def test_what_is_inside_trains_as_its_file_computes(k, rng, tmp_path):
    model, x = network(k), rng.normal(size=(128, 3, 8, 8, 2)).astype("float32")
    qat_model = tfcompress.quantize_aware(model, samples=x)
    assert qat_model.quantization.gaps == []
    schemes = {row.path: row.scheme for row in qat_model.quantization}
    assert schemes["norm/scale"].startswith("part of frames/conv")
    assert "eyes/eye/seen" in schemes
    expected = model.predict(x, verbose=0)
    assert np.abs(qat_model.predict(x, verbose=0) - expected).max() < 0.1 * np.ptp(expected)
    qat_model.compile("sgd", "mse")
    qat_model.fit(x, expected, verbose=0)
    tflite = tfcompress.convert(qat_model)
    assert float_ops(tflite) == []
    assert sum(op.name == "CONV_2D" for op in tflite.ops) == 1, "all frames at once, the norm folded in"
    ours, found = qat_model.predict(x, verbose=0), tfcompress.Runner(tflite, runtime="reference").predict(x)
    assert (np.abs(ours - found) < 1.01 * tflite.outputs[0].scale).mean() > 0.99
    qat_model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(k.models.load_model(tmp_path / "m.keras").predict(x, verbose=0), ours)


def test_one_of_them_can_be_left_in_float(k, rng):
    x = rng.normal(size=(32, 3, 8, 8, 2)).astype("float32")
    qat_model = tfcompress.quantize_aware(network(k), samples=x, exclude="frames")
    assert [row.path for row in qat_model.quantization.gaps] == ["frames"]
    assert {op.name for op in float_ops(tfcompress.convert(qat_model))} >= {"CONV_2D"}


def test_calibrated_it_is_one_op_for_all_steps(k, rng):
    model, x = network(k), rng.normal(size=(64, 3, 8, 8, 2)).astype("float32")
    tflite = tfcompress.convert(model, samples=x)
    assert float_ops(tflite) == []
    assert sum(op.name == "CONV_2D" for op in tflite.ops) == 1
    expected, found = model.predict(x, verbose=0), tfcompress.Runner(tflite, runtime="reference").predict(x)
    assert np.abs(found - expected).max() < 0.1 * np.ptp(expected)


def test_a_mask_of_more_than_steps_goes_inside(k, rng):
    """Words of sentences: the inner layer gets the mask of the words, the outer one that of the sentences."""
    k.utils.set_random_seed(0)
    entry = k.Input((3, 5), dtype="int32")
    table = k.initializers.RandomNormal(stddev=1.0)
    words = k.layers.Embedding(9, 4, mask_zero=True, embeddings_initializer=table)(entry)
    model = k.Model(entry, k.layers.TimeDistributed(k.layers.GRU(3))(words))
    x = rng.integers(1, 9, (64, 3, 5)).astype("int32")
    x[:, :, 3:] *= rng.integers(0, 2, (64, 3, 2)).astype("int32")
    expected = model.predict(x, verbose=0)
    qat_model = tfcompress.quantize_aware(model, samples=x)
    assert qat_model.quantization.gaps == []
    assert np.abs(qat_model.predict(x, verbose=0) - expected).max() < 0.1 * np.ptp(expected)


def test_steps_become_samples_and_steps_again(rng):
    x = rng.normal(size=(2, 3, 4, 5)).astype("float32")
    samples = as_samples(x)
    assert samples.shape == (6, 4, 5)
    np.testing.assert_array_equal(as_steps(samples, x), x)
    np.testing.assert_array_equal(as_steps(as_samples(x, 2), x, 2), x)
