"""What is counted batch by batch equals what is computed from all samples at once, in batches of any size."""

import itertools

import numpy as np
import pytest

import tfcompress
from tfcompress.comparison.classification_counts import ClassificationCounts, Flip
from tfcompress.comparison.grouped_sums import FEWEST, GROUPS, NUMBERS, GroupedSums, RandomGroups
from tfcompress.comparison.limits import Limit
from tfcompress.comparison.metric_choice import Measured
from tfcompress.comparison.output_counts import OutputTally
from tfcompress.comparison.output_errors import Differences
from tfcompress.comparison.runtime_agreement import RuntimeAgreement
from tfcompress.comparison.segmentation_counts import SegmentationCounts
from tfcompress.comparison.statistics import accuracy_difference, jackknife, mcnemar

WHOLE, SHORT_LAST, ONE_BY_ONE = [23], [10, 10, 3], [1] * 23


def in_batches(sizes, *arrays):
    start = 0
    for size in sizes:
        yield tuple(array[start : start + size] for array in arrays)
        start += size


# Errors of outputs


@pytest.mark.parametrize("sizes", [WHOLE, SHORT_LAST, ONE_BY_ONE])
def test_errors_are_those_of_all_values_of_all_samples(rng, sizes):
    """A short last batch weighs by its samples."""
    keras, file = rng.normal(size=(2, 23, 5)).astype("float32")
    other, again = rng.normal(3, 2, size=(2, 23, 2, 2)).astype("float32")
    found = Differences()
    for a, b, c, d in in_batches(sizes, keras, file, other, again):
        found.add("first", a, b)
        found.add("second", c, d)
        found.samples += len(a)
    first, second = np.abs(np.float64(keras) - file), np.abs(np.float64(other) - again)
    assert found.by_output["first"] == pytest.approx((first.mean(), first.max()))
    assert found.by_output["second"] == pytest.approx((second.mean(), second.max()))
    both = np.concatenate([first.reshape(-1), second.reshape(-1)])
    assert (found.mean, found.largest) == pytest.approx((both.mean(), both.max()))
    values = np.concatenate([keras.reshape(-1), other.reshape(-1)])
    assert found.range == pytest.approx(values.max() - values.min())


def test_integers_do_not_overflow_in_a_difference():
    found = Differences()
    found.add("out", np.array([[-128]], np.int8), np.array([[127]], np.int8))
    assert found.by_output == {"out": (255, 255)}


@pytest.mark.parametrize("size", [0.01, 1.0, -1.0, 300.0])
def test_what_differs_by_a_hundred_thousandth_of_the_largest_value_is_rounding(size):
    for times, alike in ((0.9, True), (1.1, False)):
        found = Differences()
        reference = np.array([[size, size / 2]])
        found.add("out", reference, reference * np.array([1, 1 + 2 * times * 1e-5]))
        assert found.by_rounding("out") == alike


def test_a_difference_of_an_empty_batch_counts_nothing():
    found = Differences()
    assert (found.mean, found.largest) == (0, 0)
    assert found.by_output == {}


def test_a_value_that_is_not_finite_is_found_by_its_sample():
    found = Differences()
    fine, broken = np.zeros((4, 2, 3), np.float32), np.zeros((4, 2, 3), np.float32)
    broken[2, 1, 0] = broken[3, 0, 0] = np.nan
    for batch, (pair, who) in enumerate((((broken, fine), "Keras model"), ((fine, broken), "file"))):
        found.samples = 10 * batch
        with pytest.raises(
            tfcompress.DataError, match=f"{who} must be finite.*'box' in sample {10 * batch + 2}"
        ) as told:
            found.add("box", *pair)
        assert "finite" in str(told.value)
    assert Differences().samples == 0
    with pytest.raises(tfcompress.DataError, match=r"'box' must have the same shape.*\(2, 3\) and \(3, 2\)") as told:
        found.add("box", fine, fine.reshape(4, 3, 2))
    assert told.value.hint == "Compare a file with the model that it was made of."


# Classes that are chosen


