"""Recurrent layers train as they run: integer ops alone in the file, and the numbers of the trained model."""

import numpy as np
import pytest

import tfcompress
from tfcompress import Runner, convert, quantize_aware, strip_quantization
from tfcompress.litert.inspect import float_ops

STEPS, FEATURES, WORDS = 6, 4, 9
FUSED = "UNIDIRECTIONAL_SEQUENCE_LSTM"


def stateful_pair(layers, x):
    whole, *state = layers.LSTM(5, return_sequences=True, return_state=True, name="first")(x)
    return layers.LSTM(5, return_sequences=True, name="second")(whole, initial_state=state)


LAYERS = {
    "LSTM": lambda layers, x: layers.LSTM(5, name="rnn")(x),
    "LSTM backwards": lambda layers, x: layers.LSTM(5, go_backwards=True, return_sequences=True, name="rnn")(x),
    "stacked LSTM": lambda layers, x: layers.LSTM(4)(layers.LSTM(5, return_sequences=True, name="rnn")(x)),
    "LSTM of hard sigmoid": lambda layers, x: layers.LSTM(5, recurrent_activation="hard_sigmoid", name="rnn")(x),
    "GRU": lambda layers, x: layers.GRU(5, return_sequences=True, name="rnn")(x),
    "GRU of old": lambda layers, x: layers.GRU(5, reset_after=False, name="rnn")(x),
    "SimpleRNN": lambda layers, x: layers.SimpleRNN(5, name="rnn")(x),
    "a cell": lambda layers, x: layers.RNN(layers.GRUCell(5), name="rnn")(x),
    "both directions": lambda layers, x: layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="rnn")(x),
    "their mean": lambda layers, x: layers.Bidirectional(layers.GRU(4), merge_mode="ave", name="rnn")(x),
    "states": stateful_pair,
}


def words(k):
    ids = k.Input((STEPS,), dtype="int32", name="ids")
    table = k.initializers.RandomNormal(stddev=1.0)  # as wide as trained ones
    return ids, k.layers.Embedding(WORDS, 4, embeddings_initializer=table, mask_zero=True, name="embed")(ids)


def built(k, kind, head=True):
    k.utils.set_random_seed(0)
    layers = k.layers
    if kind.startswith("masked"):
        entry, x = words(k)
        inner = layers.GRU(4) if kind == "masked GRU" else layers.Bidirectional(layers.LSTM(4, return_sequences=True))
        x = inner(x)
    else:
        entry = k.Input((STEPS, FEATURES), name="steps")
        x = LAYERS[kind](layers, entry)
    if head:
        x = layers.Dense(2)(x) if len(x.shape) == 2 else layers.Conv1D(4, 3, padding="same")(x)
    return k.Model(entry, x)


def data(rng, kind):
    if kind.startswith("masked"):
        ids = rng.integers(1, WORDS, (64, STEPS)).astype("int32")
        ids[:, 3:] *= rng.integers(0, 2, (64, STEPS - 3)).astype("int32")
        return ids
    return rng.normal(size=(64, STEPS, FEATURES)).astype("float32")


def trained(model, x, rng, **settings):
    model.compile("adam", "mse")
    qat_model = quantize_aware(model, **settings)
    y = rng.normal(0, 0.5, (len(x), *model.output_shape[1:])).astype("float32")
    qat_model.fit(x, y, batch_size=16, verbose=0)
    return qat_model


def steps_apart(qat_model, tflite, x):
    ours, device = (np.asarray(found).ravel() for found in (qat_model.predict(x, verbose=0), on_device(tflite, x)))
    return np.abs(ours - device) / tflite.outputs[0].scale


def on_device(tflite, x):
    return Runner(tflite, runtime="reference", workers=1).predict(x)


@pytest.mark.parametrize("kind", [*LAYERS, "masked GRU", "masked both directions"])
def test_a_trained_layer_is_integer_and_computes_what_its_file_does(k, kind, rng):
    x = data(rng, kind)
    qat_model = trained(built(k, kind), x, rng)
    assert not qat_model.quantization.gaps
    tflite = convert(qat_model)
    assert float_ops(tflite) == []
    apart = steps_apart(qat_model, tflite, x)
    assert (apart <= 1.01).mean() >= 0.99
    fused = kind in {"LSTM", "LSTM backwards", "stacked LSTM", "both directions"}
    assert (FUSED in {op.name for op in tflite.ops}) == fused


@pytest.mark.parametrize("kind", ["LSTM", "GRU of old", "both directions"])
def test_alone_too_with_ranges_measured_before(kind, rng):
    import keras

    x = data(rng, kind)
    model = built(keras, kind, head=False)
    measured = quantize_aware(model, samples=x)
    spread = np.ptp(model.predict(x, verbose=0))
    assert np.abs(measured.predict(x, verbose=0) - model.predict(x, verbose=0)).mean() < 0.01 * spread
    qat_model = trained(model, x, rng, samples=x)
    tflite = convert(qat_model)
    assert float_ops(tflite) == []
    assert (steps_apart(qat_model, tflite, x) <= 1.01).mean() >= 0.99
    assert "rnn" in set(tflite.manifest["layers"].values())


