"""Limits on any metric of any output: names, directions, metrics of both Kerases and of the user's own."""

from types import SimpleNamespace

import numpy as np
import pytest

import tfcompress
from tfcompress.comparison.comparison_builder import ComparisonBuilder
from tfcompress.comparison.limits import higher_is_better, parse_limits


def tallied(k, keras, file, y, *, limits=None, metrics=None, batch=64, max_accuracy_drop=None):
    """Compare outputs that are given, as `compare` does with those of a model and a file."""
    runner = SimpleNamespace(tflite=SimpleNamespace(size=1), runtime="litert")
    tally = ComparisonBuilder(runner, k, metrics, parse_limits(limits, max_accuracy_drop))
    keras, file = (each if isinstance(each, dict) else {"out": each} for each in (keras, file))
    labels = y if isinstance(y, dict) else {None: y}
    for start in range(0, len(next(iter(labels.values()))), batch):
        parts = ({name: array[start : start + batch] for name, array in each.items()} for each in (keras, file, labels))
        tally.add(*parts, labels)
    return tally.result()


def noisy(rng, count=40, size=(1,)):
    """Targets, and answers of a model and of a file that are a little wrong."""
    y = rng.normal(size=(count, *size)).astype("float32")
    keras = y + 0.1 * rng.normal(size=y.shape).astype("float32")
    return y, keras, keras + 0.001 * rng.normal(size=y.shape).astype("float32")


def test_a_regression_is_gated(k, rng):
    y, keras, file = noisy(rng)
    for labels in (y, y[:, 0]):
        result = tallied(k, keras, file, labels, limits={"mean_absolute_error": 0.002})
        (score,) = result.scores
        assert (score.keras, score.file) == pytest.approx((np.abs(y - keras).mean(), np.abs(y - file).mean()), rel=1e-4)
        assert score.verdict == result.verdict == "passed"
        assert result.passed
    for name in ("mae", "MeanAbsoluteError", "out/mean_absolute_error"):
        assert tallied(k, keras[:9], file[:9], y[:9], limits={name: 0.01}).verdict == "passed"
    worse = tallied(k, keras, file + 0.2, y, limits={"mean_absolute_error": 0.002})
    assert worse.verdict == "failed"
    assert not worse.passed
    assert "FAILED (at most 0.002 worse)" in str(worse)
    better = tallied(k, file + 0.2, keras, y, limits={"mean_absolute_error": 0})
    assert better.verdict == "passed", "the two sides are not swapped"
    right, around = np.zeros((5, 1), "float32"), np.array([[0.02], [-0.02], [0.01], [-0.01], [0.005]], "float32")
    few = tallied(k, right + 0.1, right + 0.1 + around, right, limits={"mean_absolute_error": 0.002})
    assert few.verdict == "too few samples to tell"
    assert not few.passed


def test_the_order_and_the_size_of_batches_change_nothing(k, rng):
    y, keras, file = noisy(rng, 70)
    whole = tallied(k, keras, file, y, metrics=k.metrics.RootMeanSquaredError(), batch=70).scores[0]
    for batch in (64, 13):
        score = tallied(k, keras, file, y, metrics=k.metrics.RootMeanSquaredError(), batch=batch).scores[0]
        assert (score.keras, score.file) == pytest.approx((whole.keras, whole.file), rel=1e-5)
        assert np.ptp(score.interval) == pytest.approx(np.ptp(whole.interval), rel=0.5)


def segments(rng, wrong, count=40):
    """Labels of pixels, and scores of which a share is wrong."""
    y = rng.integers(0, 3, (count, 8, 8))
    answers = np.where(rng.random(y.shape) < wrong, rng.integers(0, 3, y.shape), y)
    return y, np.eye(3, dtype="float32")[answers] * 0.9 + 0.03


def test_a_segmentation_is_gated(k, rng):
    y, good = segments(rng, 0.1)
    bad = np.where(rng.random((40, 8, 8, 1)) < 0.1, np.roll(good, 1, -1), good)
    passed = tallied(k, bad, good, y, max_accuracy_drop=0.01, limits={"mean_io_u": 0.01})
    assert passed.verdict == "passed", "the file is better"
    assert {score.name: score.verdict for score in passed.scores} == dict.fromkeys(
        ["pixel accuracy", "mean IoU"], "passed"
    )
    assert tallied(k, bad, good, y, max_accuracy_drop=0).verdict == "passed"
    failed = tallied(k, good, bad, y, max_accuracy_drop=0.01, limits={"mean_io_u": 0.01})
    assert [score.verdict for score in failed.scores] == ["failed", "failed"]
    theirs = k.metrics.MeanIoU(num_classes=3, sparse_y_pred=False)
    both = tallied(k, good, bad, y, metrics=theirs, limits={"mean_io_u": 0.5})
    assert both.scores[0].file == pytest.approx(failed.metrics["mean IoU"][1], rel=1e-5)
    assert both.scores[0].interval == pytest.approx(failed.scores[1].interval, rel=1e-4)
    assert both.verdict == "passed"


