"""TF-MOT's own quantization engine, layer by layer."""

import numpy as np
import pytest
import tf_keras

import tfcompress
from tfcompress import tfmot

L = tf_keras.layers


def test_what_tfmot_refuses_stays_float_and_the_rest_trains(rng, capsys):
    entry = L.Input((8, 8, 3))
    x = L.ReLU()(L.BatchNormalization()(L.Conv2D(4, 3, use_bias=False)(entry)))
    x = L.PReLU(name="slope")(L.BatchNormalization(name="lone")(L.MaxPooling2D()(x)))
    model = tf_keras.Model(entry, L.Dense(3, activation="softmax")(L.Flatten()(x)))
    made = tfmot.quantize_aware(model)
    assert "float: lone, slope." in capsys.readouterr().err
    quantized = {type(layer).__name__ for layer in made.layers}
    assert quantized >= {"QuantizeLayer", "QuantizeWrapperV2", "PReLU", "BatchNormalization"}
    x = rng.random((64, 8, 8, 3)).astype("float32")
    made.compile("adam", "mse")
    made.fit(x, model(x), epochs=2, verbose=0)
    tflite = tfcompress.convert(made, samples=x)
    assert np.abs(tfcompress.Runner(tflite).predict(x) - made.predict(x, verbose=0)).max() < 0.05


def test_refusals_are_one_error():
    unknown = tf_keras.Sequential([L.Input((8, 4)), L.LSTM(3)])
    with pytest.raises(tfcompress.ModelError, match=r"tfcompress.quantize_aware takes"):
        tfmot.quantize_aware(unknown)
    import keras

    with pytest.raises(tfcompress.ModelError, match="tf_keras models only"):
        tfmot.quantize_aware(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))


def trained(made, rng):
    x = rng.random((64, 8, 8, 1)).astype("float32")
    made.compile("adam", "sparse_categorical_crossentropy")
    made.fit(x, np.arange(64) % 3, epochs=2, verbose=0)
    return made, x


def network():
    return tf_keras.Sequential(
        [
            L.Input((8, 8, 1)),
            L.Conv2D(4, 3, use_bias=False),
            L.BatchNormalization(),
            L.ReLU(),
            L.Flatten(),
            L.Dense(3, activation="softmax", name="digit"),
        ]
    )


def engine():
    return tfmot._tfmot().quantization.keras


@pytest.mark.parametrize("make", [lambda m: engine().quantize_model(m), tfmot.quantize_aware], ids=["theirs", "ours"])
def test_trained_ranges_are_enough_to_convert(make, rng):
    made, x = trained(make(network()), rng)
    tflite = tfcompress.convert(made)
    assert not tfcompress.inspect(tflite).float_ops
    assert tflite.inputs[0].dtype == "int8"
    entry = next(layer for layer in made.layers if type(layer).__name__ == "QuantizeLayer")
    low, high = (float(value) for value in entry.get_weights()[:2])
    assert tflite.inputs[0].scale == pytest.approx((high - low) / 255, rel=1e-3)
    assert np.abs(tfcompress.Runner(tflite).predict(x) - made.predict(x, verbose=0)).max() < 0.02


def test_where_tfmot_left_layers_in_float_samples_are_needed(rng):
    entry = L.Input((8, 8, 1))
    x = L.PReLU(name="slope")(L.Conv2D(4, 3)(entry))
    model = tf_keras.Model(entry, L.Dense(3, activation="softmax")(L.Flatten()(x)))
    made, _ = trained(tfmot.quantize_aware(model), rng)
    with pytest.raises(tfcompress.DataError, match="samples"):
        tfcompress.convert(made)


def test_ranges_that_have_seen_nothing_are_an_error(rng):
    made = tfmot.quantize_aware(network())
    for samples in (None, rng.random((64, 8, 8, 1)).astype("float32")):  # kernels would be rounded from -6 to 6
        with pytest.raises(tfcompress.ModelError, match="must have seen data"):
            tfcompress.convert(made, samples=samples)


def saved(model, path):
    model.save(path, save_format="h5" if path.suffix == ".h5" else "keras" if path.suffix else "tf")
    return path


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda m: engine().quantize_model(m), "m.keras"),
        pytest.param(lambda m: engine().quantize_model(m), "m.h5", marks=pytest.mark.slow),
        (tfmot.quantize_aware, "folder"),
    ],
    ids=["keras", "h5", "folder"],
)
def test_a_saved_one_loads_and_converts(make, name, rng, tmp_path):
    made, x = trained(make(network()), rng)
    expected = made.predict(x, verbose=0)
    loaded = tfcompress.load_keras(saved(made, tmp_path / name))
    np.testing.assert_allclose(loaded.predict(x, verbose=0), expected, atol=1e-6)
    assert [*tfcompress.sparsity(loaded).values()] == [*tfcompress.sparsity(made).values()]
    assert np.abs(tfcompress.Runner(tfcompress.convert(loaded)).predict(x) - expected).max() < 0.02


