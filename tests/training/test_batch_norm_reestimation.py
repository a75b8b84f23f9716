"""Statistics of batch norms are those of the data, exactly, and nothing else changes."""

import numpy as np
import pytest

from tests.models import small_cnn
from tfcompress import convert, quantize_aware, reestimate_batch_norm
from tfcompress.errors import DataError, ModelError


def normed(k):
    """Two batch norms behind dense layers, with a dropout between."""
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(5),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(4),
            layers.BatchNormalization(momentum=0.9),
        ]
    )


@pytest.mark.parametrize("count", [128, 300])
def test_statistics_are_those_of_the_whole_data(k, rng, count):
    model, x = normed(k), rng.normal(3, 2, (count, 6)).astype(np.float32)
    weights = [np.array(value) for value in model.trainable_variables]
    reestimate_batch_norm(model, (x, np.zeros(count)))
    dense, norm = model.layers[0], model.layers[1]
    made = x @ np.array(dense.kernel)
    np.testing.assert_allclose(norm.moving_mean, made.mean(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, made.var(0), rtol=2e-2)  # tf_keras: of n - 1 where it is fused
    assert [layer.momentum for layer in model.layers if hasattr(layer, "momentum")] == [0.99, 0.9]
    for before, after in zip(weights, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_frozen_batch_norm_keeps_its_statistics(k, rng):
    model = normed(k)
    model.layers[1].trainable = False
    reestimate_batch_norm(model, rng.normal(3, 2, (200, 6)).astype(np.float32))
    assert not np.array(model.layers[1].moving_mean).any()
    assert np.array(model.layers[4].moving_mean).any()


def test_ranges_of_a_quantization_aware_model_stay(k, rng):
    x = rng.random((200, 8, 8, 1), dtype=np.float32)
    qat_model = quantize_aware(small_cnn(k), samples=x)
    ranges = [variable.numpy() for variable in qat_model.weights if "range" in variable.name]
    norm = qat_model.origin.float_model.get_layer("norm")
    reestimate_batch_norm(qat_model, 3 * x)
    assert np.array(norm.moving_mean).any()
    for before, variable in zip(ranges, (v for v in qat_model.weights if "range" in v.name), strict=True):
        np.testing.assert_array_equal(before, variable)
    assert convert(qat_model).inputs[0].scale == pytest.approx(1 / 255, rel=0.05)


def test_streams_without_an_end_are_read_in_part(k, rng):
    model = normed(k)
    reestimate_batch_norm(model, (rng.normal(1, 1, (512, 6)).astype(np.float32) for _ in iter(int, 1)))
    assert np.array(model.layers[1].moving_mean).any()


@pytest.mark.one_keras
def test_mistakes_are_told(k, rng):
    with pytest.raises(ModelError, match="BatchNormalization"):
        reestimate_batch_norm(k.Sequential([k.layers.Input((3,)), k.layers.Dense(2)]), np.zeros((4, 3)))
    with pytest.raises(ModelError, match="Keras model"):
        reestimate_batch_norm("model.keras", np.zeros((4, 3)))
    with pytest.raises(DataError):
        reestimate_batch_norm(normed(k), np.zeros((4, 3)))
