"""The name a user knows means the layer with the kernel: when it is frozen, pruned, told of, or found in the file."""

from pathlib import Path

import numpy as np
import pytest

import tfcompress
from tests.versions import older
from tfcompress import Runner, convert, quantize_aware, strip_quantization

DATA = Path(__file__).parents[2] / "data"


def network(k):
    entry = k.Input((6, 6, 2), name="image")
    inner = k.Sequential(
        [k.Input((6, 6, 2)), k.layers.SeparableConv2D(3, 3, activation="swish", name="deep")], name="inner"
    )
    x = k.layers.Dense(4, activation="relu", name="a")(k.layers.Flatten(name="flat")(inner(entry)))
    model = k.Model(entry, k.layers.Dense(3, activation="softmax", name="head")(x), name="net")
    model.compile(k.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model


@pytest.fixture
def x(rng):
    return rng.normal(size=(32, 6, 6, 2)).astype("float32")


def test_a_layer_frozen_by_its_name_stays(k, x):
    qat_model = quantize_aware(network(k))
    qat_model.get_layer("a").trainable = False
    qat_model.get_layer("inner/deep").trainable = False
    qat_model.compile(k.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    weights = tfcompress.keras_compat.model_view.weights(qat_model.origin.float_model)
    before = {weight.path: weight.value for weight in weights}
    qat_model.fit(x, np.arange(32) % 3, verbose=0)
    moved = {weight.path for weight in weights if (weight.value != before[weight.path]).any()}
    assert moved == {"head/kernel", "head/bias"}


def test_all_but_the_head(k):
    for trains in (lambda layers: [layer for layer in layers if layer.name != "head"], lambda layers: layers[:-1]):
        qat_model = quantize_aware(network(k))
        for layer in trains(qat_model.layers):
            layer.trainable = False
        head = qat_model.origin.float_model.get_layer("head")
        assert [id(v) for v in qat_model.trainable_variables] == [id(v) for v in head.trainable_variables]


def test_paths_are_those_of_the_float_model(k, x):
    model = network(k)
    qat_model = quantize_aware(model, samples=x)
    assert sorted(tfcompress.sparsity(qat_model).kernels) == sorted(tfcompress.sparsity(model).kernels)
    told = set(convert(qat_model).manifest["layers"].values())
    assert told <= {"image_range", "inner/deep", "flat", "a", "head"}
    assert {"inner/deep", "a", "head"} <= told


def test_models_saved_by_the_first_release_load_resume_and_convert(k, rng):
    if older("keras", "3.15") if k.__name__ == "keras" else older("tf-keras", "2.21"):
        pytest.skip("an older Keras cannot read what a younger one has saved")
    x = np.random.default_rng(3).normal(size=(16, 6, 6, 2)).astype("float32")
    expected = np.load(DATA / "qat_layout_1.npz")
    loaded = k.models.load_model(DATA / f"qat_layout_1_{k.__name__}.keras")
    # The dense layer at the end is now rounded once, as its kernel does: a value may be a step off what it was then.
    off = np.abs(loaded.predict(x, verbose=0) - expected[k.__name__])
    assert off.max() <= 1.01 / 256
    assert (off > 1e-6).mean() < 0.05
    tflite = convert(loaded)
    assert np.abs(Runner(tflite, runtime="reference").predict(x) - expected[k.__name__]).max() <= 1.01 / 256
    assert "a" in tflite.manifest["layers"].values()
    loaded.fit(x, np.arange(16) % 3, batch_size=8, verbose=0, shuffle=False)  # compiled, its optimizer's state read
    np.testing.assert_allclose(loaded.predict(x, verbose=0), expected[f"{k.__name__}_resumed"], atol=2.1 / 256)
    anew = quantize_aware(strip_quantization(loaded), samples=x)
    assert [layer.name for layer in anew.layers][-2:] == ["a", "head"]
