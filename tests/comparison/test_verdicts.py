"""Intervals of paired differences and the verdicts they give, against closed forms and other people's code."""

import numpy as np
import pytest

from tfcompress.comparison.grouped_sums import GROUPS, GroupedSums, RandomGroups
from tfcompress.comparison.limits import Limit
from tfcompress.comparison.metric_score import judge, worst
from tfcompress.comparison.statistics import PairedDifference, accuracy_difference, jackknife, paired_interval, t_95


def of_means(keras, file, batch=64):
    """The paired difference of two means, by groups of samples."""
    sums = GroupedSums(2)
    for start in range(0, len(keras), batch):
        parts = keras[start : start + batch], file[start : start + batch]
        for group, rows in sums.groups.split(len(parts[0])):
            sums.add(group, *(np.array([part[rows].sum(), len(rows)]) for part in parts))
    left_out = np.array([both[:, 0] / both[:, 1] for both in sums.left_out()])
    whole = tuple(sums.whole[:, 0] / sums.whole[:, 1])
    return jackknife(left_out[:, 0], left_out[:, 1], whole, sums.sizes, sums.same)


def test_of_a_mean_it_is_the_paired_t_interval(rng):
    from scipy.stats import ttest_rel

    keras, file = rng.exponential(size=(2, 50))
    found = of_means(keras, file)
    expected = ttest_rel(file, keras).confidence_interval(0.95)
    assert found.interval == pytest.approx((expected.low, expected.high), rel=1e-3)
    assert found.difference == pytest.approx(file.mean() - keras.mean())
    swapped = of_means(file, keras)
    assert swapped.interval == pytest.approx((-found.interval[1], -found.interval[0]))


def test_students_quantile():
    from scipy.stats import t

    for freedom in (*range(1, 30), 63, 1000):
        assert t_95(freedom) == pytest.approx(t.ppf(0.975, freedom), rel=4e-3)


@pytest.mark.parametrize(("count", "in_order"), [(30, False), (333, False), (333, True)])
def test_the_interval_of_an_error_covers_the_truth_in_95_of_100_draws(rng, count, in_order):
    covered, draws, truth = 0, 300, (1.1 - 1.0) * np.sqrt(2 / np.pi)
    for _ in range(draws):
        noise = rng.normal(size=count)
        if in_order:  # as the folders of a data set are: easy classes first
            noise = noise[np.argsort(np.abs(noise))]
        keras, file = np.abs(noise), np.abs(1.1 * noise)
        low, high = of_means(keras, file).interval
        covered += low <= truth <= high
    assert 0.91 <= covered / draws <= (1 if in_order else 0.985)


def test_seldom_flips_leave_doubt(rng):
    """Where one answer in a hundred differs, most draws of fifty samples show none or one."""
    covered, draws = 0, 400
    for _ in range(draws):
        keras = (rng.random(50) < 0.9).astype(float)
        flips = rng.random(50) < 0.02
        file = np.where(flips, 1 - keras, keras)
        low, high = of_means(keras, file).interval
        covered += low <= 0.02 * (0.1 - 0.9) <= high
    assert covered / draws >= 0.95
    same = of_means(np.ones(50), np.ones(50))
    assert same.difference == 0
    assert same.interval[1] > 0.03
    low, high = paired_interval(0, 0, 50)
    assert high < same.interval[1] < 1.2 * high


@pytest.mark.parametrize("batches", [[1] * 5, [64] * 9 + [23], [13] * 50, [4096]])
def test_every_sample_is_in_one_group(batches):
    groups = RandomGroups()
    seen = 0
    for count in batches:
        parts = [*groups.split(count)]
        rows = np.concatenate([rows for _, rows in parts])
        assert sorted(rows) == [*range(count)]
        assert all(len(rows) for _, rows in parts)
        seen += count
    assert sum(groups.sizes) == seen
    assert len(groups.sizes) == min(seen, GROUPS)


def verdict(difference, half, limit, higher_is_better=False, **others):
    paired = PairedDifference(difference, (difference - half, difference + half), half**2 * 100 / 3.84, 0.0)
    limit = Limit("metric", limit)
    return judge(
        "metric", (1.0, 1.0 + difference), paired, samples=100, limit=limit, higher_is_better=higher_is_better, **others
    )


def test_the_interval_decides():
    assert verdict(0.01, 0.005, 0.02).verdict == "passed"
    assert verdict(0.05, 0.005, 0.02).verdict == "failed"
    assert verdict(0.01, 0.05, 0.02).verdict == "too few samples to tell"
    assert verdict(0.03, 0.05, 0.02).verdict == "too few samples to tell"
    assert verdict(-0.05, 0.005, 0.02).verdict == "passed", "an error that fell is better"
    assert verdict(-0.05, 0.005, 0.02, higher_is_better=True).verdict == "failed"
    assert verdict(0.05, 0.005, 0.02, higher_is_better=True).verdict == "passed"
    assert verdict(0.015, 0.005, 0.02).verdict == "passed", "exactly at the limit"
    assert verdict(0.0, 0.5, 0.0, alike=True).verdict == "passed", "no doubt where all outputs are alike"
    assert verdict(0.1, 0.5, 0.0, alike=True).verdict != "passed"
    alone = judge("metric", (1.0, 1.0), None, samples=1, limit=Limit("metric", 1), higher_is_better=True)
    assert alone.verdict == "too few samples to tell"
    assert "one sample" in alone.told
    assert worst(["passed", "no limit"]) == "passed"
    assert worst(["passed", "too few samples to tell"]) == "too few samples to tell"
    assert worst(["failed", "too few samples to tell"]) == "failed"
    assert worst([]) == "no limit"


def test_a_drop_of_a_sixth_of_a_point_is_not_proved_by_six_hundred_samples():
    """One point more or less lies inside -1.44 to +1.11."""
    difference = accuracy_difference(8, 7, 599)
    score = judge("accuracy", (0.98, 0.98 - 1 / 599), difference, samples=599, limit=Limit("accuracy", 0.01),
                  higher_is_better=True, in_points=True)  # fmt: skip
    assert score.interval[0] < -0.01
    assert score.verdict == "too few samples to tell"
    assert "at most 1 point worse" in score.told
    assert f"about {score.more_samples:,} more" in score.told


@pytest.mark.parametrize(("only_keras", "only_file", "bound"), [(8, 7, 0.01), (16, 5, 0.01), (0, 0, 0.001), (1, 3, 0)])
def test_so_many_samples_more_would_tell(only_keras, only_file, bound):
    """With as many differences by sample, the interval of that many samples just clears the limit."""
    count = 599
    found = accuracy_difference(only_keras, only_file, count)
    needed = found.samples_to_tell(-bound)
    assert needed > count

    def clears(samples):
        low, high = paired_interval(only_keras * samples / count, only_file * samples / count, samples)
        return low >= -bound or high < -bound

    assert clears(1.02 * needed)
    assert not clears(0.95 * needed)


def test_no_number_of_samples_tells_a_difference_at_the_limit():
    assert accuracy_difference(6, 0, 600).samples_to_tell(-0.01) is None
    assert "hardly" in verdict(0.02, 0.01, 0.02).told
