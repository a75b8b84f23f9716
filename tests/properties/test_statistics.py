"""Paired differences and verdicts: closed forms, symmetry, and exact oracles of others."""

import math

import numpy as np
import pytest
from scipy import stats

from tfcompress.comparison.limits import Limit
from tfcompress.comparison.metric_score import VERDICTS, Score, judge, worst
from tfcompress.comparison.statistics import (
    MAX_NEEDED_SAMPLES,
    MIN_DIFFERING_GROUPS,
    Z_95,
    PairedDifference,
    accuracy_difference,
    jackknife,
    mcnemar,
    paired_interval,
    t_95,
)


def left_out(values):
    """The mean of some values without each of them in turn."""
    return (values.sum() - values) / (len(values) - 1)


def of_values(first, second, same=None):
    """The paired difference of two means, each sample a group."""
    sizes, none = np.ones(len(first), int), np.zeros(len(first), bool)
    whole = first.mean(), second.mean()
    return jackknife(left_out(first), left_out(second), whole, sizes, none if same is None else same)


# The interval of two accuracies


@pytest.mark.parametrize(("only_first", "only_second", "count"), [(12, 9, 1000), (0, 5, 50), (3, 0, 3), (0, 0, 10)])
def test_the_interval_of_accuracies_is_that_of_bonett_and_price(only_first, only_second, count):
    """With one imagined disagreement more on either side: a Wald interval of count + 2 samples."""
    imagined = np.array([-1] * (only_first + 1) + [1] * (only_second + 1) + [0] * (count - only_first - only_second))
    assert len(imagined) == count + 2
    spread = Z_95 * imagined.std() / math.sqrt(len(imagined))
    low, high = paired_interval(only_first, only_second, count)
    assert low == pytest.approx(max(-1, imagined.mean() - spread))
    assert high == pytest.approx(min(1, imagined.mean() + spread))


def test_the_sides_swapped_mirror_the_interval_and_the_difference():
    first, second = accuracy_difference(30, 10, 200), accuracy_difference(10, 30, 200)
    assert first.difference == -second.difference == pytest.approx(-0.1)
    assert first.interval == pytest.approx((-second.interval[1], -second.interval[0]))
    assert first.interval[0] < first.difference < first.interval[1] < 0


def test_an_interval_of_accuracies_stays_within_one():
    assert paired_interval(1, 0, 1)[0] == -1
    assert paired_interval(0, 1, 1)[1] == 1


def test_the_difference_of_accuracies_has_the_mean_and_the_variance_of_its_samples():
    samples = np.array([-1] * 7 + [1] * 4 + [0] * 29)
    found = accuracy_difference(7, 4, 40)
    assert (found.difference, found.variance) == pytest.approx((samples.mean(), samples.var()))
    assert found.unseen == 2
    assert found.interval == paired_interval(7, 4, 40)


@pytest.mark.parametrize(("only_first", "only_second"), [(12, 3), (3, 12), (0, 0), (5, 5), (1, 0), (0, 6), (400, 350)])
def test_mcnemar_is_the_two_sided_binomial_test(only_first, only_second):
    count = only_first + only_second
    expected = stats.binomtest(only_first, count, 0.5).pvalue if count else 1.0
    assert mcnemar(only_first, only_second) == pytest.approx(expected)


def test_students_quantile_is_that_of_its_distribution():
    for freedom in range(1, 5):
        assert t_95(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-5)
    for freedom, error in ((5, 3e-3), (8, 4e-4), (15, 4e-5), (30, 2e-6), (100, 2e-8)):
        assert t_95(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=error)


# The jackknife


def test_of_single_samples_it_is_the_paired_t_interval(rng):
    first, second = rng.exponential(size=(2, 24))
    found = of_values(first, second)
    expected = stats.ttest_rel(second, first).confidence_interval(0.95)
    assert found.difference == pytest.approx((second - first).mean())
    assert found.interval == pytest.approx((expected.low, expected.high), rel=1e-5)
    assert found.variance == pytest.approx((second - first).var(ddof=1))
    assert found.unseen == 0


def test_of_groups_of_unequal_size_it_is_the_formula_of_its_source(rng):
    """Busing, Meijer and van der Leeden 1999, (7) and (9), written out group by group."""
    sizes = np.array([1, 2, 3, 5, 8, 13, 30])
    parts = [rng.normal(1, 2, size) for size in sizes]
    total, whole = sizes.sum(), np.concatenate(parts).mean()
    without = np.array([np.concatenate(parts[:g] + parts[g + 1 :]).mean() for g in range(len(parts))])
    shares = total / sizes
    centre = len(sizes) * whole - ((1 - sizes / total) * without).sum()
    variance = np.mean(
        [(h * whole - (h - 1) * w - centre) ** 2 / (h - 1) for h, w in zip(shares, without, strict=True)]
    )
    found = jackknife(np.zeros(7), without, (0.0, whole), sizes, np.zeros(7, bool))
    half = t_95(6) * math.sqrt(variance)
    assert found.interval == pytest.approx((whole - half, whole + half))
    assert found.variance == pytest.approx(variance * total)


