import numpy as np
import pytest
import tensorflow as tf

import tfcompress
from tests.models import images, nested, small_cnn
from tfcompress.comparison.labels import classes
from tfcompress.comparison.statistics import paired_interval

pytestmark = pytest.mark.one_keras


@pytest.fixture
def pair(k, rng):
    model = small_cnn(k)
    return model, tfcompress.convert(model, samples=images(rng))


def test_numbers_equal_those_computed_by_hand(pair, rng):
    model, tflite = pair
    x, y = images(rng, 200), rng.integers(0, 10, 200)
    result = tfcompress.compare(model, tflite, x, y)
    expected, found = model.predict(x, verbose=0), tfcompress.Runner(tflite).predict(x)
    assert result.samples == 200
    assert result.keras_accuracy == (expected.argmax(1) == y).mean()
    assert result.tflite_accuracy == (found.argmax(1) == y).mean()
    assert result.agreement == (found.argmax(1) == expected.argmax(1)).mean()
    assert result.max_error == pytest.approx(np.abs(found - expected).max(), rel=1e-4)
    assert result.mean_error == pytest.approx(np.abs(found - expected).mean(), rel=1e-4)
    assert result.output_range == pytest.approx(np.ptp(expected), rel=1e-4)
    low, high = result.difference_interval
    assert low < result.tflite_accuracy - result.keras_accuracy < high


def test_labels_in_every_form_give_the_same(pair, rng):
    model, tflite = pair
    x, y = images(rng, 90), rng.integers(0, 10, 90)
    expected = tfcompress.compare(model, tflite, x, y)
    for form in (y[:, np.newaxis], y.tolist(), np.eye(10)[y], y.astype("float32"), {"digit": y}):
        assert tfcompress.compare(model, tflite, x, form) == expected
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(13)
    assert tfcompress.compare(model, tflite, dataset) == expected
    assert tfcompress.compare(model, tflite, ((a, b) for a, b in zip(x, y, strict=True))) == expected


def test_a_regression_is_compared_by_error_alone(k, rng):
    x = rng.random((80, 5), dtype=np.float32)
    model = k.Sequential([k.layers.Input((5,)), k.layers.Dense(8, activation="relu"), k.layers.Dense(5)])
    result = tfcompress.compare(model, tfcompress.convert(model, samples=x), x)
    assert result.keras_accuracy is result.tflite_accuracy is result.agreement is result.difference_interval is None
    assert 0 < result.mean_error <= result.max_error < 0.05 * result.output_range
    assert result.passed


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_value_is_a_binary_choice(k, rng, activation):
    model = k.Sequential([k.layers.Input((5,)), k.layers.Dense(1, activation=activation)])
    x = rng.normal(size=(200, 5)).astype("float32")
    scores = model.predict(x, verbose=0)[:, 0]
    y = (scores > (0.5 if activation else 0)).astype(int)
    assert tfcompress.compare(model, tfcompress.convert(model, "float32"), x, y).keras_accuracy == 1


def test_the_limit_decides(k, rng):
    model = small_cnn(k)
    x = images(rng, 100)
    y = model.predict(x, verbose=0).argmax(1)
    other = small_cnn(k)  # other weights: a file that is plainly wrong
    other.set_weights([rng.normal(size=w.shape) ** 2 for w in other.get_weights()])
    wrong = tfcompress.convert(other, "float32")
    assert not tfcompress.compare(model, wrong, x, y, max_accuracy_drop=0.01).passed
    assert "FAILED" in str(tfcompress.compare(model, wrong, x, y, max_accuracy_drop=0.01))
    assert tfcompress.compare(model, wrong, x, y).passed, "no limit was set"
    right = tfcompress.convert(model, "float32")
    assert tfcompress.compare(model, right, x[:3], y[:3], max_accuracy_drop=0).passed, "alike but for rounding"
    rough = tfcompress.compare(model, tfcompress.convert(model, "float16"), x[:3], y[:3], max_accuracy_drop=0.01)
    assert rough.verdict == "too few samples to tell"
    assert not rough.passed


def test_several_outputs_are_scored_by_name(k, rng):
    model = nested(k)
    x, y = images(rng, 40), rng.integers(0, 2, 40)
    tflite = tfcompress.convert(model, "float32")
    result = tfcompress.compare(model, tflite, x, {"right": y})
    assert result.keras_accuracy == (model.predict(x, verbose=0)[1].argmax(1) == y).mean()
    both = {"left": y + 1, "right": y}
    limits = {"left/accuracy": 0.5, "right/sparse_categorical_crossentropy": 0.01}
    together = tfcompress.compare(model, tflite, x, both, limits=limits)
    assert [score.name for score in together.scores] == ["left/accuracy", "right/sparse_categorical_crossentropy"]
    assert together.passed
    dataset = tf.data.Dataset.from_tensor_slices((x, both)).batch(7)
    assert tfcompress.compare(model, tflite, dataset, limits=limits) == together
    with pytest.raises(tfcompress.DataError, match="as many labels"):
        tfcompress.compare(model, tflite, x, both | {"left": y[1:]})
    with pytest.raises(tfcompress.DataError, match="'left', 'right'"):
        tfcompress.compare(model, tflite, x, y)
    with pytest.raises(tfcompress.DataError, match="'left', 'right'"):
        tfcompress.compare(model, tflite, x, {"middle": y})


