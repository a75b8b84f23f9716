"""Noise by layer: the layer that was made bad is on top, and sums agree with the whole file."""

import numpy as np
import pytest

import tfcompress
from tests.models import images, nested, small_cnn
from tfcompress.comparison.mixed_precision import MixedPrecisionRunner
from tfcompress.comparison.op_by_op import OpByOpRunner

pytestmark = pytest.mark.one_keras


def deeper(k):
    """A residual network of four convolutions."""
    layers = k.layers
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="first")(image)
    y = layers.BatchNormalization(name="norm")(layers.Conv2D(6, 3, padding="same", name="second")(x))
    x = layers.ReLU(name="relu")(layers.Add(name="sum")([x, y]))
    x = layers.Conv2D(8, 3, activation="relu", name="third")(x)
    x = layers.DepthwiseConv2D(3, name="fourth")(x)
    return k.Model(image, layers.Dense(10, activation="softmax", name="digit")(layers.Flatten(name="flat")(x)))


def files(model, rng):
    return tfcompress.convert(model, "float32"), tfcompress.convert(model, samples=images(rng, 100))


@pytest.mark.parametrize("bad", ["first", "second", "third", "fourth"])
def test_a_layer_that_was_made_bad_is_on_top(k, rng, bad):
    model = deeper(k)
    weights = model.get_layer(bad).get_weights()
    weights[0][(..., 1, 0) if bad == "fourth" else (..., 1)] *= 1000  # a depthwise kernel ends in (channel, 1)
    model.get_layer(bad).set_weights(weights)
    errors = tfcompress.layer_errors(*files(model, rng), images(rng, 30))
    assert errors.rows[0].layer == bad, str(errors)
    assert errors.rows[0].sqnr < errors.rows[1].sqnr


def test_layers_kept_in_float_have_no_row(k, rng):
    model, samples = deeper(k), images(rng, 100)
    quantized = tfcompress.convert(model, samples=samples, keep_float=["third"])
    errors = tfcompress.layer_errors(model, quantized, samples[:30])
    assert "third" not in {row.layer for row in errors.rows}
    assert {"first", "fourth", "digit"} <= {row.layer for row in errors.rows}


@pytest.mark.parametrize("build", [small_cnn, deeper, nested])
def test_all_in_integers_is_the_file_and_all_in_float_is_the_float_file(build, rng):
    import keras

    floating, quantized = files(build(keras), rng)
    mixed, x = OpByOpRunner(floating, quantized), images(rng, 12)
    for in_float, tflite, tolerance in (((), quantized, 0), (mixed.layers, floating, 1e-5)):
        expected = tfcompress.Runner(tflite).predict(x)
        found = mixed.run({"image": x}, in_float)
        for name, values in found.items():
            whole = expected[name] if isinstance(expected, dict) else expected
            np.testing.assert_allclose(values, whole, atol=tolerance)
    assert not (set(mixed.layers) - {layer.name for layer in build(keras).layers} - {"inner/deep"})


def test_the_ratio_is_that_of_the_last_layer_computed_by_hand(rng):
    import keras

    model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(4, name="only")])
    x = rng.normal(size=(80, 6)).astype("float32")
    floating, quantized = tfcompress.convert(model, "float32"), tfcompress.convert(model, samples=x)
    (row,) = tfcompress.layer_errors(floating, quantized, x).rows
    expected, found = (tfcompress.Runner(tflite).predict(x).astype("float64") for tflite in (floating, quantized))
    by_hand = 10 * np.log10((expected**2).sum(0) / ((expected - found) ** 2).sum(0))
    assert row.sqnr_in_file == pytest.approx(by_hand.mean(), abs=1e-3)
    spec = quantized.outputs[0]
    least, most = (spec.scale * (limit - spec.zero_point) for limit in (-128, 127))
    beyond = (expected < least - spec.scale / 2) | (expected > most + spec.scale / 2)
    assert row.saturated == pytest.approx(beyond.mean())
    span = min(expected.max(), most) - max(expected.min(), least)
    assert row.used == pytest.approx(span / (most - least), abs=1e-5)
    assert "only" in str(tfcompress.layer_errors(floating, quantized, x))


def test_the_list_of_layers_meets_the_budget_and_has_none_to_spare(rng):
    import keras

    keras.utils.set_random_seed(3)
    model = deeper(keras)
    for name, place, factor in (("third", (..., 1), 1000), ("fourth", (..., 1, 0), 1 / 1000)):
        weights = model.get_layer(name).get_weights()
        weights[0][place] *= factor  # the next layer takes it back: in float nothing has changed
        model.get_layer(name).set_weights(weights)
    floating, quantized = files(model, rng)
    x = images(rng, 60)
    y = tfcompress.Runner(floating).predict(x).argmax(1)
    found = tfcompress.sensitivity(floating, quantized, x, y, max_accuracy_drop=0.02)
    assert found.float_accuracy == 1
    assert found.int8_accuracy < 0.98
    assert found.met
    mixed = MixedPrecisionRunner(floating, quantized)

    def accuracy(plan):
        return (mixed.run({"image": x}, plan)["digit"].argmax(1) == y).mean()

    plan = {**dict.fromkeys(found.keep_int16, "int16"), **dict.fromkeys(found.keep_float, "float")}
    assert accuracy(plan) == found.kept_accuracy >= 0.98
    for layer in plan:
        assert accuracy({other: kept for other, kept in plan.items() if other != layer}) < 0.98
    for precision, singly in found.accuracy.items():
        assert list(singly.values()) == sorted(singly.values(), reverse=True)
        for layer, value in singly.items():
            assert value == accuracy({layer: precision})
    assert "keep_int16=[" in str(found)
    made = tfcompress.convert(model, samples=images(rng, 100), keep_int16=found.keep_int16, keep_float=found.keep_float)
    assert (tfcompress.Runner(made).predict(x).argmax(1) == y).mean() >= 0.96


