"""Models with settings that are easily overlooked compute what their float model does, or say that they do not."""

import numpy as np
import pytest

import tfcompress
from tests.versions import older
from tfcompress import Runner, convert, quantize_aware

pytestmark = pytest.mark.one_keras

KINDS = {
    "activation of one's own": lambda layers: layers.Dense(3, activation=squared_relu),
    "ReLU with a limit": lambda layers: layers.ReLU(max_value=1.0),
    "Normalization of another axis": lambda layers: layers.Normalization(axis=1, mean=[0.1] * 8, variance=[0.5] * 8),
    "random in training": lambda layers: layers.RandomFlip(),
}


def squared_relu(x):
    return x * x


def near(model, x):
    """The quantization-aware twin, after it was seen to compute what the model does."""
    qat_model = quantize_aware(model, samples=x)
    expected = np.asarray(model.predict(x, verbose=0))
    error = np.abs(np.asarray(qat_model.predict(x, verbose=0)) - expected).mean()
    assert error < 0.03 * (expected.max() - expected.min())
    return qat_model


@pytest.mark.parametrize("kind", KINDS)
def test_computes_what_the_float_model_does(k, kind, rng):
    if kind == "Normalization of another axis" and k.__name__ == "keras" and older("keras", "3.15"):
        pytest.skip("this Keras cannot build it")
    entry = k.Input((8, 8, 3))
    model = k.Model(entry, k.layers.Dense(2)(k.layers.Flatten()(k.layers.Conv2D(4, 3)(KINDS[kind](k.layers)(entry)))))
    x = rng.normal(size=(64, 8, 8, 3)).astype("float32")
    qat_model = near(model, x)
    tflite = convert(qat_model)
    ours = qat_model.predict(x, verbose=0)
    assert (np.abs(ours - Runner(tflite).predict(x)) <= 2.01 * tflite.outputs[0].scale).mean() > 0.95


def test_attention_with_a_constant_mask(rng):
    k = pytest.importorskip("keras")  # tf_keras cannot rebuild a call with a constant mask
    entry = k.Input((6, 4))
    allowed = np.tril(np.ones((1, 6, 6), bool))
    model = k.Model(entry, k.layers.MultiHeadAttention(2, 4, name="heads")(entry, entry, attention_mask=allowed))
    x = rng.normal(size=(64, 6, 4)).astype("float32")
    model = k.Model(model.input, k.layers.Dense(2)(model.output))
    assert near(model, x).quantization.gaps == []


def test_subclassed_models_train_their_norms(k, rng):
    class Model(k.Model):
        def __init__(self):
            super().__init__()
            self.norm, self.drop, self.dense = k.layers.BatchNormalization(), k.layers.Dropout(0.1), k.layers.Dense(1)

        def call(self, x, training=None):
            return self.dense(self.drop(self.norm(x, training=training), training=training))

    model, x = Model(), rng.normal(5, 1, (64, 4)).astype("float32")
    model(x)
    qat_model = quantize_aware(model)
    qat_model.compile("sgd", "mse")
    qat_model.fit(x, x[:, :1], batch_size=8, verbose=0)
    norm = next(layer for layer in qat_model.origin.float_model.layers if "normalization" in layer.name)
    assert np.abs(np.asarray(norm.moving_mean)).min() > 0.1


def my_loss(y_true, y_pred):
    return (y_true - y_pred) ** 2


def test_losses_by_name_and_of_ones_own_are_compiled_again(k, rng):
    entry = k.Input((4,))
    outputs = [k.layers.Dense(3, "softmax", name="cls")(entry), k.layers.Dense(1, name="reg")(entry)]
    model = k.Model(entry, outputs)
    model.compile("adam", loss={"cls": "sparse_categorical_crossentropy", "reg": my_loss}, metrics={"cls": "accuracy"})
    x = rng.normal(size=(32, 4)).astype("float32")
    history = quantize_aware(model).fit(x, {"cls": np.arange(32) % 3, "reg": x[:, :1]}, verbose=0)
    assert any("accuracy" in name for name in history.history)


def test_teachers_are_copied_and_checked(k, rng):
    entry = k.Input((4,))
    model, other = k.Model(entry, k.layers.Dense(3)(entry)), k.Model(entry, k.layers.Dense(1)(entry))
    quantize_aware(model, distill=model)
    assert len(model.trainable_weights) == 2
    for teacher in (other, "yes"):
        with pytest.raises(tfcompress.ModelError):
            quantize_aware(model, distill=teacher)
