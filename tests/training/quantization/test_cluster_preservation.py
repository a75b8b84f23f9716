"""A clustered model stays clustered in quantization-aware training and in int8 files, calibrated or trained."""

import numpy as np
import pytest

import tfcompress
from tfcompress import MagnitudePruning, WeightClustering
from tfcompress.litert.serialization import read_graph


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(64, 6, 6, 3)).astype("float32"), rng.integers(0, 3, 64)


def network(k):
    model = k.Sequential(
        [
            k.Input((6, 6, 3)),
            k.layers.Conv2D(8, 3, padding="same", name="conv"),
            k.layers.BatchNormalization(),
            k.layers.ReLU(),
            k.layers.DepthwiseConv2D(3, padding="same", name="depthwise"),
            k.layers.BatchNormalization(),
            k.layers.ReLU(),
            k.layers.Flatten(),
            k.layers.Dense(8, activation="relu", name="dense"),
            k.layers.Dense(3, activation="softmax", name="scores"),
        ]
    )
    model.compile(k.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


def fit(model, *callbacks, **more):
    x, y = data()
    model.fit(x, y, batch_size=8, verbose=0, callbacks=[*callbacks], **more)


def integers(tflite):
    """Return how many integers each kernel of a file holds."""
    found = [value for op in read_graph(tflite.content).main.ops for value in op.inputs[1:2]]
    return [np.unique(value.data).size for value in found if value.dtype == "int8" and value.data is not None]


def test_a_calibrated_file_has_as_few_integers(k):
    model = network(k)
    fit(model, WeightClustering(6), epochs=2)
    tflite = tfcompress.convert(model, samples=data()[0])
    assert max(integers(tflite)) <= 6
    assert tfcompress.compare(model, tflite, data()[0]).agreement > 0.9
    assert max(integers(tfcompress.convert(model, samples=data()[0], recover=True))) <= 6


def test_a_trained_file_has_as_few_integers_and_the_zeros(k, tmp_path, capsys):
    model = network(k)
    fit(model, MagnitudePruning(0.5, allocation="uniform"))
    fit(model, WeightClustering(6))
    before = tfcompress.sparsity(model)
    qat_model = tfcompress.quantize_aware(model, samples=data()[0])
    assert "4 kernels hold at most 6 values each, and as many after training" in capsys.readouterr().err
    fit(qat_model)
    after = tfcompress.sparsity(tfcompress.strip_quantization(qat_model))
    assert {path: kernel.zeros for path, kernel in after.kernels.items()} == {
        path: kernel.zeros for path, kernel in before.kernels.items()
    }
    assert max(kernel.values for kernel in after.kernels.values()) <= 6
    qat_model.save(tmp_path / "q.keras")
    loaded = k.models.load_model(tmp_path / "q.keras")
    for each in (qat_model, loaded):
        tflite = tfcompress.convert(each)
        assert max(integers(tflite)) <= 6
        x = data()[0]
        found = tfcompress.Runner(tflite, runtime="reference").predict(x)
        assert (np.abs(found - each.predict(x, verbose=0)) > 1e-6).mean() < 0.02
    fit(loaded)
    assert max(integers(tfcompress.convert(loaded))) <= 6


@pytest.mark.one_keras
def test_norms_that_turn_signs_leave_the_grid_as_trained(k):
    k.utils.set_random_seed(0)
    model, rng = network(k), np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, k.layers.BatchNormalization):
            gamma, *rest = layer.get_weights()
            layer.set_weights([(rng.choice([-1, 1], gamma.shape) * (0.2 + rng.random(gamma.shape))), *rest])
    fit(model, WeightClustering(6))
    qat_model, x = tfcompress.quantize_aware(model, samples=data()[0]), data()[0]
    tflite = tfcompress.convert(qat_model)
    assert max(integers(tflite)) <= 12
    found = tfcompress.Runner(tflite, runtime="reference").predict(x)
    assert (np.abs(found - qat_model.predict(x, verbose=0)) > 1e-6).mean() < 0.02


@pytest.mark.one_keras
def test_the_callback_clusters_and_trains_on_int8_grids_at_once(k):
    qat_model = tfcompress.quantize_aware(network(k), samples=data()[0])
    fit(qat_model, WeightClustering(6), epochs=2)
    assert max(integers(tfcompress.convert(qat_model))) <= 6


@pytest.mark.one_keras
def test_kernels_without_clusters_keep_a_scale_a_channel(k):
    model = network(k)
    fit(model, WeightClustering(6, include=["dense"]))
    assert max(integers(tfcompress.convert(tfcompress.quantize_aware(model, samples=data()[0])))) > 6