def test_fewer_than_two_groups_have_no_interval():
    one, two = np.array([1.0]), np.array([1.0, 3.0])
    assert jackknife(one, one, (1.0, 2.0), np.array([5]), np.array([False])) is None
    found = of_values(two, two + np.array([0.5, 1.0]))
    assert found.interval == pytest.approx((0.75 - 12.7062 * 0.25, 0.75 + 12.7062 * 0.25))


@pytest.mark.parametrize("differing", [1, 5, MIN_DIFFERING_GROUPS - 1])
def test_where_few_samples_differ_one_more_on_either_side_is_supposed(differing):
    """Its size is the largest that was seen, and it adds to the variance as one of n samples does."""
    first = np.ones(60)
    second = first - np.where(np.arange(60) < differing, 1 + np.arange(60) / 100, 0)
    largest = np.abs(second - first).max()
    found = of_values(first, second, same=first == second)
    bare = of_values(first, second)
    assert found.unseen == pytest.approx(2 * largest**2)
    assert bare.unseen == 0
    half, least = np.ptp(found.interval) / 2, np.ptp(bare.interval) / 2
    assert (half / t_95(59)) ** 2 - (least / t_95(59)) ** 2 == pytest.approx(found.unseen / 60**2)


def test_where_many_samples_differ_or_all_do_nothing_is_supposed():
    first = np.linspace(0, 1, 60)
    second = np.where(np.arange(60) < MIN_DIFFERING_GROUPS, first + 1, first)
    assert of_values(first, second, same=first == second).unseen == 0
    few = first[:5]
    assert of_values(few, few + 1, same=np.zeros(5, bool)).unseen == 0


def test_where_nothing_differs_a_difference_may_be_as_large_as_the_metric():
    first = np.full(10, 0.5)
    found = jackknife(first, first, (-3.0, -3.0), np.ones(10, int), np.ones(10, bool))
    assert found.unseen == pytest.approx(2 * 3.0**2)
    assert found.interval == pytest.approx((-t_95(9) * math.sqrt(0.18), t_95(9) * math.sqrt(0.18)))


# How many samples would tell


def test_so_many_samples_tell_that_the_interval_just_ends_at_the_limit():
    """variance / n + unseen / n² = (distance / z)², solved for n."""
    found = PairedDifference(0.03, (0, 0), 0.2, 1.5)
    needed = found.samples_to_tell(0.01)

    def half(count):
        return Z_95 * math.sqrt(0.2 / count + 1.5 / count**2)

    assert half(needed) <= 0.02 < half(needed - 1)
    assert found.samples_to_tell(0.05) == needed, "the distance counts, not the side"


def test_no_number_of_samples_tells_what_is_at_the_limit():
    assert PairedDifference(0.01, (0, 0), 1.0, 2.0).samples_to_tell(0.01) is None
    square = Z_95**2 / MAX_NEEDED_SAMPLES  # of a distance that takes exactly so many, where nothing is unseen
    near, far = (PairedDifference(math.sqrt(square * s), (0, 0), 1.0, 0.0).samples_to_tell(0.0) for s in (0.9, 1.1))
    assert near is None
    assert far == pytest.approx(MAX_NEEDED_SAMPLES / 1.1, rel=1e-6)


# The verdict


def paired(difference, half, variance=1.0):
    return PairedDifference(difference, (difference - half, difference + half), variance, 0.0)


def verdict(difference, half, limit, higher_is_better=False, **others):
    return judge(
        "m", (1.0, 1.0 + difference), paired(difference, half), samples=100,
        limit=Limit("m", limit), higher_is_better=higher_is_better, **others,
    ).verdict  # fmt: skip


@pytest.mark.parametrize("better", [True, False])
def test_the_end_of_the_interval_that_is_worse_decides(better):
    sign = -1 if better else 1
    for difference, half, expected in (
        (0.010, 0.0099, "passed"),
        (0.010, 0.0101, "too few samples to tell"),
        (0.030, 0.0101, "too few samples to tell"),
        (0.030, 0.0099, "failed"),
        (-0.50, 0.1, "passed"),
    ):
        assert verdict(sign * difference, half, 0.02, better) == expected, (difference, half)


