"""Where a call takes a Keras model or a .tflite file, it takes the path of one as well."""

import numpy as np
import pytest

import tfcompress
from tests.models import images, small_cnn


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model, its int8 file, their paths, and samples."""
    import keras

    keras.utils.set_random_seed(0)
    folder, x = tmp_path_factory.mktemp("paths"), images(np.random.default_rng(0), 60)
    model = small_cnn(keras)
    model.save(folder / "model.keras")
    tflite = tfcompress.convert(model, samples=x)
    return model, str(folder / "model.keras"), tflite, tflite.save(folder / "model.tflite"), x


def test_a_path_of_a_keras_model_is_the_model(made):
    model, path, tflite, _, x = made
    assert tfcompress.convert(path, samples=x).content == tflite.content
    assert tfcompress.compare(path, tflite, x).mean_error == tfcompress.compare(model, tflite, x).mean_error
    assert dict(tfcompress.sparsity(path)) == dict(tfcompress.sparsity(model))
    assert str(tfcompress.channel_graph(path)) == str(tfcompress.channel_graph(model))
    assert str(tfcompress.quantize_aware(path).quantization) == str(tfcompress.quantize_aware(model).quantization)


def test_a_quantization_aware_model_strips_from_its_path(made, tmp_path):
    model, *_ = made
    tfcompress.quantize_aware(model).save(tmp_path / "qat.keras")
    plain = tfcompress.strip_quantization(tmp_path / "qat.keras")
    assert [weight.shape for weight in plain.weights] == [weight.shape for weight in model.weights]


def test_a_keras_model_stands_for_its_float_file(made):
    model, path, tflite, place, x = made
    floating = tfcompress.convert(model, "float32")
    expected = tfcompress.layer_errors(floating, tflite, x[:8])
    for before in (model, path):
        assert tfcompress.layer_errors(before, place, x[:8]) == expected
        assert tfcompress.before_after(before, place)["bytes in flash"].before == floating.size


@pytest.mark.parametrize("call", [tfcompress.inspect, tfcompress.energy, tfcompress.Runner, tfcompress.latency])
def test_a_keras_model_where_a_tflite_file_belongs_is_told_the_way_out(made, call):
    model, path, *_ = made
    for wrong in (model, path, None):
        with pytest.raises(tfcompress.FileError, match=r"tfcompress\.convert\(model\)"):
            call(wrong)
