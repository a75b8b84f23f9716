"""What is trained is what runs; the model stays an ordinary one; every mistake is one clear error."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

import tfcompress
from benchmarks import catalogue
from tfcompress import MagnitudePruning, Runner, convert, quantize_aware, strip_quantization
from tfcompress.layers.catalogue import examples


@pytest.fixture
def x(rng):
    return rng.uniform(-1, 1, (48, 8, 8, 4)).astype("float32")


def one_layer(layer, shape):
    entry = keras.Input(shape)
    return keras.Model(entry, layer(entry))


SOME = ("Conv2DTranspose", "SeparableConv2D", "Dense", "PReLU", "BatchNormalization, lone", "squeeze and excite")


@pytest.mark.parametrize("name", SOME)
def test_one_layer_is_what_it_was_trained_to_be(name):
    """All others: tests/layers/test_layer_examples.py."""
    keras.utils.set_random_seed(0)
    example = examples()[name]
    assert catalogue.share_of(catalogue.trained(keras, example.model(keras), example.inputs(256))) >= 99


def network(k):
    entry = k.Input((8, 8, 4))
    x = k.layers.Conv2D(6, 3, use_bias=False)(entry)
    x = k.layers.ReLU()(k.layers.BatchNormalization()(x))
    x = k.layers.Add()([x, k.layers.Conv2D(6, 3, padding="same")(x)])
    x = k.layers.Concatenate()([k.layers.MaxPooling2D(2)(x), k.layers.AveragePooling2D(2)(x)])
    inner = k.Sequential([k.Input((3, 3, 12)), k.layers.Conv2D(5, 2), k.layers.GlobalAveragePooling2D()], name="inner")
    model = k.Model(entry, k.layers.Dense(10, activation="softmax")(inner(x)))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def small(k):
    """What is trained here where it does not matter which layers there are: each more is traced anew in every fit."""
    model = k.Sequential(
        [
            k.Input((8, 8, 4)),
            k.layers.Conv2D(6, 3, use_bias=False),
            k.layers.BatchNormalization(),
            k.layers.ReLU(),
            k.layers.GlobalAveragePooling2D(),
            k.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_train_save_load_convert_strip(k, x, tmp_path):
    model = network(k)
    before = [w.copy() for w in model.get_weights()]
    qat_model = quantize_aware(model)
    assert not qat_model.quantization.gaps
    qat_model.fit(x, np.arange(48) % 10, epochs=2, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    ours = qat_model.predict(x, verbose=0)
    tflite = convert(qat_model)
    device = Runner(tflite, runtime="reference").predict(x)
    assert (np.abs(ours - device) <= 1.01 * tflite.outputs[0].scale).mean() >= 0.99
    qat_model.save(tmp_path / "m.keras")
    loaded = k.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), ours)
    plain = strip_quantization(loaded)
    assert [layer.name for layer in plain.layers] == [layer.name for layer in model.layers]
    assert [w.shape for w in plain.get_weights()] == [w.shape for w in before]
    assert np.abs(plain.predict(x, verbose=0) - ours).max() < 0.05


@pytest.mark.parametrize(
    "first", ["import keras, tfcompress", pytest.param("import tfcompress, keras", marks=pytest.mark.slow)]
)
def test_loads_in_a_fresh_process(first, x, tmp_path):
    quantize_aware(small(keras), samples=x).save(tmp_path / "m.keras")
    code = f"{first}; keras.models.load_model({str(tmp_path / 'm.keras')!r})"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_learns_from_the_float_model_without_labels(k, x):
    qat_model = quantize_aware(small(k), samples=x, distill=True)
    qat_model.compile("adam")
    assert qat_model.fit(x, verbose=0).history["loss"][0] < 0.1


def test_checkpoints_and_resuming(k, x, tmp_path):
    y = np.arange(48) % 10
    qat_model = quantize_aware(small(k), samples=x)
    saved = k.callbacks.ModelCheckpoint(str(tmp_path / "best.keras"))
    kept = k.callbacks.BackupAndRestore(str(tmp_path / "backup"))
    qat_model.fit(x, y, epochs=2, verbose=0, callbacks=[saved, kept])
    loaded = k.models.load_model(tmp_path / "best.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), qat_model.predict(x, verbose=0))
    loaded.fit(x, y, verbose=0)  # compiled as it was
    assert np.isfinite(loaded.predict(x, verbose=0)).all()


def test_two_devices_see_one_range(k, x, strategy):
    with strategy.scope():
        qat_model = quantize_aware(small(k))
        qat_model.compile(k.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    qat_model.fit(x, np.arange(48) % 10, batch_size=16, verbose=0)
    ours = qat_model.predict(x, verbose=0)
    tflite = convert(qat_model)
    assert (
        np.abs(ours - Runner(tflite, runtime="reference").predict(x)) <= 1.01 * tflite.outputs[0].scale
    ).mean() > 0.9


def test_half_precision_is_trained_in_single(k, x, capsys):
    before = k.mixed_precision.global_policy() if k is not keras else keras.mixed_precision.dtype_policy()
    k.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = small(k)
    finally:
        k.mixed_precision.set_global_policy(before)
    qat_model = quantize_aware(model, samples=x)
    assert "computes in float32" in capsys.readouterr().err
    assert np.abs(model.predict(x, verbose=0) - qat_model.predict(x, verbose=0)).max() < 0.05
    assert not [op for op in convert(qat_model).ops if any(tensor.is_float for tensor in op.inputs)]


def test_zeros_stay_through_training_and_into_the_file(k, x):
    y = np.arange(48) % 10
    model = small(k)
    model.fit(x, y, batch_size=8, epochs=3, verbose=0, callbacks=[MagnitudePruning(0.8)])
    zeros = tfcompress.sparsity(model).total
    qat_model = quantize_aware(model, samples=x)
    qat_model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[MagnitudePruning(0.8)])
    assert tfcompress.sparsity(qat_model).total == zeros
    rows = [row for row in tfcompress.inspect(convert(qat_model)).rows if row.zeros is not None]
    kernels = {path: counts.size for path, counts in tfcompress.sparsity(model).kernels.items()}
    in_file = sum(row.zeros * size for row, size in zip(rows, kernels.values(), strict=True))
    assert in_file >= zeros * sum(kernels.values()) - 0.5


class Doubling(keras.layers.Layer):
    def call(self, x):
        return x * 2.0


class Int8Doubling(Doubling):
    def int8_call(self, quantizer, x):
        return quantizer.activation(x * 3.0, "thrice") - x


def test_custom_layers_are_listed_or_bring_their_recipe():
    entry = keras.Input((4,))
    model = keras.Model(entry, Int8Doubling(name="own")(Doubling(name="alien")(keras.layers.Dense(3)(entry))))
    table = quantize_aware(model).quantization
    assert [row.path for row in table.gaps] == ["alien"]
    assert "alien" in str(table)
    with pytest.raises(tfcompress.QuantizationError, match="alien"):
        quantize_aware(model, strict=True)


def test_bad_input(x):
    model = small(keras)
    with pytest.raises(tfcompress.ModelError, match="built"):
        quantize_aware(keras.Sequential([layers.Dense(3)]))
    with pytest.raises(tfcompress.ModelError, match="already"):
        quantize_aware(quantize_aware(model))
    with pytest.raises(tfcompress.DataError, match="shape"):
        quantize_aware(model, samples=x[:, :3])
    with pytest.raises(tfcompress.SelectionError):
        quantize_aware(model, exclude="nothing")
    with pytest.raises(tfcompress.QuantizationError):
        quantize_aware(one_layer(Doubling(), (3,)))
    with pytest.raises(tfcompress.ModelError, match="seen data"):
        convert(quantize_aware(model))
    with pytest.raises(tfcompress.ModelError, match="quantization-aware"):
        strip_quantization(model)


def test_samples_take_the_place_of_ranges_that_have_seen_nothing(x):
    model = small(keras)
    predicted = [Runner(convert(one, samples=x)).predict(x) for one in (quantize_aware(model), model)]
    np.testing.assert_array_equal(*predicted)