def test_bad_input_is_told(pair, rng):
    model, tflite = pair
    x, y = images(rng, 50), rng.integers(0, 10, 50)
    compare = tfcompress.compare
    for wrong in (y[:49], np.append(y, 1)):
        with pytest.raises(tfcompress.DataError, match="50 samples"):
            compare(model, tflite, x, wrong)
        with pytest.raises(tfcompress.DataError, match="labels"):
            compare(model, tflite, iter(x), wrong)
    for labels in (y + 1, y - 1, y + 0.5, np.eye(9)[y % 9]):
        if labels.max() > 9 or labels.min() < 0 or labels.ndim > 1 or labels.dtype.kind == "f":
            with pytest.raises(tfcompress.DataError):
                compare(model, tflite, x, labels)
    with pytest.raises(tfcompress.SettingError, match="needs labels"):
        compare(model, tflite, x, max_accuracy_drop=0.01)
    for limit in (-0.1, 1.5):
        with pytest.raises(tfcompress.SettingError, match="fraction"):
            compare(model, tflite, x, y, max_accuracy_drop=limit)
    with pytest.raises(tfcompress.ModelError):
        compare("model.keras", tflite, x, y)


def test_a_file_of_another_model_is_told(pair, k, rng):
    other = k.Sequential([k.layers.Input((8, 8, 1), name="image"), k.layers.Flatten(), k.layers.Dense(3, name="digit")])
    with pytest.raises(tfcompress.DataError, match="same shape"):
        tfcompress.compare(other, pair[1], images(rng, 3))


def test_nan_outputs_are_named(k, rng):
    model = small_cnn(k)
    tflite = tfcompress.convert(model, "float32")
    model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    with pytest.raises(tfcompress.DataError, match="Keras model must be finite"):
        tfcompress.compare(model, tflite, images(rng, 3))


def test_the_interval_covers_the_truth_in_95_of_100_draws():
    rng = np.random.default_rng(0)
    probabilities, count = [0.8, 0.06, 0.04, 0.1], 400
    covered = 0
    for _ in range(2000):
        _, only_first, only_second, _ = rng.multinomial(count, probabilities)
        low, high = paired_interval(only_first, only_second, count)
        covered += low <= 0.04 - 0.06 <= high
    assert 0.93 < covered / 2000 < 0.975


def test_no_disagreement_still_leaves_doubt():
    low, high = paired_interval(0, 0, 100)
    assert low == -high
    assert high > 0.01


def test_classes_of_labels():
    assert classes([0, 1, 2], 3).tolist() == [0, 1, 2]
    assert classes(np.eye(3), 3).tolist() == [0, 1, 2]
    assert classes([[1], [0]], 1).tolist() == [1, 0]
    assert classes([True, False], 1).tolist() == [1, 0]


def test_a_binary_choice_does_not_depend_on_the_order_of_samples(k):
    model = k.Sequential([k.layers.Input((1,)), k.layers.Dense(1, kernel_initializer="ones")])
    x = np.concatenate([np.linspace(0.05, 0.45, 64), np.linspace(-3, 3, 236)])[:, np.newaxis].astype("float32")
    y = (x[:, 0] > 0).astype(int)
    tflite = tfcompress.convert(model, "float32")
    for order in (slice(None), slice(None, None, -1)):
        assert tfcompress.compare(model, tflite, x[order], y[order]).keras_accuracy == 1


def test_odd_labels_and_limits_are_told(pair, rng):
    model, tflite = pair
    x = images(rng, 40)
    for y in (5, [[1], [1, 2]], np.full((40,), 0.5)):
        with pytest.raises(tfcompress.DataError):
            tfcompress.compare(model, tflite, list(x), y)
    with pytest.raises(tfcompress.SettingError):
        tfcompress.compare(model, tflite, x, np.zeros(40, int), max_accuracy_drop="0.01")


def test_labels_are_checked_before_the_work(pair, rng, monkeypatch):
    model, tflite = pair
    x, y = images(rng, 500), np.zeros(500, int)
    y[-1] = 10
    ran = []
    run = tfcompress.Runner.run
    monkeypatch.setattr(tfcompress.Runner, "run", lambda self, arrays: ran.append(1) or run(self, arrays))
    with pytest.raises(tfcompress.DataError, match="from 0 to 9"):
        tfcompress.compare(model, tflite, x, y)
    assert len(ran) == 1
    with pytest.raises(tfcompress.SettingError, match="needs labels"):
        tfcompress.compare(model, tflite, x, max_accuracy_drop=0.01)
    assert len(ran) == 1
