"""LoRA adapters: told by name wherever a kernel must be a plain variable, and merged by the way out."""

import keras
import numpy as np
import pytest

import tfcompress

L = keras.layers
X = np.random.default_rng(0).integers(0, 9, (64, 6)).astype("int32")
Y = np.arange(64) % 3


def adapted():
    model = keras.Sequential(
        [
            L.Input((6,), dtype="int32"),
            L.Embedding(9, 8, name="words"),
            L.Conv1D(12, 3, activation="relu", name="conv"),
            L.EinsumDense("abc,cd->abd", output_shape=(None, 10), bias_axes="d", name="einsum"),
            L.GlobalAveragePooling1D(),
            keras.Sequential([L.Input((10,)), L.Dense(8, activation="relu", name="inner")], name="block"),
            L.Dense(3, activation="softmax", name="plain"),
        ]
    )
    rng = np.random.default_rng(1)
    for layer in (*model.layers[:3], model.get_layer("block").get_layer("inner")):
        layer.enable_lora(2, lora_alpha=3)
        for variable in layer.trainable_variables:
            if "lora" in variable.name:
                variable.assign(rng.normal(size=variable.shape))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


USES = {
    "quantize_aware": lambda model: tfcompress.quantize_aware(model),
    "prune_channels": lambda model: tfcompress.prune_channels(model, ratio=0.5, round_to=2),
    "MagnitudePruning": lambda model: model.fit(X, Y, verbose=0, callbacks=[tfcompress.MagnitudePruning(0.5)]),
    "ShrinkChannels": lambda model: model.fit(
        X, Y, epochs=2, verbose=0, callbacks=[tfcompress.ShrinkChannels(ratio=0.5, round_to=2)]
    ),
}


@pytest.mark.parametrize("use", USES)
def test_adapters_are_named_and_the_way_out_works(use):
    model = adapted()
    with pytest.raises(tfcompress.ModelError, match=r"LoRA in words, conv, einsum, block/inner.*merge_lora\(model\)"):
        USES[use](model)
    tfcompress.merge_lora(model)
    USES[use](model)


def test_merged_a_model_computes_the_same_with_fewer_weights(tmp_path):
    model = adapted()
    model.fit(X, Y, verbose=0)
    before, weights = model.predict(X, verbose=0), len(model.weights)
    tfcompress.merge_lora(model)
    np.testing.assert_allclose(model.predict(X, verbose=0), before, atol=1e-6)
    assert len(model.weights) == weights - 8
    model.fit(X, Y, verbose=0)
    assert not np.allclose(model.predict(X, verbose=0), before, atol=1e-6), "kernels train again"
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-6)


def test_a_layer_without_adapters_can_be_pruned_beside_those_that_have_them():
    model = adapted()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[tfcompress.MagnitudePruning(0.5, include="plain")])
    assert tfcompress.sparsity(model)["plain/kernel"] == 0.5


def test_sparsity_counts_the_kernel_that_computes():
    model = adapted()
    layer = model.get_layer("conv")
    layer._kernel.assign(np.zeros(layer._kernel.shape))
    report = tfcompress.sparsity(model)
    assert report["conv/kernel"] == 0
    assert not [path for path in report if "lora" in path]


def test_convert_merges_them():
    model = adapted()
    tflite = tfcompress.convert(model, "float32")
    assert tfcompress.compare(model, tflite, X).max_error < 1e-5
    tfcompress.merge_lora(model)
    assert tflite.size <= 1.05 * tfcompress.convert(model, "float32").size
