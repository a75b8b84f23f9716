"""A pruned model stays pruned in quantization-aware training, with no pruner and after loading."""

import numpy as np
import pytest

import tfcompress
from tfcompress import MagnitudePruning


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(64, 8)).astype("float32"), rng.integers(0, 3, 64)


def pruned(k, share=0.75):
    model = k.Sequential(
        [
            k.layers.Input((8,)),
            k.layers.Dense(16, activation="relu", name="a"),
            k.layers.Dense(8, kernel_initializer="zeros", name="fresh"),
            k.layers.Dense(3, activation="softmax", name="o"),
        ]
    )
    rng = np.random.default_rng(1)
    for name in ("a", "o"):
        kernel = model.get_layer(name).kernel
        kernel.assign(np.where(rng.random(kernel.shape) < share, 0, rng.normal(size=kernel.shape)))
    model.compile(k.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


def zeros(model):
    report = tfcompress.sparsity((getattr(model, "origin", None) and model.origin.float_model) or model)
    return {path: report[path] for path in ("a/kernel", "o/kernel")}


def fit(model, *callbacks, **more):
    x, y = data()
    return model.fit(x, y, verbose=0, callbacks=[*callbacks], **more)


def test_zeros_stay_and_other_weights_train(k, capsys, tmp_path):
    model = pruned(k)
    x, _ = data()
    qat = tfcompress.quantize_aware(model, samples=x)
    assert "in 2 kernels are zero, and stay zero in training" in capsys.readouterr().err
    before = qat.origin.float_model.get_layer("a").kernel.numpy()
    fit(qat, epochs=3)
    after = qat.origin.float_model.get_layer("a").kernel.numpy()
    np.testing.assert_array_equal(after == 0, before == 0)
    assert (after != before)[before != 0].mean() > 0.5
    assert np.abs(qat.origin.float_model.get_layer("fresh").kernel.numpy()).max() > 0, "zeros to begin with train"
    qat.save(tmp_path / "q.keras")
    loaded = k.models.load_model(tmp_path / "q.keras")
    fit(loaded, epochs=2)
    assert zeros(loaded) == zeros(model)
    rows = tfcompress.inspect(tfcompress.convert(loaded)).rows
    assert max(row.zeros or 0 for row in rows) >= zeros(model)["a/kernel"] - 1e-9


@pytest.mark.one_keras
def test_a_model_that_was_not_pruned_trains_all_weights(k, capsys):
    model = pruned(k, share=0.05)
    qat = tfcompress.quantize_aware(model)
    fit(qat, epochs=2)
    assert "stay zero" not in capsys.readouterr().err
    assert zeros(qat)["a/kernel"] < zeros(model)["a/kernel"]


@pytest.mark.one_keras
def test_a_pruner_goes_on_from_the_zeros_and_they_stay_after_it(k):
    qat = tfcompress.quantize_aware(pruned(k, share=0.5))
    fit(qat, MagnitudePruning(0.8, include=["a", "o"]), epochs=8, batch_size=16)
    report = zeros(qat)
    assert (report["a/kernel"] * 128 + report["o/kernel"] * 24) / 152 == pytest.approx(0.8, abs=0.01)
    fit(qat)
    assert zeros(qat) == report


@pytest.mark.one_keras
def test_weights_that_are_loaded_later_keep_their_zeros(k):
    qat = tfcompress.quantize_aware(pruned(k, share=0.0))
    fit(qat)
    sparse = pruned(k)
    qat.origin.float_model.set_weights(sparse.get_weights())
    fit(qat, epochs=2)
    assert zeros(qat) == zeros(sparse)
