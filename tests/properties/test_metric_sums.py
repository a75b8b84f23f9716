"""Metrics of the user's own and of Keras, by stand-ins in NumPy: sums over samples, jackknife, names, directions."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfcompress.comparison.limits import Limit
from tfcompress.comparison.metric_choice import Measured, choose_metrics, is_keras_metric
from tfcompress.comparison.metric_states import MetricStates, one_number
from tfcompress.comparison.metrics import FOLDS, MetricPair
from tfcompress.comparison.statistics import jackknife
from tfcompress.errors import DataError, SettingError


class Variable:
    def __init__(self, value):
        self.value = np.array(value)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.value, dtype)

    def assign(self, value):
        assert np.shape(value) == self.value.shape
        self.value = np.array(value, self.value.dtype)


class AbsoluteMean:
    """As a metric of Keras: a mean of absolute errors over values, in variables, from zero or another value."""

    def __init__(self, name="mean_error", begin=0.0, power=1.0):
        self.name, self.begin, self.power = name, begin, power
        self.total, self.count, self.sum, self.calls = Variable([0.0, 0.0]), Variable(np.int64(0)), Variable(0.0), 0
        self.reset_state()

    @property
    def variables(self):
        return [self.total, self.count, self.sum]

    def reset_state(self):
        self.total.assign([self.begin, 0.0])
        self.count.assign(0)
        self.sum.assign(0.0)

    def update_state(self, labels, outputs):
        assert labels.shape == outputs.shape
        self.calls += 1
        found = (np.abs(labels - outputs) ** self.power).sum()
        self.total.assign(self.total.value + np.array([found, found / 2]))
        self.count.assign(self.count.value + labels.size)
        self.sum.assign(self.sum.value + found)

    def result(self):
        """From all variables, so that each of them has to be right."""
        return (self.total.value[0] - self.begin + self.sum.value) / 2 / max(self.count.value, 0.5)


class LargestError(AbsoluteMean):
    """A state that is no sum over samples."""

    def update_state(self, labels, outputs):
        self.sum.assign(max(self.sum.value, np.abs(labels - outputs).max()))
        self.total.assign([self.sum.value, 0.0])
        self.count.assign(1)


class Listed:
    """A state that is in no variable."""

    name = "median_error"

    def reset_state(self):
        self.errors = []

    def update_state(self, labels, outputs):
        self.errors += np.abs(labels - outputs).ravel().tolist()

    def result(self):
        return np.median(self.errors)


class MadeLater(AbsoluteMean):
    """Variables are made by the first samples, as some of tf_keras are."""

    made = False

    @property
    def variables(self):
        return super().variables if self.made else []

    def update_state(self, labels, outputs):
        self.made = True
        super().update_state(labels, outputs)


def mean_error(labels, outputs):
    return np.abs(labels.reshape(outputs.shape) - outputs).mean()


def answers(rng, count):
    labels = rng.normal(size=(count, 2))
    keras = labels + rng.normal(size=(count, 2))
    file = keras + 0.1 * rng.normal(size=(count, 2))
    file[::3] = keras[::3]
    return labels, keras, file


def measured(metric, arrays, size):
    pair = MetricPair("m", metric)
    for start in range(0, len(arrays[0]), size):
        pair.add(*(array[start : start + size] for array in arrays))
    return pair.result()


def jackknifed(measure, labels, keras, file, same):
    """Each sample left out once, as the definition has it."""
    rows = np.arange(len(labels))
    without = [
        [measure(labels[rest], side[rest]) for side in (keras, file)] for rest in (np.delete(rows, row) for row in rows)
    ]
    values = tuple(measure(labels, side) for side in (keras, file))
    return values, jackknife(*np.array(without).T, values, np.ones(len(rows), int), same)


@pytest.mark.parametrize("size", [19, 8, 1])
@pytest.mark.parametrize(
    "metric", [AbsoluteMean, MadeLater, lambda: AbsoluteMean(begin=5.0), Listed, lambda: mean_error]
)
def test_a_metric_is_that_of_all_samples_and_its_interval_that_of_the_definition(rng, metric, size):
    """The batches change nothing: a short last one weighs by its samples. FOLDS samples make a group each."""
    arrays = answers(rng, 19)
    assert FOLDS > 19
    measure = mean_error if metric is not Listed else lambda a, b: np.median(np.abs(a - b))
    same = (arrays[1] == arrays[2]).all(1)
    if metric is Listed:  # a median may stay although a sample differs, and change although none does
        whole = measure(*arrays[:2]), measure(arrays[0], arrays[2])
        same = np.array([
            abs(19 * (whole[1] - whole[0]) - 18 * (measure(np.delete(arrays[0], r, 0), np.delete(arrays[2], r, 0))
                                                   - measure(np.delete(arrays[0], r, 0), np.delete(arrays[1], r, 0))))
            <= 19 * 2e-7 * max(whole) for r in range(19)
        ])  # fmt: skip
    values, expected = jackknifed(measure, *arrays, same)
    found, paired = measured(metric(), arrays, size)
    assert found == pytest.approx(values)
    assert paired.difference == pytest.approx(values[1] - values[0])
    assert paired.interval == pytest.approx(expected.interval)
    swapped, mirrored = measured(metric(), (arrays[0], arrays[2], arrays[1]), size)
    assert swapped == pytest.approx(values[::-1])
    assert mirrored.interval == pytest.approx((-expected.interval[1], -expected.interval[0]))


@pytest.mark.parametrize("metric", [AbsoluteMean, LargestError, Listed, lambda: mean_error])
def test_many_samples_go_in_groups(rng, metric):
    """Of 300 samples a group holds several, and the interval has still the width of the definition."""
    arrays = answers(rng, 300)
    measure = {AbsoluteMean: mean_error, LargestError: lambda a, b: np.abs(a - b).max(),
               Listed: lambda a, b: np.median(np.abs(a - b))}.get(metric, mean_error)  # fmt: skip
    values, paired = measured(metric(), arrays, 64)
    assert values == pytest.approx((measure(*arrays[:2]), measure(arrays[0], arrays[2])))
    if measure is mean_error:
        _, alone = jackknifed(measure, *arrays, np.zeros(300, bool))
        assert np.ptp(paired.interval) == pytest.approx(np.ptp(alone.interval), rel=0.3)
    low, high = paired.interval
    assert low < values[1] - values[0] < high


def test_a_single_sample_has_no_interval(rng):
    arrays = answers(rng, 1)
    for metric in (AbsoluteMean(), mean_error):
        values, paired = measured(metric, arrays, 1)
        assert values == pytest.approx((mean_error(*arrays[:2]), mean_error(arrays[0], arrays[2])))
        assert paired is None
    arrays = answers(rng, 2)
    for metric in (AbsoluteMean(), mean_error):
        _, expected = jackknifed(mean_error, *arrays, (arrays[1] == arrays[2]).all(1))
        assert measured(metric, arrays, 1)[1].interval == pytest.approx(expected.interval), "two have one"


def test_sums_hold_no_batch_and_call_the_metric_once_a_part(rng):
    metric = AbsoluteMean()
    pair = MetricPair("m", metric)
    arrays = answers(rng, 64)
    pair.add(*arrays)
    before = metric.calls
    pair.add(*arrays)
    assert metric.calls - before == 2 * 8, "eight groups, both sides"
    assert pair._batches == []


def test_the_users_object_keeps_its_state(rng):
    for metric in (AbsoluteMean(begin=2.0), LargestError()):
        metric.total.assign([7.0, 3.0])
        metric.count.assign(4)
        measured(metric, answers(rng, 30), 8)
        assert (metric.total.value.tolist(), metric.count.value) == ([7.0, 3.0], 4)
    broken = AbsoluteMean()
    broken.total.assign([7.0, 3.0])
    broken.update_state = lambda labels, outputs: 1 / 0
    with pytest.raises(DataError, match=r"'mean_error' must take the labels and the outputs.*division by zero"):
        MetricStates(broken).result_of(np.ones((2, 1)), np.ones((2, 1)))
    assert broken.total.value.tolist() == [7.0, 3.0]


def test_what_adds_up():
    labels, outputs = np.arange(6.0).reshape(6, 1), np.arange(0, 12.0, 2).reshape(6, 1)
    assert MetricStates(AbsoluteMean()).adds_up(labels, outputs)
    assert MetricStates(AbsoluteMean(begin=3.0)).adds_up(labels, outputs)
    assert not MetricStates(LargestError()).adds_up(labels, outputs)
    assert not MetricStates(Listed()).adds_up(labels, outputs)

    class Settled(AbsoluteMean):
        """What it returns is not in its variables alone."""

        def result(self):
            return super().result() + self.calls

    class Nothing(AbsoluteMean):
        def result(self):
            return np.nan

    for odd in (Nothing, Settled):
        assert not MetricStates(odd()).adds_up(labels, outputs)


def test_states_are_what_samples_add_part_by_part():
    metric = AbsoluteMean(begin=10.0)
    states = MetricStates(metric)
    labels, outputs = np.zeros((4, 1)), np.array([[1.0], [2], [3], [4]])
    parts = [np.array([0, 3]), np.array([1])]
    assert [state.tolist() for state in states.of(labels, outputs, parts)] == [[5, 2.5, 2, 5], [2, 1, 1, 2]]
    assert states.results([np.array([5, 2.5, 2, 5]), np.array([6.0, 0, 1, 6])]) == [2.5, 6]
    assert states.results([np.array([5, 2.5, 1.7, 5])]) == [2.5], "counts are whole"
    later = MetricStates(MadeLater())
    assert [state.tolist() for state in later.of(labels, outputs, parts)] == [[5, 2.5, 2, 5], [2, 1, 1, 2]]


def test_labels_of_another_size_reach_the_metric_as_they_are():
    """Class numbers beside rows of scores."""

    class Sparse(AbsoluteMean):
        def update_state(self, labels, outputs):
            super().update_state(labels, outputs[np.arange(len(labels)), labels])

    scores = np.array([[0.25, 0.75], [0.5, 0.0], [0.0, 1.0]])
    assert MetricStates(Sparse()).result_of(np.array([1, 0, 0]), scores) == (0.25 + 0.5 + 0) / 3


def test_of_many_samples_each_is_left_out_once(rng):
    """A metric that is no sum is computed anew without each group; the groups are all samples together."""
    count, seen = 3 * FOLDS + 7, []
    labels = np.arange(float(count))

    def largest(given, outputs):
        seen.append(given)
        return np.abs(given - outputs).max()

    pair = MetricPair("largest", largest)
    pair.add(labels, labels + rng.normal(size=count), labels + rng.normal(size=count))
    pair.result()
    left_out = [np.setdiff1d(labels, rest) for rest in seen if len(rest) < count]
    assert len(left_out) == 2 * FOLDS, "of the model and of the file"
    assert sorted(np.concatenate(left_out[::2]).tolist()) == labels.tolist()
    assert all(np.array_equal(one, other) for one, other in zip(left_out[::2], left_out[1::2], strict=True))


def test_labels_of_as_many_values_take_the_shape_of_the_outputs():
    states = MetricStates(AbsoluteMean())
    assert states.result_of(np.array([1.0, 2.0]), np.array([[2.0], [4.0]])) == 1.5


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.array([[3.0]]), [3]])
def test_one_number_in_any_form(value):
    assert one_number("m", value) == 3
    assert type(one_number("m", value)) is float


@pytest.mark.parametrize(
    ("value", "words"),
    [([1.0, 2.0], r"'m' must return one number.*\(2,\).*average"), ([], "one number"), ("much", "one number.*'much'"),
     (None, "must be finite|one number"), (np.nan, "'m' must be finite.*nan"), (np.inf, "finite.*inf")],
)  # fmt: skip
def test_what_is_no_number_is_told(value, words):
    with pytest.raises(DataError, match=words):
        one_number("m", value)


def test_a_function_that_fails_is_told_with_the_shapes():
    def wrong(labels, outputs):
        raise KeyError("weights")

    with pytest.raises(DataError, match=r"'m' must take the labels and the outputs.*\(4, 2\), outputs.*KeyError"):
        measured(wrong, [np.zeros((4, 2))] * 3, 4)

    def ours(labels, outputs):
        raise DataError("Look here.")

    with pytest.raises(DataError, match=r"'m' must return one number"):
        measured(lambda labels, outputs: labels, [np.zeros((4, 2))] * 3, 4)
    with pytest.raises(DataError, match=r"^Look here"):
        measured(ours, [np.zeros((4, 2))] * 3, 4)


# Which metrics are measured


class MeanAbsoluteError(AbsoluteMean):
    def __init__(self, name="mean_absolute_error"):
        super().__init__(name)


class F1Score(AbsoluteMean):
    def __init__(self, average=None, name="f1_score"):
        super().__init__(name)
        self.average = average


class RecallAtPrecision(AbsoluteMean):
    def __init__(self, precision, name=None):
        super().__init__(name)


class Mean(AbsoluteMean):
    def __init__(self, name="mean"):
        super().__init__(name)


KERAS = SimpleNamespace(
    metrics=SimpleNamespace(
        MeanAbsoluteError=MeanAbsoluteError, F1Score=F1Score, RecallAtPrecision=RecallAtPrecision, Mean=Mean, get=min
    )
)


def choice(outputs, metrics=None, *limits):
    found = choose_metrics(outputs, metrics, limits, KERAS)
    return {
        output: [(one.name, one.limit and one.limit.amount, one.higher_is_better) for one in each]
        for output, each in found.items()
    }


def test_without_a_metric_an_output_is_measured_by_accuracy():
    assert choice(["a", "b"]) == {"a": [("accuracy", None, None)], "b": [("accuracy", None, None)]}
    assert choice(["a", "b"], {"b": "mae"}) == {"a": [("accuracy", None, None)], "b": [("mae", None, False)]}
    assert choice(["a"], None, Limit("accuracy", 0.1)) == {"a": [("accuracy", 0.1, True)]}


def test_a_metric_by_name_by_object_and_by_function():
    def score(labels, outputs):
        return 0

    class Accuracy:
        def __call__(self, labels, outputs):
            return 0

    class Named(Accuracy):
        name = "precision"

    given = ["mae", F1Score("macro", "mine"), score, "miou", lambda a, b: 0, Accuracy(), Named()]
    assert choice(["a"], given)["a"] == [
        ("mae", None, False), ("mine", None, True), ("score", None, True), ("mean IoU", None, None),
        ("<lambda>", None, None), ("Accuracy", None, True), ("precision", None, True),
    ]  # fmt: skip
    (one,) = choose_metrics(["a"], "f1", (), KERAS)["a"]
    assert (one.name, one.metric.name, one.metric.average) == ("f1", "f1", "macro")
    assert not one.is_own
    assert Measured("accuracy").is_own


def test_a_limit_that_names_no_output_is_of_all_also_of_those_that_have_a_metric():
    assert choice(["a", "b"], {"a": lambda labels, outputs: 0.0}, Limit("mae", 0.5)) == {
        "a": [("<lambda>", None, None), ("mae", 0.5, False)], "b": [("mae", 0.5, False)],
    }  # fmt: skip


def test_a_metric_that_is_misspelt_is_told_the_nearest_name():
    for name, nearest in (("acuracy", "accuracy"), ("MeanAbsoluteErorr", "MeanAbsoluteError")):
        with pytest.raises(SettingError, match=rf"Did you mean '{nearest}'"):
            choice(["a"], name)


def test_a_limit_finds_its_metric_by_any_spelling():
    for key in ("mae", "MeanAbsoluteError", "mean_absolute_error", "a/mae"):
        found = choice(["a"], MeanAbsoluteError("mean_absolute_error_3"), Limit(key, 0.5))
        assert found == {"a": [("mean_absolute_error_3", 0.5, False)]}
    both = [MeanAbsoluteError(), MeanAbsoluteError("mean_absolute_error_1")]
    assert choice(["a"], both, Limit("mean_absolute_error", 0.5))["a"] == [
        ("mean_absolute_error", 0.5, False),
        ("mean_absolute_error_1", None, False),
    ]


def test_a_limit_on_what_was_not_passed_brings_its_metric():
    assert choice(["a"], None, Limit("mae", 0.5)) == {"a": [("mae", 0.5, False)]}
    assert choice(["a"], "f1", Limit("mae", 0.5))["a"] == [("f1", None, True), ("mae", 0.5, False)]
    assert choice(["a", "b"], None, Limit("b/mae", 0.5)) == {
        "a": [("accuracy", None, None)], "b": [("mae", 0.5, False)]
    }  # fmt: skip
    assert choice(["a", "b"], {"a": "mae"}, Limit("accuracy", 0.1)) == {
        "a": [("mae", None, False)], "b": [("accuracy", 0.1, True)]
    }  # fmt: skip
    assert choice(["a"], "mae", Limit("accuracy", 0.1))["a"] == [("mae", None, False), ("accuracy", 0.1, True)]


@pytest.mark.parametrize("order", [1, -1])
def test_a_limit_that_names_its_output_goes_before_one_for_all(order):
    limits = (Limit("mae", 0.5), Limit("b/mae", 0.25))[::order]
    assert choice(["a", "b"], "mae", *limits) == {"a": [("mae", 0.5, False)], "b": [("mae", 0.25, False)]}


def test_the_users_direction_of_an_odd_metric_is_taken():
    assert choice(["a"], AbsoluteMean("odd"), Limit("odd", 1, True)) == {"a": [("odd", 1, True)]}
    with pytest.raises(SettingError, match="higher or lower"):
        choice(["a"], lambda a, b: 0, Limit("<lambda>", 1))


@pytest.mark.parametrize(
    ("metrics", "limits", "words"),
    [
        (["mae", "mae"], (), r"name of its own.*\['mae', 'mae'\]"),
        ({"c": "mae"}, (), r"outputs that have labels.*\['c'\].*\['a', 'b'\]"),
        (3, (), "Keras metric object or a function.*3.*MeanAbsoluteError"),
        (MeanAbsoluteError, (), "Keras metric object or a function"),
        ("nonsense", (), "the name of one.*'nonsense'.*mean_absolute_error"),
        ("mean", (), "the name of one"),
        ("recall_at_precision", (), r"needs settings.*missing.*'precision'.*RecallAtPrecision\(…\)"),
        (None, (Limit("a/nonsense", 1),), "must name a metric that is passed.*'a/nonsense'"),
    ],
)
def test_what_is_no_metric_is_refused(metrics, limits, words):
    with pytest.raises(SettingError, match=words):
        choice(["b", "a"], metrics, *limits)


def test_what_has_the_methods_of_a_keras_metric_is_one():
    assert is_keras_metric(AbsoluteMean())
    assert is_keras_metric(Listed())
    assert not is_keras_metric(AbsoluteMean)
    assert not is_keras_metric(mean_error)