def test_a_binary_segmentation_of_logits_is_told_by_their_sign(k, rng):
    y = rng.integers(0, 2, (20, 4, 4))
    logits = (np.where(y, 1, -1) * 0.3).astype("float32")[..., np.newaxis]
    assert tallied(k, logits, logits, y).metrics["pixel accuracy"] == (1, 1)


def test_several_outputs_at_once(k, rng):
    y, mask = segments(rng, 0.1)
    targets, keras, file = noisy(rng, 40)
    sides = {"mask": mask, "box": keras}, {"mask": mask, "box": file}
    result = tallied(
        k, *sides, {"mask": y, "box": targets}, limits={"box/mean_absolute_error": 0.1, "mask/mean_io_u": 0.1}
    )
    found = {score.name: score.limit for score in result.scores}
    assert found == {"mask/pixel accuracy": None, "mask/mean IoU": 0.1, "box/mean_absolute_error": 0.1}
    assert result.passed
    by_metrics = tallied(
        k, *sides, {"mask": y, "box": targets},
        metrics={"box": [k.metrics.MeanSquaredError(), k.metrics.MeanAbsoluteError()]},
        limits={"accuracy": 0.1, "mean_squared_error": 0.1},
    )  # fmt: skip
    assert [score.name for score in by_metrics.scores if score.limit] == [
        "mask/pixel accuracy",
        "box/mean_squared_error",
    ]
    everywhere = tallied(
        k, {"a": keras, "b": keras}, {"a": keras, "b": file + 1}, {"a": targets, "b": targets}, limits={"mae": 0.1}
    )
    assert [score.verdict for score in everywhere.scores] == ["passed", "failed"]
    assert everywhere.verdict == "failed"
    with pytest.raises(tfcompress.SettingError, match="box, mask"):
        tallied(k, *sides, {"mask": y, "box": targets}, limits={"boxes/mae": 0.1})
    with pytest.raises(tfcompress.SettingError, match="'boxes'"):
        tallied(k, *sides, {"mask": y, "box": targets}, metrics={"boxes": "mae"})


def test_metrics_of_keras_equal_those_on_all_samples(k, rng):
    y = (rng.random((24, 3)) < 0.4).astype("float32")
    keras = np.clip(0.6 * y + 0.3 * rng.random(y.shape), 0, 1).astype("float32")
    file = np.clip(keras + 0.2 * rng.normal(size=y.shape), 0.01, 0.99).astype("float32")
    m = k.metrics
    given = [
        m.AUC(), m.Precision(), m.Recall(thresholds=0.4), m.F1Score(average="macro"), m.R2Score(), m.CosineSimilarity(),
        m.BinaryAccuracy(), m.BinaryIoU(), m.BinaryCrossentropy(), m.PrecisionAtRecall(0.8), m.FalsePositives(),
    ]  # fmt: skip
    result = tallied(
        k, keras, file, y, metrics=given, limits={metric.name: 10 for metric in given if "false" not in metric.name}
    )
    for metric, score in zip(given, result.scores, strict=True):
        for outputs, value in ((keras, score.keras), (file, score.file)):
            metric.reset_state()
            metric.update_state(y, outputs)
            assert value == pytest.approx(float(metric.result()), rel=1e-4, abs=1e-6), metric.name
        low, high = score.interval
        assert low < score.difference < high
        if score.limit:
            assert score.higher_is_better == (metric.name != "binary_crossentropy")