def test_what_is_at_the_limit_by_rounding_is_within_it():
    """Of a metric of thousands the last digit is larger."""
    for size in (1.0, 1e6):
        for over, expected in ((0.5e-12, "passed"), (1e-9, "too few samples to tell")):
            found = judge(
                "m", (size, size), PairedDifference(0, (0.0, 0.25 + over * size), 1.0, 0.0), samples=9,
                limit=Limit("m", 0.25), higher_is_better=False,
            )  # fmt: skip
            assert found.verdict == expected
    for over, expected in ((0.5e-12, "too few samples to tell"), (2e-12, "failed")):
        found = judge(
            "m", (1.0, 2.0), PairedDifference(1.0, (0.25 + over, 2.0), 1.0, 0.0), samples=9,
            limit=Limit("m", 0.25), higher_is_better=False,
        )  # fmt: skip
        assert found.verdict == expected


def test_outputs_that_are_alike_pass_by_their_difference_alone():
    for size in (0.01, 1.0, 1000.0):
        for times, passed in ((0.9, True), (1.2, False)):
            found = judge(
                "m", (size, size * (1 + times * 1e-5)), paired(0, 5 * size), samples=3,
                limit=Limit("m", 0.0), higher_is_better=False, alike=True,
            )  # fmt: skip
            assert (found.verdict == "passed") == passed
    assert verdict(0.0, 5.0, 0.0) == "too few samples to tell"


def test_a_score_holds_what_was_judged():
    """With a limit and without: every fact is in its place."""
    there = paired(-0.25, 0.5)
    for limit, told in ((None, "no limit"), (Limit("top", 0.1), "too few samples to tell")):
        found = judge("top", (0.75, 0.5), there, samples=7, limit=limit, higher_is_better=True, in_points=True)
        assert (found.name, found.keras, found.file, found.interval) == ("top", 0.75, 0.5, (-0.75, 0.25))
        assert (found.higher_is_better, found.in_points, found.verdict) == (True, True, told)
        assert found.difference == -0.25
        assert found.limit == (None if limit is None else 0.1)
        assert not judge("top", (0.75, 0.5), there, samples=7, limit=limit).in_points
    assert judge("m", (1.0, 1.0), None, samples=1).interval is None
    assert judge("m", (1.0, 1.0), None, samples=1, limit=Limit("m", 9)).verdict == "too few samples to tell"


@pytest.mark.parametrize(("better", "difference"), [(True, -0.06), (False, 0.06)])
def test_so_many_more_samples_are_told_as_are_missing(better, difference):
    """To two digits, upwards, and at least one."""
    there = paired(difference, 0.5, variance=1.0)
    needed = there.samples_to_tell(-0.01 if better else 0.01)
    for samples, more in ((100, 1500), (needed - 57, 57), (needed - 101, 110), (needed, 1), (needed + 9, 1)):
        found = judge("m", (0, 0), there, samples=samples, limit=Limit("m", 0.01), higher_is_better=better)
        assert found.more_samples == more
        assert found.told.endswith(f"about {more:,} more would, if the difference stays")


def test_how_a_score_is_written():
    points = Score("accuracy", 0.9125, 0.9, (-0.025, 0.003), limit=0.01, in_points=True, verdict="failed")
    assert points.value(0.9125) == "91.25 %"
    assert points.difference_text == "-1.25 (-2.50 to +0.30)"
    assert points.told == "FAILED (at most 1 point worse)"
    plain = Score("mae", 1.5, 1.75, (0.2, 0.3), limit=0.02, verdict="passed")
    assert plain.value(1.23456) == "1.235"
    assert plain.difference_text == "+0.25 (+0.2 to +0.3)"
    assert plain.told == "passed (at most 0.02 worse)"
    assert Score("mae", 1.5, 1.75, None).difference_text == "+0.25"
    assert Score("mae", 1.5, 1.75, None).told == "no limit"
    told = [
        Score("accuracy", 1, 1, each, limit=0.005, in_points=True, verdict="too few samples to tell").told
        for each in (None, (0, 0))
    ]
    assert told == [
        "too few samples to tell (at most 0.5 points worse); one sample leaves everything open",
        "too few samples to tell (at most 0.5 points worse); the difference is at the limit, so more samples would "
        "hardly tell",
    ]


def test_of_several_verdicts_the_worst_counts_in_any_order():
    assert VERDICTS == ("failed", "too few samples to tell", "passed", "no limit")
    for place, verdict in enumerate(VERDICTS):
        assert worst([*VERDICTS[place:]]) == worst([*reversed(VERDICTS[place:])]) == verdict
    assert worst([]) == "no limit"