@pytest.mark.parametrize("sizes", [WHOLE, SHORT_LAST, ONE_BY_ONE])
@pytest.mark.parametrize(("width", "threshold"), [(1, 0.5), (1, 0.0), (3, 0.5), (5, 0.5), (6, 0.5), (9, 0.5)])
def test_choices_are_those_of_all_samples(rng, sizes, width, threshold):
    keras, file = rng.normal(threshold, 1, size=(2, 23, width))
    truth = rng.integers(0, max(2, width), 23)
    found = ClassificationCounts(threshold)
    for batch in in_batches(sizes, keras, file, truth):
        found.add(*batch)
    first, second = (
        scores.argmax(1) if width > 1 else (scores[:, 0] > threshold).astype(int) for scores in (keras, file)
    )
    assert (found.samples, found.labelled, found.same) == (23, 23, (first == second).sum())
    assert found.flips == [
        Flip(row, first[row], second[row], truth[row]) for row in range(23) if first[row] != second[row]
    ]
    right = first == truth, second == truth
    assert found.disagreements == ((right[0] & ~right[1]).sum(), (~right[0] & right[1]).sum())
    assert found.accuracies == pytest.approx((right[0].mean(), right[1].mean()))
    ranked = np.argsort(-file, axis=1)[:, :5]
    assert found.in_top == (sum(first[row] in ranked[row] for row in range(23)) if width > 5 else 0)


def test_choices_without_labels_still_flip():
    found = ClassificationCounts(0.5)
    found.add(np.array([[0.9], [0.1], [0.5]]), np.array([[0.8], [0.7], [0.5]]), None)
    assert found.flips == [Flip(1, 0, 1, None)]
    assert (found.same, found.samples, found.labelled) == (2, 3, 0)


def test_a_tie_at_the_fifth_place_counts_for_the_class():
    scores = np.array([[9.0, 8, 7, 6, 5, 5, 1]])
    for chosen, within in ((5, 1), (4, 1), (6, 0), (0, 1)):
        found = ClassificationCounts(0.5)
        found.add(np.eye(7)[[chosen]], scores, None)
        assert found.in_top == within


# Groups of samples


@pytest.mark.parametrize("sizes", [[5], [64], [200, 150], [64] * 40, [1] * 300, [3000, 2000, 10]])
def test_each_row_of_each_batch_is_in_one_group(sizes):
    groups, seen = RandomGroups(), []
    for size in sizes:
        rows = []
        for group, part in groups.split(size):
            rows += part.tolist()
            seen.append((group, len(part)))
            assert len(part) > 0
        assert sorted(rows) == [*range(size)]
    held = [sum(count for group, count in seen if group == each) for each in range(len(groups.sizes))]
    assert groups.sizes == held
    assert len(held) == min(sum(sizes), GROUPS)
    assert [group for group, _ in seen[: len(held)]] == [*range(len(held))], "the first samples make a group each"


def test_later_samples_join_groups_at_random_but_alike_in_each_run():
    first, second = RandomGroups(8), RandomGroups(8)
    for groups in (first, second):
        for _ in range(200):
            list(groups.split(16))
    assert first.sizes == second.sizes
    assert min(first.sizes) > 100, "no group is left out"
    assert len(set(first.sizes)) > 1


@pytest.mark.parametrize(("seen", "parts"), [(64, 8), (1000, 8), (1024, 2), (5000, 2)])
def test_a_batch_makes_few_calls_of_a_metric_and_fewer_later(seen, parts):
    groups = RandomGroups()
    list(groups.split(seen))
    assert sum(groups.sizes) == seen
    found = [*groups.split(17)]
    assert len({group for group, _ in found}) == len(found) == parts
    assert {len(rows) for _, rows in found} <= ({2, 3} if parts == 8 else {8, 9})
    assert len([*groups.split(1)]) == 1


