"""A name that TensorFlow cannot trace is one error, wherever a model is traced, and the way out works."""

import keras
import numpy as np
import pytest

import tfcompress

L = keras.layers


def network(layer="a", name="net", inner="inner"):
    inside = keras.Sequential([L.Input((3,)), L.Dense(3, name=inner)], name="block")
    return keras.Sequential([L.Input((4,)), L.Dense(3, name=layer), inside], name=name)


@pytest.mark.parametrize("names", [{"layer": "größe"}, {"layer": "my layer"}, {"inner": "a:b"}, {"name": "my model"}])
def test_the_error_names_what_to_rename(names):
    model, x = network(**names), np.ones((64, 4), "float32")
    other = tfcompress.convert(network(), "float32")
    (bad,) = names.values()
    for use in (
        lambda: tfcompress.convert(model, samples=x),
        lambda: tfcompress.quantize_aware(model),
        lambda: tfcompress.compare(model, other, x),
        lambda: tfcompress.preflight(model, "cpu"),
    ):
        with pytest.raises(tfcompress.ModelError, match="Rename them") as told:
            use()
        assert f"Received: {bad!r}." in str(told.value)
    better = told.value.hint.split("name=")[1].split("'")[1]
    renamed = network(**dict.fromkeys(names, better))
    renamed.set_weights(model.get_weights())
    assert tfcompress.compare(renamed, tfcompress.convert(renamed, "float32"), x).max_error < 1e-5


def test_a_leading_underscore_is_in_the_way_of_training_alone():
    model = network("_a")
    tfcompress.convert(model, "float32")
    with pytest.raises(tfcompress.ModelError, match=r"Received: '_a'.*name='layer_a'"):
        tfcompress.quantize_aware(model)


def test_tf_keras_models_too():
    import tf_keras

    model = tf_keras.Sequential([tf_keras.layers.Input((4,)), tf_keras.layers.Dense(3)], name="my model")
    with pytest.raises(tfcompress.ModelError, match="Received: 'my model'"):
        tfcompress.convert(model, "float32")
