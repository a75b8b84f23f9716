"""What the check of model files lets through: all that Keras itself saves and loads again."""

import pytest

from benchmarks.layers import LAYERS, network
from tfcompress import ModelError, load_keras

SMALL = ("MobileNetV2", "MobileNetV3Small", "EfficientNetV2B0")


def saved(model, path):
    """Save a model; whether its own Keras could load it again."""
    module = __import__(type(model).__module__.split(".")[0])
    try:
        model.save(path)
        module.models.load_model(path)
    except Exception:
        return False
    return True


def refused(model, folder, k, suffixes):
    """What Keras saves and loads and we do not; it saves one of the forms at least."""
    found, saves = [], 0
    for suffix in suffixes if k.__name__ == "tf_keras" else [suffix for suffix in suffixes if suffix]:
        path = folder / f"model{suffix}"
        try:
            model.save(path)
        except Exception:
            continue
        saves += 1
        try:
            load_keras(path)
        except ModelError as error:
            if saved(model, path):
                found.append(f"{suffix}: {error}")
    assert saves
    return found


def test_functions_of_tensorflow_and_of_keras_load(tmp_path):
    import keras
    import tensorflow as tf
    import tf_keras

    x = tf_keras.Input((4,))
    y = tf.concat([tf.nn.relu(x) * 2 + 1, x[:, :2]], -1)
    y = tf.reshape(tf.where(y > 0, y, -y), (-1, 6)) / tf.reduce_sum(tf.abs(y), -1, keepdims=True)
    y = tf.math.sin(tf.transpose(tf.expand_dims(y, 1), (0, 2, 1)))
    assert not refused(tf_keras.Model(x, y), tmp_path, tf_keras, (".keras", ".h5", ""))
    x = keras.Input((8, 8, 3))
    y = keras.layers.Lambda(keras.applications.mobilenet_v2.preprocess_input)(x)
    assert not refused(keras.Model(x, y), tmp_path, keras, (".keras",))
    x = keras.Input((4, 4))
    y = keras.ops.softmax(keras.ops.einsum("abc,acd->abd", keras.ops.relu(x)[:, :2] * 2 + 1, x))
    y = keras.layers.Dense(2, activation=keras.ops.sigmoid, kernel_regularizer="l2", kernel_constraint="max_norm")(y)
    assert not refused(keras.Model(x, y), tmp_path, keras, (".keras",))


def test_what_lies_in_other_layers_loads(k, tmp_path):
    cells = [k.layers.GRUCell(3), k.layers.LSTMCell(2)]
    model = k.Sequential(
        [
            k.layers.Input((5, 3)),
            k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True)),
            k.layers.TimeDistributed(k.layers.Dense(4, "relu", kernel_initializer=k.initializers.HeNormal())),
            k.layers.RNN(cells),
        ]
    )
    model.compile(
        k.optimizers.Adam(k.optimizers.schedules.CosineDecay(0.1, 10)),
        loss=k.losses.CategoricalCrossentropy(label_smoothing=0.1),
        metrics=["accuracy", k.metrics.AUC()],
    )
    assert not refused(model, tmp_path, k, (".keras", ".h5"))
    assert load_keras(tmp_path / "model.keras").optimizer is not None
    words = k.Sequential([k.layers.Input((1,), dtype="string"), k.layers.StringLookup(vocabulary=["a", "b"])])
    assert not refused(words, tmp_path, k, (".keras",))


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_loads(k, name, tmp_path):
    if not LAYERS[name].exists(k):
        pytest.skip("no such layer in this Keras")
    try:
        model = network(k, name)
    except ValueError:
        pytest.skip("no such activation in this Keras")
    assert not refused(model, tmp_path, k, (".keras", ".h5", ""))


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_applications_load(k, name, tmp_path):
    model = getattr(k.applications, name)(weights=None, input_shape=(96, 96, 3), classes=10)
    assert not refused(model, tmp_path, k, (".keras", ".h5"))