def own(k):
    """Metrics of a user: one with a setting that it does not tell, one whose state is no sum, one without variables."""

    class Power(k.metrics.Metric):
        def __init__(self, power, name="power_error"):
            super().__init__(name=name)
            self.power = power
            self.total = self.add_weight(name="total", shape=(), initializer="zeros")
            self.count = self.add_weight(name="count", shape=(), initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(float(np.sum(np.abs(np.asarray(y_true) - np.asarray(y_pred)) ** self.power)))
            self.count.assign_add(float(len(y_true)))

        def result(self):
            return self.total / self.count

    class Largest(Power):
        def update_state(self, y_true, y_pred, sample_weight=None):
            found = float(np.abs(np.asarray(y_true) - np.asarray(y_pred)).max())
            self.total.assign(max(found, float(np.asarray(self.total))))
            self.count.assign(1.0)

    class Listed:
        name = "median_error"

        def reset_state(self):
            self.errors = []

        def update_state(self, y_true, y_pred):
            self.errors += np.abs(y_true - y_pred).reshape(-1).tolist()

        def result(self):
            return np.median(self.errors)

    return Power(3), Largest(1, name="largest_error"), Listed()


def test_metrics_of_the_users_own(k, rng):
    y, keras, file = noisy(rng, 70)
    power, largest, listed = own(k)
    before = float(np.asarray(power.count))
    power.count.assign(7.0)
    result = tallied(k, keras, file, y, metrics=[power, largest, listed], limits={"largest_error": 1})
    for score, expected in zip(
        result.scores,
        (lambda a: (a**3).mean(), np.max, np.median),
        strict=True,
    ):
        assert (score.keras, score.file) == pytest.approx(
            (expected(np.abs(y - keras)), expected(np.abs(y - file))), rel=1e-3
        )
    assert before == 0
    assert float(np.asarray(power.count)) == 7, "the object is as it was"
    assert result.scores[1].verdict == "passed"


def test_the_direction_comes_from_the_metric_or_is_asked_for(k, rng):
    y, keras, file = noisy(rng)

    def wrongness(labels, outputs):
        return np.abs(labels - outputs).mean()

    with pytest.raises(tfcompress.SettingError, match="lower_is_better"):
        tallied(k, keras, file, y, metrics=wrongness, limits={"wrongness": 0.01})
    lower = {"wrongness": (0.01, "lower_is_better")}
    assert tallied(k, keras, file + 1, y, metrics=wrongness, limits=lower).verdict == "failed"
    higher = {"wrongness": (0.01, "higher_is_better")}
    assert tallied(k, keras, file + 1, y, metrics=wrongness, limits=higher).verdict == "passed"


@pytest.mark.parametrize(
    ("name", "up"),
    [
        ("mean_io_u", True), ("MeanIoU", True), ("my_accuracy", True), ("val_auc", True), ("dice_score", True),
        ("F1Score", True), ("R2Score", True), ("CosineSimilarity", True), ("true_positives", True),
        ("MeanAbsoluteError", False), ("KLDivergence", False), ("kullback_leibler_divergence", False),
        ("LogCoshError", False),
        ("loss", False), ("SquaredHinge", False), ("SparseCategoricalCrossentropy", False), ("FalseNegatives", False),
        ("score_error", None), ("mean", None), ("count", None), ("accidents", None),
    ],
)  # fmt: skip
def test_words_tell_the_direction(name, up):
    assert higher_is_better(lambda: 0, name) is up


def test_every_metric_of_both_kerases_has_a_direction(k):
    none = {"Metric", "Mean", "Sum", "MeanTensor", "MeanMetricWrapper"}
    kinds = [kind for name, kind in vars(k.metrics).items() if isinstance(kind, type) and name not in none]
    assert len(kinds) > 30
    for kind in kinds:
        assert higher_is_better(object.__new__(kind), kind.__name__) is not None, kind


def test_a_loss_is_better_lower(k):
    assert higher_is_better(k.losses.CosineSimilarity(), "cosine_similarity") is False


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"mae": -1}, "0 or more"), ({"mae": "0.1"}, "0 or more"), ({"mae": True}, "0 or more"),
        ({"mae": float("nan")}, "0 or more"), ({3: 0.1}, "0 or more"), ([("mae", 1)], "dict"),
        ({"mae": (0.1, "down")}, "lower_is_better"), ({"no_such_metric": 1}, "mean_absolute_error"),
        ({"mean": 1}, "takes labels|take labels"), ({"recall_at_precision": 0.1}, "settings"),
    ],
)  # fmt: skip
def test_wrong_limits_are_told(limits, words, rng):
    import keras

    y, first, second = noisy(rng, 10)
    with pytest.raises(tfcompress.SettingError, match=words):
        tallied(keras, first, second, y, limits=limits)


def test_accuracy_is_limited_once(rng):
    with pytest.raises(tfcompress.SettingError, match="once"):
        parse_limits({"Accuracy": 0.1}, 0.1)


def test_names_that_keras_numbers_still_match(k, rng):
    y, keras, file = noisy(rng, 50)
    metric = k.metrics.MeanAbsoluteError(name="mean_absolute_error_3")
    assert tallied(k, keras, file, y, metrics=metric, limits={"mean_absolute_error": 1}).scores[0].limit == 1
    with pytest.raises(tfcompress.SettingError, match="name of its own"):
        tallied(k, keras, file, y, metrics=[k.metrics.MeanAbsoluteError(), k.metrics.MeanAbsoluteError()])
    with pytest.raises(tfcompress.DataError, match="one number"):
        tallied(k, np.tile(keras, 3), np.tile(file, 3), np.tile(y, 3), metrics=lambda labels, outputs: labels - outputs)
