"""Operations of keras.ops and recurrent layers have a name in the file, for keep_float, keep_int16 and the proof."""

import numpy as np
import pytest

import tfcompress


def test_an_operation_is_kept_in_float_by_its_name(rng):
    import keras
    from keras import ops

    x = rng.normal(size=(60, 8)).astype("float32")
    inputs = keras.Input((8,))
    power = ops.multiply(inputs, inputs)
    model = keras.Model(inputs, ops.sqrt(ops.add(power, 0.01)))
    root = model.operations[-1].name
    tflite = tfcompress.convert(model, samples=x, keep_float=[root], io="float32")
    floats = [op.name for op in tflite.ops if op.outputs[0].is_float and op.name not in ("QUANTIZE", "DEQUANTIZE")]
    assert floats == ["SQRT"]
    assert {op.name for op in model.operations[1:]} <= set(tflite.manifest["layers"].values())


def test_argmax_of_keras_is_that_of_tensorflow(rng):
    import keras
    from keras import ops

    x = rng.normal(size=(60, 5, 7)).astype("float32")
    inputs = keras.Input((5, 7))
    model = keras.Model(inputs, [ops.argmax(inputs, -1), ops.argmin(inputs, 1, keepdims=True), ops.argmax(inputs)])
    for kind in ("float32", "int8", "int16x8"):
        found = tfcompress.Runner(tfcompress.convert(model, kind, samples=None if kind == "float32" else x)).predict(x)
        first, second, _ = found.values()
        assert (first == x.argmax(-1)).mean() > (0.99 if kind != "int8" else 0.9)
        assert second.shape == (60, 1, 7)
    before = ops.argmax(np.array([[1.0, 3.0]]), -1)
    assert int(before[0]) == 1, "Keras has its own again"


@pytest.mark.parametrize("kind", ["int8", "int16x8"])
def test_places_of_the_largest_are_integer_where_nobody_reads_the_values(rng, kind):
    import keras
    from keras import ops

    x = rng.normal(size=(60, 9)).astype("float32")
    inputs = keras.Input((9,))
    tflite = tfcompress.convert(keras.Model(inputs, ops.top_k(inputs, 2)[1]), kind, samples=x)
    assert tfcompress.inspect(tflite).float_ops == ()
    found = tfcompress.Runner(tflite).predict(x)
    assert (found[:, 0] == x.argmax(1)).mean() > 0.9


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_recurrent_layer_has_its_name(rng, kind):
    import keras

    x = rng.normal(size=(60, 5, 3)).astype("float32")
    layer = getattr(keras.layers, kind)(6, name="rnn")
    model = keras.Sequential([keras.Input((5, 3)), layer, keras.layers.Dense(2, name="out")])
    tflite = tfcompress.convert(model, samples=x)
    assert set(tflite.manifest["layers"].values()) == {"rnn", "out"}
    kept = tfcompress.convert(model, samples=x, keep_float="rnn")
    assert kept.manifest["decisions"]["rnn"]["because"] == "keep_float"
    fine = tfcompress.convert(model, samples=x, keep_int16="rnn")
    right = model.predict(x, verbose=0)
    errors = [np.abs(tfcompress.Runner(each).predict(x) - right).mean() for each in (tflite, kept, fine)]
    assert max(errors) < 0.02 * np.ptp(right)
    rows = tfcompress.layer_errors(tfcompress.convert(model, "float32"), tflite, x).rows
    assert {row.layer for row in rows} == {"rnn", "out"}
    assert all(row.sqnr > 15 for row in rows)


def test_both_directions_of_a_recurrent_layer_are_compared_as_one(rng):
    import keras

    x = rng.normal(size=(60, 5, 3)).astype("float32")
    both = keras.layers.Bidirectional(keras.layers.GRU(4, return_sequences=True), name="both")
    model = keras.Sequential([keras.Input((5, 3)), both, keras.layers.Dense(2, name="out")])
    rows = tfcompress.layer_errors(tfcompress.convert(model, "float32"), tfcompress.convert(model, samples=x), x).rows
    assert {row.layer for row in rows} == {"both", "out"}
    assert all(row.sqnr > 20 for row in rows)


def test_what_computes_a_mask_has_the_name_of_the_layer_that_masks(rng):
    import keras
    from keras import layers

    x = rng.normal(size=(60, 4, 3)).astype("float32")
    x[:, 3:] = 0
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, layers.SimpleRNN(4, name="rnn")(layers.Masking(name="masking")(inputs)))
    tflite = tfcompress.convert(model, samples=x, keep_float="masking")
    assert set(tflite.manifest["layers"].values()) == {"masking", "rnn"}
    right, found = model.predict(x, verbose=0), tfcompress.Runner(tflite, runtime="reference").predict(x)
    assert 10 * np.log10(right.var() / np.square(found - right).mean()) > 30
