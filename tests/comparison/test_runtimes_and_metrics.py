"""Several runtimes side by side, flips, other metrics, segmentation, several outputs."""

import math

import numpy as np
import pytest

import tfcompress
from tests.models import images, nested, small_cnn
from tfcompress.comparison.statistics import mcnemar


@pytest.fixture(scope="module")
def pair():
    import keras

    keras.utils.set_random_seed(7)
    model = small_cnn(keras)
    return model, tfcompress.convert(model, samples=images(np.random.default_rng(7)))


def test_all_runtimes_side_by_side_equal_one_after_the_other(pair, rng):
    model, tflite = pair
    x, y = images(rng, 100), rng.integers(0, 10, 100)
    together = tfcompress.compare(model, tflite, x, y, runtime="all", max_accuracy_drop=1)
    assert list(together) == ["litert", "reference", "tflm"]
    outputs = {name: tfcompress.Runner(tflite, runtime=name).predict(x) for name in together}
    for name, comparison in together.items():
        assert comparison == tfcompress.compare(model, tflite, x, y, runtime=name, max_accuracy_drop=1)
        assert comparison.tflite_accuracy == (outputs[name].argmax(1) == y).mean()
    for (first, second), share in together.differing.items():
        assert share == (outputs[first] != outputs[second]).mean()
    assert together.passed
    assert "reference and tflm" in str(together)
    assert set(tfcompress.compare(model, tflite, x, runtime=("tflm", "litert"))) == {"tflm", "litert"}
    assert [row.name for row in tfcompress.report({"net": together}).rows] == [f"net on {name}" for name in together]


def test_flips_and_top_5_equal_those_computed_by_hand(pair, rng):
    model, tflite = pair
    x, y = images(rng, 300), rng.integers(0, 10, 300)
    result = tfcompress.compare(model, tflite, x, y)
    keras, file = model.predict(x, verbose=0), tfcompress.Runner(tflite).predict(x)
    flipped = np.flatnonzero(keras.argmax(1) != file.argmax(1))
    assert len(flipped) > 3, "an untrained model leaves doubt"
    assert [flip.sample for flip in result.flips] == flipped.tolist()
    assert result.flips[0] == (flipped[0], keras.argmax(1)[flipped[0]], file.argmax(1)[flipped[0]], y[flipped[0]])
    scores = np.sort(file, axis=1)[:, -5]
    assert result.top5_agreement == (file[np.arange(300), keras.argmax(1)] >= scores).mean()
    right = keras.argmax(1) == y, file.argmax(1) == y
    assert result.mcnemar_p == mcnemar((right[0] & ~right[1]).sum().item(), (right[1] & ~right[0]).sum().item())
    assert "flipped" in str(result)
    assert "McNemar" in str(result)


def test_mcnemar_is_the_binomial_test():
    from scipy.stats import binomtest

    for first, second in ((0, 0), (1, 0), (12, 3), (5, 5), (40, 70), (900, 1000)):
        expected = binomtest(first, first + second).pvalue if first + second else 1
        assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)


def test_metrics_of_keras_and_functions(k, rng):
    layers = k.layers
    model = k.Sequential([layers.Input((5,)), layers.Dense(8, activation="relu"), layers.Dense(3, name="out")])
    x, y = rng.random((150, 5), dtype=np.float32), rng.random((150, 3), dtype=np.float32)
    tflite = tfcompress.convert(model, samples=x)

    def worst(labels, outputs):
        return np.abs(labels - outputs).max()

    result = tfcompress.compare(model, tflite, x, y, metrics=[k.metrics.MeanSquaredError(name="mse"), worst])
    keras, file = model.predict(x, verbose=0), tfcompress.Runner(tflite).predict(x)
    expected = tuple(float(((y - outputs) ** 2).mean()) for outputs in (keras, file))
    assert result.metrics["mse"] == pytest.approx(expected, rel=1e-4)
    assert result.metrics["worst"] == pytest.approx((worst(y, keras), worst(y, file)), rel=1e-4)
    assert result.keras_accuracy is None
    assert tfcompress.compare(model, tflite, x, y, metrics=["mse"]).metrics["mse"] == result.metrics["mse"]
    with pytest.raises(tfcompress.SettingError, match="Did you mean 'MeanAbsoluteError'"):
        tfcompress.compare(model, tflite, x, y, metrics=["mean_absolut_error"])
    with pytest.raises(tfcompress.DataError, match="pass metrics="):
        tfcompress.compare(model, tflite, x, y, metrics=worst, max_accuracy_drop=0.1)
    with pytest.raises(tfcompress.SettingError, match="Keras metric object"):
        tfcompress.compare(model, tflite, x, y, metrics="no such metric")
    with pytest.raises(tfcompress.DataError, match="'nan' must be finite"):
        tfcompress.compare(model, tflite, x, y, metrics=nan)


def nan(labels, outputs):
    return math.nan


def test_segmentation_is_scored_by_pixel(rng):
    import keras

    layers = keras.layers
    model = keras.Sequential([layers.Input((6, 5, 2)), layers.Conv2D(4, 3, padding="same"), layers.Softmax()])
    x, y = rng.random((90, 6, 5, 2), dtype=np.float32), rng.integers(0, 4, (90, 6, 5))
    tflite = tfcompress.convert(model, samples=x)
    found = [outputs.argmax(-1) for outputs in (model.predict(x, verbose=0), tfcompress.Runner(tflite).predict(x))]
    for labels in (y, y[..., np.newaxis], np.eye(4)[y]):
        result = tfcompress.compare(model, tflite, x, labels)
        assert result.metrics["pixel accuracy"] == tuple((answers == y).mean() for answers in found)
        assert result.agreement == (found[0] == found[1]).mean()
        for answers, iou in zip(found, result.metrics["mean IoU"], strict=True):
            both = [((answers == c) & (y == c)).sum() / ((answers == c) | (y == c)).sum() for c in range(4)]
            assert iou == pytest.approx(np.mean(both))
    with pytest.raises(tfcompress.DataError):
        tfcompress.compare(model, tflite, x, y + 1)


def test_errors_of_several_outputs_have_names(rng):
    import keras

    model, x = nested(keras), images(rng, 40)
    result = tfcompress.compare(model, tfcompress.convert(model, samples=images(rng)), x)
    assert set(result.output_errors) == {"left", "right"}
    assert result.max_error == max(largest for _, largest in result.output_errors.values())
    assert "left: mean" in str(result)