@pytest.fixture(scope="module")
def narrow():
    """A network whose last layer needs more than four bits, its float file, and one with four bits everywhere."""
    import keras

    keras.utils.set_random_seed(1)
    rng, model = np.random.default_rng(1), deeper(keras)
    for name, place, factor in (("fourth", (..., 1, 0), 1 / 20), ("digit", slice(1, None, 8), 20)):
        weights = model.get_layer(name).get_weights()
        weights[0][place] *= factor
        model.get_layer(name).set_weights(weights)
    x = images(rng, 400)
    floating = tfcompress.convert(model, "float32")
    quantized = tfcompress.convert(model, "int8x4", samples=x, keep_int8=[])
    y, eight, four = (
        tfcompress.Runner(file).predict(x).argmax(1)
        for file in (floating, tfcompress.convert(model, samples=x), quantized)
    )
    lost = np.flatnonzero((eight == y) & (four != y))[:40]
    kept = np.flatnonzero((eight == y) & (four == y))[:60]
    rows = np.concatenate([lost, kept])
    return model, floating, quantized, x, (x[rows], y[rows])


def test_weights_of_four_bits_get_8_back_where_that_is_worth_most(narrow):
    model, floating, quantized, samples, (x, y) = narrow
    found = tfcompress.sensitivity(floating, quantized, x, y, max_accuracy_drop=0.1)
    assert found.int8_accuracy < 0.9 <= found.kept_accuracy
    assert found.quantization == "int8x4"
    assert "digit" in found.keep_int8
    assert len(found.keep_int8) < 5
    assert next(iter(found.accuracy["int8"])) == "digit"
    assert found.keep_int16 == found.keep_float == ()
    made = tfcompress.convert(model, "int8x4", samples=samples, keep_int8=found.keep_int8)
    assert (tfcompress.Runner(made).predict(x).argmax(1) == y).mean() >= found.kept_accuracy - 0.03


def test_some_bytes_are_spent_on_the_layers_that_lose_most(narrow):
    model, floating, quantized, samples, (x, y) = narrow
    whole = tfcompress.convert(model, samples=samples).size
    found = tfcompress.sensitivity(floating, quantized, x, y, flash=quantized.size + 1000)
    assert found.met
    assert "digit" in found.keep_int8 != tuple(found.accuracy["int4"])
    assert found.kept_accuracy > found.int8_accuracy
    assert tuple(found.accuracy["int4"])[-1] == "digit"
    made = tfcompress.convert(model, "int8x4", samples=samples, keep_int8=found.keep_int8)
    assert made.size <= quantized.size + 1000
    assert (tfcompress.Runner(made).predict(x).argmax(1) == y).mean() >= found.kept_accuracy - 0.03
    roomy = tfcompress.sensitivity(floating, quantized, x, y, flash=10 * whole)
    assert (roomy.quantization, roomy.keep_int8) == ("int8", ())
    with pytest.raises(tfcompress.SettingError, match="at least"):
        tfcompress.sensitivity(floating, quantized, x, y, flash=1000)
    with pytest.raises(tfcompress.SettingError, match="int8x4"):
        tfcompress.sensitivity(floating, tfcompress.convert(model, samples=x), x, y, flash=10 * whole)
    for both in ({}, {"flash": 9000, "max_accuracy_drop": 0.1}):
        with pytest.raises(tfcompress.SettingError, match="One budget"):
            tfcompress.sensitivity(floating, quantized, x, y, **both)


def test_wrong_files_and_data_are_told(rng):
    import keras

    floating, quantized = files(small_cnn(keras), rng)
    x = images(rng, 10)
    with pytest.raises(tfcompress.SettingError, match="float one"):
        tfcompress.layer_errors(quantized, floating, x)
    other = keras.Sequential([keras.layers.Input((3,), name="else"), keras.layers.Dense(2)])
    with pytest.raises(tfcompress.DataError, match="one model"):
        tfcompress.layer_errors(tfcompress.convert(other, "float32"), quantized, x)
    with pytest.raises(tfcompress.SettingError, match="fraction"):
        tfcompress.sensitivity(floating, quantized, x, np.zeros(10, int), max_accuracy_drop=2)
    with pytest.raises(tfcompress.DataError, match="same length"):
        tfcompress.sensitivity(floating, quantized, x, np.zeros(9, int), max_accuracy_drop=0.1)
    x[3] = np.nan
    with pytest.raises(tfcompress.DataError, match="sample 3"):
        tfcompress.layer_errors(floating, quantized, x)