@pytest.mark.parametrize("sizes", [[4, 3], [64, 64, 20]])
def test_sums_without_each_group_are_those_of_the_other_samples(rng, sizes):
    keras, file = rng.normal(size=(2, sum(sizes), 3))
    file[::4] = keras[::4]
    sums, where = GroupedSums(3), {}
    start = 0
    for size in sizes:
        for group, rows in sums.groups.split(size):
            sums.add(group, keras[start + rows].sum(0), file[start + rows].sum(0))
            where.setdefault(group, []).extend((start + rows).tolist())
        start += size
    assert sums.whole == pytest.approx(np.stack([keras.sum(0), file.sum(0)]))
    assert sums.sizes.tolist() == [len(where[group]) for group in range(len(where))]
    for group, found in enumerate(sums.left_out()):
        rest = np.delete(np.arange(sum(sizes)), where[group])
        assert found == pytest.approx(np.stack([keras[rest].sum(0), file[rest].sum(0)]))
        equal = np.array_equal(keras[where[group]].sum(0), file[where[group]].sum(0))
        assert sums.same[group] == equal


def test_wide_sums_have_fewer_groups_so_that_memory_stays():
    for numbers, groups in ((0, GROUPS), (1, GROUPS), (2**18, 32), (2**18 + 1, 31), (10**9, FEWEST)):
        sums = GroupedSums(numbers)
        list(sums.groups.split(100))
        assert len(sums.sizes) == groups
        assert groups == FEWEST or groups * 2 * numbers <= NUMBERS


# Pixels


def iou(truth, chosen, many):
    found = []
    for one in range(many):
        both, either = ((truth == one) & (chosen == one)).sum(), ((truth == one) | (chosen == one)).sum()
        if either:
            found.append(both / either)
    return np.mean(found)


@pytest.mark.parametrize("sizes", [WHOLE, SHORT_LAST, ONE_BY_ONE])
@pytest.mark.parametrize(("width", "one_hot"), [(1, False), (2, False), (2, True), (4, False), (4, True)])
def test_pixels_are_counted_as_all_at_once(rng, sizes, width, one_hot):
    many = max(2, width)
    truth = rng.integers(0, many - (width > 2), (23, 3, 2))  # of four classes one does not occur in the labels
    keras, file = rng.random((2, 23, 3, 2, width))
    file[::5] = keras[::5]
    labels = np.eye(width)[truth] if one_hot else truth
    found = SegmentationCounts()
    for batch in in_batches(sizes, keras, file, labels):
        found.add(*batch)
    first, second = (scores.argmax(-1) if width > 1 else scores[..., 0] > 0.5 for scores in (keras, file))
    assert found.pixels == truth.size
    assert found.agreement == pytest.approx((first == second).mean())
    results = found.results()
    rows = np.arange(23)
    measures = {
        "pixel accuracy": lambda chosen, rest: (truth[rest] == chosen[rest]).mean(),
        "mean IoU": lambda chosen, rest: iou(truth[rest], chosen[rest], many),
    }
    same = (first == second).all((1, 2))
    for name, measure in measures.items():
        values, paired = results[name]
        assert values == pytest.approx((measure(first, rows), measure(second, rows)))
        without = np.array([[measure(c, np.delete(rows, row)) for c in (first, second)] for row in rows])
        tables = np.array([np.array_equal(*(np.bincount(truth[r].ravel() * many + c[r].ravel(), minlength=many**2)
                                            for c in (first, second))) for r in rows])  # fmt: skip
        assert (tables >= same).all()
        expected = jackknife(*without.T, values, np.ones(23, int), tables)
        assert paired.interval == pytest.approx(expected.interval)


def test_the_threshold_of_pixels_follows_from_all_values_that_were_seen():
    """Probabilities until a value shows that they are logits: then all counts are those of the sign."""
    labels = np.ones((2, 1, 1), int)
    for extreme, threshold in ((0.3, 0.5), (0.5, 0.5), (1.0, 0.5), (1.01, 0.0), (-0.01, 0.0)):
        found = SegmentationCounts()
        found.add(np.full((2, 1, 1, 1), 0.3), np.full((2, 1, 1, 1), 0.7), labels)
        found.add(np.full((2, 1, 1, 1), extreme), np.full((2, 1, 1, 1), 0.7), labels)
        assert found.threshold == threshold
        agree = [threshold == 0.0] * 2 + [(extreme > threshold)] * 2
        assert found.agreement == np.mean(agree)
        assert found.results()["pixel accuracy"][0] == (np.mean(agree), 1.0)


