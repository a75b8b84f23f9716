"""What is trained is what runs; the model stays an ordinary one; every mistake is one clear error."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

import tfcompress
from tfcompress import Runner, convert, quantize_aware, strip_quantization


@pytest.fixture
def x(rng):
    return rng.uniform(-1, 1, (48, 8, 8, 4)).astype("float32")


def one_layer(layer, shape):
    entry = keras.Input(shape)
    return keras.Model(entry, layer(entry))


LAYERS = {
    "Conv1D": lambda: (layers.Conv1D(6, 3, activation="relu"), (8, 4)),
    "Conv2DTranspose": lambda: (layers.Conv2DTranspose(6, 3, strides=2), (8, 8, 4)),
    "DepthwiseConv2D": lambda: (layers.DepthwiseConv2D(3, activation="relu"), (8, 8, 4)),
    "SeparableConv2D": lambda: (layers.SeparableConv2D(6, 3, activation="relu"), (8, 8, 4)),
    "Dense": lambda: (layers.Dense(5, activation="softmax"), (7,)),
    "EinsumDense": lambda: (layers.EinsumDense("abc,cde->abde", (None, 2, 3)), (8, 4)),
    "BatchNormalization": lambda: (layers.BatchNormalization(), (8, 8, 4)),
    "PReLU": lambda: (layers.PReLU(alpha_initializer="uniform", shared_axes=[1, 2]), (8, 8, 4)),
    "hard_swish": lambda: (layers.Activation("hard_swish"), (8, 8, 4)),
    "AveragePooling2D": lambda: (layers.AveragePooling2D(2), (8, 8, 4)),
    "UpSampling1D": lambda: (layers.UpSampling1D(2), (8, 4)),
    "Rescaling": lambda: (layers.Rescaling(1 / 3, 0.1), (8, 8, 4)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_one_layer_is_all_integer_and_within_one_step(kind, rng):
    layer, shape = LAYERS[kind]()
    model = one_layer(layer, shape)
    x = rng.uniform(-1, 1, (48, *shape)).astype("float32")
    qat_model = quantize_aware(model, samples=x)
    tflite = convert(qat_model)  # raises where an op stays float
    difference = np.abs(qat_model.predict(x, verbose=0) - Runner(tflite, runtime="reference").predict(x))
    assert (difference <= 1.01 * tflite.outputs[0].scale).mean() >= 0.99


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


@pytest.mark.parametrize("first", ["import tfcompress, keras", "import keras, tfcompress"])
def test_loads_in_a_fresh_process(first, x, tmp_path):
    quantize_aware(network(keras), samples=x).save(tmp_path / "m.keras")
    code = f"{first}; keras.models.load_model({str(tmp_path / 'm.keras')!r})"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_learns_from_the_float_model_without_labels(k, x):
    qat_model = quantize_aware(network(k), samples=x, distill=True)
    qat_model.compile("adam")
    assert qat_model.fit(x, verbose=0).history["loss"][0] < 0.1


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
    model = network(keras)
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
