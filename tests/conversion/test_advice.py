"""Ops outside the builtins: an error that names the layer and the way out, or allowed by name."""

import numpy as np
import pytest

import tfcompress
from tfcompress.conversion.advice import advice

pytestmark = pytest.mark.one_keras


def model_of(k, function):
    class Own(k.layers.Layer):
        def call(self, x):
            return function(x)

    return k.Sequential([k.layers.Input((4, 4)), k.layers.Dense(4, name="before"), Own(name="own")])


def test_ops_without_a_builtin_form_name_the_layer_and_the_way_out(k, rng):
    import tensorflow as tf

    x = rng.random((60, 4, 4))
    for function, op, instead in (
        (tf.linalg.inv, "MatrixInverse", "write the formula"),
        (tf.math.erf, "Erf", "keras.activations.gelu"),
    ):
        for kind in ("float32", "int8"):
            with pytest.raises(tfcompress.ConversionError, match=rf"{op} \(layer own\).*{instead}"):
                tfcompress.convert(model_of(k, function), kind, samples=x if kind == "int8" else None)


def test_float_ops_of_an_integer_file_name_the_layer_and_the_way_out(k, rng):
    import tensorflow as tf

    model = model_of(k, lambda x: tf.cumsum(x, 1))
    x = rng.random((60, 4, 4))
    with pytest.raises(tfcompress.ConversionError, match=r"CUMSUM \(layer own\).*band_part.*keep_float"):
        tfcompress.convert(model, samples=x)
    kept = tfcompress.convert(model, samples=x, keep_float="own")
    assert [op.outputs[0].dtype for op in kept.ops if op.name == "CUMSUM"] == ["float32"]


def test_what_is_advised_for_cumsum_and_exact_gelu_works(k, rng):
    import tensorflow as tf

    summed = tf.linalg.band_part(tf.ones((4, 4)), -1, 0)
    for function in (lambda x: tf.matmul(summed, x), k.activations.gelu):
        model, x = model_of(k, function), rng.random((60, 4, 4))
        tflite = tfcompress.convert(model, samples=x)
        assert tfcompress.inspect(tflite).float_ops == ()
        found, right = tfcompress.Runner(tflite).predict(x), model.predict(x, verbose=0)
        assert np.abs(found - right).mean() < 0.02 * np.ptp(right)


def test_extra_ops_are_allowed_by_name(k):
    import tensorflow as tf

    model = model_of(k, tf.math.erf)
    assert "FlexErf" in {op.name for op in tfcompress.convert(model, "float32", extra_ops=["Erf"]).ops}
    with pytest.raises(tfcompress.ConversionError, match=r"FlexErf \(layer own\)"):
        tfcompress.convert(model, "float32", extra_ops=["Atan"])


def test_advice_is_given_once():
    assert len(advice(["FLOOR", "ROUND", "CEIL", "CONV_2D"])) == 1