def test_a_class_that_is_nowhere_does_not_count_in_the_mean():
    """Of four classes 3 is in no label and no answer of the model; the file takes one pixel of 1 for it."""
    truth = np.array([[0, 0, 1, 1, 2, 2, 2, 2]] * 2)
    answer = truth.copy()
    answer[0, 2] = 3
    found = SegmentationCounts()
    found.add(np.eye(4)[truth], np.eye(4)[answer], truth)
    assert found.results()["mean IoU"][0] == pytest.approx((1.0, (1 + 3 / 4 + 1 + 0) / 4))


def test_one_image_has_no_interval():
    found = SegmentationCounts()
    found.add(np.zeros((1, 2, 2, 3)), np.zeros((1, 2, 2, 3)), np.zeros((1, 2, 2), int))
    assert [paired for _, paired in found.results().values()] == [None, None]
    found.add(np.zeros((1, 2, 2, 3)), np.zeros((1, 2, 2, 3)), np.zeros((1, 2, 2), int))
    assert None not in [paired for _, paired in found.results().values()], "two have one"


# One output: which counts are told

ACCURACY = (Measured("accuracy", None, Limit("accuracy", 0.1)),)


def tallied(keras, file, labels=None, measured=ACCURACY, name=None, sizes=()):
    tally = OutputTally(name, keras, measured if labels is not None else [])
    for batch in in_batches(sizes or [len(keras)], keras, file, *([] if labels is None else [labels])):
        tally.add(*batch, *([None] if labels is None else []))
    return tally


@pytest.mark.parametrize("sizes", [WHOLE, SHORT_LAST])
def test_the_accuracy_of_rows_of_scores(rng, sizes):
    keras, file = rng.random((2, 23, 6))
    truth = rng.integers(0, 6, 23)
    tally = tallied(keras, file, truth, name="digit", sizes=sizes)
    (score,) = tally.scores(alike=False)
    right = keras.argmax(1) == truth, file.argmax(1) == truth
    only = (right[0] & ~right[1]).sum(), (~right[0] & right[1]).sum()
    assert (score.name, score.keras, score.file) == ("digit/accuracy", right[0].mean(), right[1].mean())
    assert score.interval == accuracy_difference(*only, 23).interval
    assert (score.limit, score.higher_is_better, score.in_points) == (0.1, True, True)
    assert tally.mcnemar_p == mcnemar(*only)
    assert tally.agreement == (keras.argmax(1) == file.argmax(1)).mean()
    assert len(tally.flips) == (keras.argmax(1) != file.argmax(1)).sum()
    top = np.argsort(-file, 1)[:, :5]
    assert tally.top5_agreement == np.mean([keras[row].argmax() in top[row] for row in range(23)])


def test_scores_pass_where_outputs_are_alike():
    keras, truth = np.eye(3)[[0, 1]], np.array([0, 1])
    verdicts = [next(tallied(keras, keras, truth).scores(alike)).verdict for alike in (True, False)]
    assert verdicts == ["passed", "too few samples to tell"]


@pytest.mark.parametrize(
    ("values", "threshold"),
    [([0.2, 0.6, 1.0], 0.5), ([0.2, 0.6, 1.01], 0), ([-0.1, 0.2, 0.6], 0), ([0, 0.2, 0.6], 0.5)],
)
def test_one_value_is_a_probability_unless_one_shows_that_it_is_a_logit(values, threshold):
    keras = np.array(values)[:, np.newaxis]
    truth = (keras[:, 0] > threshold).astype(int)
    tally = tallied(keras, keras, truth, sizes=[1, 1, 1])
    (score,) = tally.scores(alike=False)
    assert score.keras == score.file == 1