@pytest.mark.parametrize("kind", ["LSTM", "masked GRU"])
def test_saved_and_loaded_it_is_the_same_and_its_float_model_is_there(k, kind, rng, tmp_path):
    x = data(rng, kind)
    model = built(k, kind)
    qat_model = trained(model, x, rng)
    path = tmp_path / "model.keras"
    qat_model.save(path)
    loaded = k.models.load_model(path)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), qat_model.predict(x, verbose=0))
    plain = strip_quantization(loaded)
    assert [type(layer).__name__ for layer in plain.layers] == [type(layer).__name__ for layer in model.layers]
    for mine, theirs in zip(plain.get_weights(), strip_quantization(qat_model).get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_task_is_learnt_in_eight_bits(rng):
    """Whether the sum of what comes in is above zero."""
    import keras

    keras.utils.set_random_seed(1)
    x = rng.normal(size=(512, STEPS, 2)).astype("float32")
    y = (x.sum((1, 2)) > 0).astype("int32")
    entry = keras.Input((STEPS, 2))
    model = keras.Model(entry, keras.layers.Dense(2)(keras.layers.LSTM(6)(entry)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.03), loss, metrics=["accuracy"])
    qat_model = quantize_aware(model)
    qat_model.fit(x, y, epochs=4, verbose=0)
    assert (on_device(convert(qat_model), x).argmax(-1) == y).mean() > 0.9


def test_a_layer_that_stays_float_is_unrolled_in_the_file(rng):
    import keras

    x = data(rng, "GRU")
    qat_model = trained(built(keras, "GRU"), x, rng, exclude="rnn")
    tflite = convert(qat_model)
    computing = [op for op in float_ops(tflite) if op.name not in {"QUANTIZE", "DEQUANTIZE"}]
    names = {tflite.manifest["layers"].get(op.outputs[0].name) for op in computing}
    assert "rnn" in names
    assert names <= {"rnn", None}
    assert (steps_apart(qat_model, tflite, x) <= 1.01).mean() >= 0.99


@pytest.mark.one_keras
def test_in_another_kind_the_float_model_is_calibrated(k, rng):
    x = data(rng, "GRU")
    qat_model = trained(built(k, "GRU"), x, rng)
    calibrated, plain = (convert(model, "int16x8", samples=x) for model in (qat_model, strip_quantization(qat_model)))
    assert float_ops(calibrated) == []
    np.testing.assert_array_equal(on_device(calibrated, x), on_device(plain, x))


def test_zeros_of_pruning_stay_and_frozen_layers_do_not_move(rng):
    import keras

    model = built(keras, "GRU")
    rnn = model.get_layer("rnn")
    kernel = rnn.cell.kernel.numpy()
    kernel[np.abs(kernel) < np.median(np.abs(kernel))] = 0.0
    rnn.cell.kernel.assign(kernel)
    x = data(rng, "GRU")
    qat_model = trained(model, x, rng)
    after = strip_quantization(qat_model).get_layer("rnn").cell
    assert (after.kernel.numpy()[kernel == 0] == 0).all()
    assert (after.kernel.numpy() != kernel).any()
    model.get_layer("rnn").trainable = False
    still = strip_quantization(trained(model, x, rng)).get_layer("rnn").cell
    np.testing.assert_array_equal(still.recurrent_kernel.numpy(), rnn.cell.recurrent_kernel.numpy())


@pytest.mark.parametrize("kind", ["GRU", "GRU of 14 steps"])
def test_sequences_of_int16_states_that_the_model_puts_out(kind, rng):
    """Of 11 steps and more, as the quantizer puts digits behind names: mul_1 becomes another mul_11."""
    import keras

    steps = 6 if kind == "GRU" else 14
    entry = keras.Input((steps, FEATURES))
    model = keras.Model(entry, keras.layers.GRU(4, return_sequences=True, name="rnn")(entry))
    x = rng.normal(size=(64, steps, FEATURES)).astype("float32")
    qat_model = trained(model, x, rng, samples=x)
    tflite = convert(qat_model)
    assert float_ops(tflite) == []
    assert (steps_apart(qat_model, tflite, x) <= 1.01).mean() >= 0.99


def test_what_cannot_become_integer_is_told_before_training(rng):
    import keras

    entry = keras.Input((None, 3))
    open_length = keras.Model(entry, keras.layers.Dense(1)(keras.layers.GRU(2, name="rnn")(entry)))
    (gap,) = quantize_aware(open_length).quantization.gaps
    assert gap.path == "rnn"
    assert "open length" in gap.scheme
    with pytest.raises(tfcompress.QuantizationError, match="open length"):
        quantize_aware(open_length, strict=True)