def test_keras_files_hold_the_weights_of_layers_that_were_built_or_not_and_of_frozen_ones(rng, tmp_path):
    entry = L.Input((8, 8, 1))
    x = L.BatchNormalization()(L.Conv2D(2, 3, name="frozen")(entry))
    made = tfmot.quantize_aware(tf_keras.Model(entry, L.Dense(3)(L.Flatten()(x))))
    made.get_layer("quant_frozen").trainable = False
    made.set_weights([rng.random(weight.shape) for weight in made.get_weights()])
    inside = tf_keras.Sequential([L.Input((8, 8, 1)), made, L.Softmax()])
    built = tfcompress.load_keras(saved(inside, tmp_path / "built.keras"))
    new = tfcompress.load_keras(saved(built, tmp_path / "new.keras"))
    for model in (built, new):
        assert [weight.shape for weight in model.weights] == [weight.shape for weight in inside.weights]
        for weight, expected in zip(model.get_weights(), inside.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, expected)


def test_a_wrapper_refuses_variables_of_another_layer(rng, tmp_path):
    wrapper = next(layer for layer in tfmot.quantize_aware(network()).layers if layer.name == "quant_digit")
    store = {str(index): value.numpy() for index, value in enumerate(wrapper._non_trainable_weights)}
    with pytest.raises(ValueError, match=r"'quant_digit' has 8 variables, and 5 in the file"):
        tfmot._load_own_variables(wrapper, store)


def test_models_load_where_tfmot_has_loaded_namesakes_of_layers(rng, tmp_path):
    tfmot._tfmot()
    model, x = tf_keras.Sequential([L.Input((4,)), L.Dense(2)]), rng.random((4, 4)).astype("float32")
    loaded = tfcompress.load_keras(saved(model, tmp_path / "folder"))
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)


def test_clustering_wrappers_load_and_come_off(rng, tmp_path):
    clustering = tfmot._tfmot().clustering.keras
    start = clustering.CentroidInitialization.LINEAR
    model = tf_keras.Sequential([L.Input((8, 8)), L.LSTM(4), L.Dense(3, activation="softmax", name="digit")])
    made = clustering.cluster_weights(model, number_of_clusters=4, cluster_centroids_init=start)
    x = rng.random((8, 8, 8)).astype("float32")
    for name in ("m.keras", "m.h5"):
        loaded = tfcompress.load_keras(saved(made, tmp_path / name))
        np.testing.assert_allclose(loaded.predict(x, verbose=0), made.predict(x, verbose=0), atol=1e-6)
    with pytest.raises(tfcompress.ModelError, match=r"clustering wrappers.*cluster_digit.*strip_clustering\(model\)"):
        tfcompress.convert(loaded, samples=x)
    tflite = tfcompress.convert(clustering.strip_clustering(loaded), "float32")
    np.testing.assert_allclose(tfcompress.Runner(tflite).predict(x), made.predict(x, verbose=0), atol=1e-5)


@pytest.mark.parametrize("name", ["w.keras", pytest.param("folder", marks=pytest.mark.slow)])
def test_pruning_wrappers_are_told_and_their_masks_are_no_weights(name, rng, tmp_path):
    wrapped = tfmot.prune(network(), tfcompress.ConstantSparsity(0.5, 0, frequency=1))
    x = rng.random((64, 8, 8, 1)).astype("float32")
    wrapped.compile("adam", "sparse_categorical_crossentropy")
    wrapped.fit(x, np.arange(64) % 3, epochs=2, verbose=0, callbacks=tfmot.callbacks())
    loaded = tfcompress.load_keras(saved(wrapped, tmp_path / name))
    np.testing.assert_allclose(loaded.predict(x, verbose=0), wrapped.predict(x, verbose=0), atol=1e-6)
    stripped = tfcompress.sparsity(tfmot.strip(loaded))
    for model in (wrapped, loaded):
        report = tfcompress.sparsity(model)
        assert [path.split("/", 1)[1] for path in report] == list(stripped)
        assert list(report.values()) == list(stripped.values()) == [0.5, 0.5]
        for use in (
            lambda model: tfcompress.convert(model, "float32"),
            tfcompress.quantize_aware,
            lambda model: tfcompress.prune_channels(model, ratio=0.5),
        ):
            with pytest.raises(tfcompress.ModelError, match=r"prune_low_magnitude_digit.*tfmot\.strip\(model\)"):
                use(model)
    tfcompress.convert(tfmot.strip(wrapped), "float32")