def test_without_labels_classes_are_told_only_where_all_rows_are_probabilities(rng):
    rows = rng.random((6, 4))
    rows /= rows.sum(1, keepdims=True)
    rows[2] = [0, 1, 0, 0]
    rows[3, 0] += 9e-4  # as float16 sums
    file = rows[:, ::-1]
    tally = tallied(rows, file, sizes=[4, 2])
    assert tally.agreement == (rows.argmax(1) == file.argmax(1)).mean()
    assert tally.flips
    assert (tally.mcnemar_p, tally.top5_agreement) == (None, None)
    for change in (lambda one: one * 1.01, lambda one: one + np.array([-0.5, 0.5, 0, 0])):
        odd = np.concatenate([change(rows[:1]), rows[1:]])
        for given in (odd, odd[::-1]):
            other = tallied(given, given[:, ::-1], sizes=[4, 2])
            assert (other.agreement, other.flips) == (None, ())
    for single in (rows[:, :1], np.ones((6, 1))):
        assert tallied(single, single).agreement is None, "one value is a class only with labels"
    pair = np.array([[0.25, 0.75], [0.5, 0.5]])
    assert tallied(pair, pair).agreement == 1


def test_a_metric_of_the_users_own_gets_labels_model_and_file_in_this_order(rng):
    keras, file = rng.normal(size=(2, 23, 2))
    truth = np.eye(2)[rng.integers(0, 2, 23)]

    def first_bias(given, outputs):
        return (outputs - given)[0, 0]

    measured = [Measured("bias", first_bias, Limit("bias", 9.0), False), Measured("accuracy")]
    tally = OutputTally("box", keras, measured)
    for batch in in_batches(SHORT_LAST, keras, file, truth):
        tally.add(*batch)
    bias, accuracy = sorted(tally.scores(alike=False), key=lambda score: score.name, reverse=True)
    assert (bias.keras, bias.file) == (first_bias(truth, keras), first_bias(truth, file))
    assert (bias.name, bias.limit, bias.higher_is_better, bias.in_points) == ("box/bias", 9.0, False, False)
    assert accuracy.name == "box/accuracy"


def test_labels_that_are_no_classes_are_for_metrics_alone(rng):
    """Of an output of one row of numbers: nothing is asked of them, and no class is told."""
    keras, file = rng.normal(size=(2, 23, 3))
    truth = rng.normal(size=(23, 3)) * 100
    measured = [Measured("worst", lambda given, outputs: np.abs(outputs - given).max(), None, False)]
    tally = OutputTally(None, keras, measured)
    tally.require_labels(truth, truth)
    for batch in in_batches(SHORT_LAST, keras, file, truth):
        tally.add(*batch)
    (score,) = tally.scores(alike=False)
    assert (score.keras, score.file) == (np.abs(keras - truth).max(), np.abs(file - truth).max())
    assert (tally.agreement, tally.flips, tally.mcnemar_p) == (None, (), None)
    broken = OutputTally(None, keras, [Measured("odd", lambda given, outputs: 1 / 0, None, False)])
    broken.add(keras, file, truth)
    with pytest.raises(tfcompress.DataError, match="The metric 'odd' must take"):
        list(broken.scores(alike=False))


def test_more_samples_are_told_beyond_all_that_there_were():
    keras, truth = np.eye(2)[[0, 1, 0, 1]], np.array([0, 1, 0, 1])
    file = np.eye(2)[[0, 1, 0, 0]]
    (whole,) = tallied(keras, file, truth).scores(alike=False)
    (parts,) = tallied(keras, file, truth, sizes=[3, 1]).scores(alike=False)
    needed = accuracy_difference(1, 0, 4).samples_to_tell(-0.1)
    assert whole.more_samples == parts.more_samples == needed - 4


def test_a_sequence_of_rows_has_a_class_for_each_of_its_steps(rng):
    keras, file = rng.random((2, 6, 5, 3))
    tally = tallied(keras, file, rng.integers(0, 3, (6, 5)))
    assert [score.name for score in tally.scores(alike=False)] == ["pixel accuracy", "mean IoU"]


