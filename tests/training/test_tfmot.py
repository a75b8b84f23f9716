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
