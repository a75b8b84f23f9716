"""Ranges of inputs and outputs keep what was seen; the others do not depend on how samples are batched."""

import numpy as np
import pytest
import tensorflow as tf

from tfcompress import quantize_aware
from tfcompress.training.quantization.fake_quant import averaged, widened


def after(update, size, x, batch):
    step = tf.function(update, reduce_retracing=True)
    state = tf.zeros(size)
    for start in range(0, len(x), batch):
        state = step(state, tf.constant(x[start : start + batch]))
    return state.numpy()


@pytest.mark.parametrize(("count", "shape"), [(16_384, (1,)), (4_096, (24,)), (2_048, (700,)), (512, (12_000,))])
def test_averaged_ranges_do_not_depend_on_the_batch(rng, count, shape):
    x = rng.normal(size=(count, *shape)).astype("float32")
    found = np.array([after(averaged, 6, x, batch)[:3] for batch in (8, 30, 32, 2048)])
    assert (found[:, 2] == count).all()
    np.testing.assert_allclose(found[:, :2], found[[0], :2].repeat(4, 0), rtol=0.08)
    group = min(10_000, 1_000 * shape[0])
    extreme = np.sqrt(2 * np.log(group))  # about what the largest of so many normal values is
    assert 0.75 * extreme < found[0, 1] < 1.1 * extreme


def test_averaged_ranges_follow_what_training_changes(rng):
    x = rng.normal(size=(30_000, 24)).astype("float32")
    x[15_000:] *= 3.0
    early, late = after(averaged, 6, x[:15_000], 32), after(averaged, 6, x, 32)
    assert 2.5 < late[1] / early[1] < 3.2


def test_ranges_of_the_first_release_go_on(rng):
    state = averaged(tf.constant([-1.0, 1.0, 1000.0]), tf.constant(rng.normal(size=(64, 500)).astype("float32")))
    assert state.shape == (3,)
    assert 1.0 < float(state[1]) < 1.2


def test_extremes_are_kept(rng):
    x = rng.normal(size=(100, 5)).astype("float32")
    for batch in (1, 32, 100):
        np.testing.assert_array_equal(after(widened, 3, x, batch), np.float32([x.min(), x.max(), 100]))


def regression(k):
    entry = k.Input((6,), name="i")
    model = k.Model(entry, k.layers.Dense(1, name="o")(k.layers.Dense(8, activation="relu")(entry)))
    model.compile("sgd", "mse")
    return model


def test_what_a_fit_saw_is_the_range_of_the_input(k, rng):
    x = rng.normal(size=(100, 6)).astype("float32")
    qat_model = quantize_aware(regression(k))
    qat_model.fit(x, x[:, :1], batch_size=32, steps_per_epoch=None, verbose=0)
    np.testing.assert_array_equal(qat_model.get_layer("i_range").states["result"].numpy()[:2], [x.min(), x.max()])


@pytest.mark.one_keras
def test_two_devices_keep_the_extremes_of_both(k, rng, strategy):
    x = rng.normal(size=(64, 6)).astype("float32")
    with strategy.scope():
        qat_model = quantize_aware(regression(k))
        qat_model.compile("sgd", "mse")
    qat_model.fit(x, x[:, :1], batch_size=16, verbose=0)
    np.testing.assert_allclose(qat_model.get_layer("i_range").states["result"].numpy(), [x.min(), x.max(), 64])


def test_samples_beyond_the_first_thousand_count_for_inputs_and_outputs(k, rng, capsys):
    model = regression(k)
    x = rng.normal(size=(1205, 6)).astype("float32")
    x[1203] *= 10
    outputs = model.predict(x, verbose=0)
    qat_model = quantize_aware(model, samples=x)
    assert "1,000 of 1,205 samples" in capsys.readouterr().err
    np.testing.assert_array_equal(qat_model.get_layer("i_range").states["result"].numpy()[:2], [x.min(), x.max()])
    ends = [min(outputs.min(), 0), max(outputs.max(), 0)]
    np.testing.assert_allclose(
        qat_model.get_layer("o").states["result"].numpy()[:2], ends, rtol=0.05
    )  # weights are in int8
    qat_model = quantize_aware(model, samples=(row for row in x))
    assert "first 1,000 samples" in capsys.readouterr().err
    np.testing.assert_allclose(qat_model.get_layer("i_range").states["result"].numpy()[1], x[:1000].max())