def test_pixels_of_an_output_of_images(rng):
    keras, file = rng.random((2, 6, 2, 2, 3))
    truth = rng.integers(0, 3, (6, 2, 2))
    measured = [Measured("accuracy", None, Limit("accuracy", 0.5))]
    tally = tallied(keras, file, truth, measured)
    scores = {score.name: score for score in tally.scores(alike=False)}
    assert [*scores] == ["pixel accuracy", "mean IoU"]
    accuracy, mean = scores.values()
    assert (accuracy.limit, accuracy.in_points, mean.limit, mean.in_points) == (0.5, True, None, False)
    assert accuracy.keras == (keras.argmax(-1) == truth).mean()
    assert mean.file == pytest.approx(iou(truth, file.argmax(-1), 3))
    assert accuracy.higher_is_better is mean.higher_is_better is True
    assert tally.agreement == (keras.argmax(-1) == file.argmax(-1)).mean()
    assert (tally.mcnemar_p, tally.top5_agreement, tally.flips) == (None, None, ())


def test_mean_iou_of_rows_counts_beside_the_accuracy(rng):
    keras, file = rng.random((2, 12, 3))
    truth = rng.integers(0, 3, 12)
    measured = [Measured("accuracy"), Measured("mean IoU", None, Limit("mean_io_u", 0.2))]
    scores = {score.name: score for score in tallied(keras, file, truth, measured).scores(alike=False)}
    assert [*scores] == ["accuracy", "mean IoU"]
    assert scores["mean IoU"].keras == pytest.approx(iou(truth, keras.argmax(1), 3))
    assert [score.limit for score in scores.values()] == [None, 0.2]


@pytest.mark.parametrize(
    ("shape", "labels", "fits"),
    [((4, 5, 3), (4, 5), True), ((4, 5, 3), (4, 5, 1), True), ((4, 5, 3), (4, 5, 3), True), ((4, 5, 3), (), False),
     ((4, 5, 3), (3,), False), ((4, 5, 3), (5, 4), False), ((3,), (), True), ((1, 1, 3), (), True)],
)  # fmt: skip
def test_labels_fit_the_rows_or_the_pixels_of_an_output(shape, labels, fits):
    output, given = np.zeros((2, *shape)), np.zeros((2, *labels), int)
    tally = OutputTally(None, output, [Measured("accuracy")])
    if fits:
        tally.require_labels(given, None)
        return
    with pytest.raises(tfcompress.DataError, match="one row of scores") as told:
        tally.require_labels(given, None)
    assert f"{shape}" in str(told.value)
    assert f"{labels} for each sample" in str(told.value)
    assert str(told.value).endswith(
        "Pass a class number for each pixel, or other metrics, or leave y out: outputs are then compared by error."
    )
    OutputTally(None, output, []).require_labels(given, None)


def test_values_of_what_is_no_class_are_kept(rng):
    keras, file = rng.normal(size=(2, 23, 2))
    kept = tallied(keras, file).values
    assert (kept.keras.tolist(), kept.file.tolist()) == (keras.ravel().tolist(), file.ravel().tolist())
    assert tallied(keras, file, rng.integers(0, 2, 23)).values is None


def test_all_labels_are_checked_before_the_first_batch_is_run():
    tally = OutputTally(None, np.zeros((2, 3)), [Measured("accuracy")])
    tally.require_labels(np.zeros(2, int), np.array([0, 1, 2]))
    with pytest.raises(tfcompress.DataError, match="from 0 to 2"):
        tally.require_labels(np.zeros(2, int), np.array([0, 1, 3]))


# Several runtimes


@pytest.mark.parametrize("sizes", [WHOLE, SHORT_LAST])
def test_the_share_of_values_that_differ_by_pair_of_runtimes(rng, sizes):
    outputs = [{name: rng.integers(0, 3, (23, width)) for name, width in (("a", 4), ("b", 1))} for _ in range(3)]
    found = RuntimeAgreement(["litert", "reference", "tflm"])
    for start, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
        found.add([{name: array[start : start + size] for name, array in each.items()} for each in outputs])
    names = ["litert", "reference", "tflm"]
    expected = {
        (names[i], names[j]): sum((outputs[i][name] != outputs[j][name]).sum() for name in "ab") / (23 * 5)
        for i, j in itertools.combinations(range(3), 2)
    }
    assert found.shares() == pytest.approx(expected)
    assert RuntimeAgreement(["a", "b"]).shares() == {("a", "b"): 0}
