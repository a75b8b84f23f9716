import warnings

import numpy as np
import pytest

from tests.models import images, nested, small_cnn
from tfcompress import TfcompressWarning
from tfcompress.conversion.input_scaling import remembered, warn_of_other_scale
from tfcompress.conversion.samples import write_samples
from tfcompress.keras_compat import model_io, model_view

pytestmark = pytest.mark.one_keras


def judged(model, x, folder):
    """The words of the warning, or none."""
    calibration = write_samples(x, model_io.inputs(model), folder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_other_scale(model, calibration)
    return " ".join(str(one.message) for one in caught if one.category is TfcompressWarning)


def trained(make, k, rng):
    """A model whose batch norms have seen values from 0 to 1, as training leaves them."""
    model, x = make(k), images(rng, 100)
    for _ in range(60):
        model(x, training=True)
    return model, x


@pytest.mark.parametrize("make", [small_cnn, nested])
def test_a_forgotten_division_by_255_is_told_by_the_first_batch_norm(k, rng, make, tmp_path):
    model, x = trained(make, k, rng)
    before = model.predict(x, verbose=0)
    for fine in (x, x * 2 - 1, x * 3, x / 3):
        assert judged(model, fine, tmp_path) == ""
    layer = "norm" if make is small_cnn else "inner/batch_normalization"
    for wrong in (x * 255, x / 255):
        words = judged(model, wrong, tmp_path)
        assert "not scaled as the training data was" in words
        assert layer in words
    after = model.predict(x, verbose=0)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other, "the layers are as they were")
    assert all("call" not in vars(layer) for _, layer in model_view.layers(model))


def test_a_normalization_layer_remembers_too(k, rng, tmp_path):
    x = rng.normal(100, 20, (200, 5)).astype("float32")
    layer = k.layers.Normalization()
    layer.adapt(x)
    model = k.Sequential([k.layers.Input((5,)), layer, k.layers.Dense(2)])
    assert judged(model, x, tmp_path) == ""
    assert "Pass what model.predict takes" in judged(model, (x - 100) / 20, tmp_path)
    given = k.layers.Normalization(mean=[0.5] * 5, variance=[0.1] * 5)
    model = k.Sequential([k.layers.Input((5,)), given, k.layers.Dense(2)])
    assert "times as far" in judged(model, x, tmp_path)


def test_models_that_remember_nothing_are_not_judged(k, rng, tmp_path):
    assert judged(small_cnn(k), images(rng) * 255, tmp_path) == ""
    plain = k.Sequential([k.layers.Input((8, 8, 1)), k.layers.Flatten(), k.layers.Dense(2)])
    assert judged(plain, images(rng) * 255, tmp_path) == ""
    assert remembered(k.layers.Normalization()) is None


def test_convert_warns_before_it_converts(k, rng):
    import tfcompress

    model, x = trained(small_cnn, k, rng)
    with pytest.warns(TfcompressWarning, match="division by 255"):
        tfcompress.convert(model, samples=x * 255)
