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
    with pytest.raises(tfcompress.ModelError, match="must have seen data"):
        tfcompress.convert(made)
    assert tfcompress.convert(made, samples=rng.random((64, 8, 8, 1)).astype("float32")).inputs[0].dtype == "int8"


def test_a_saved_one_loads_and_converts(rng, tmp_path):
    made, x = trained(engine().quantize_model(network()), rng)
    made.save(tmp_path / "m.h5")
    loaded = tfcompress.load_keras(tmp_path / "m.h5")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), made.predict(x, verbose=0), atol=1e-6)
    assert tfcompress.convert(loaded).inputs[0].scale == tfcompress.convert(made).inputs[0].scale


def test_pruning_wrappers_are_told_and_their_masks_are_no_weights(rng, tmp_path):
    wrapped = tfmot.prune(network(), tfcompress.ConstantSparsity(0.5, 0, frequency=1))
    x = rng.random((64, 8, 8, 1)).astype("float32")
    wrapped.compile("adam", "sparse_categorical_crossentropy")
    wrapped.fit(x, np.arange(64) % 3, epochs=2, verbose=0, callbacks=tfmot.callbacks())
    wrapped.save(tmp_path / "w.keras")
    loaded = tfcompress.load_keras(tmp_path / "w.keras")
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
