"""Which candidate is better, by a closed form; and what decided."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from tests.properties.comparisons import net
from tfcompress.search.compression import front_of
from tfcompress.search.device_budget import DeviceBudget, Footprint
from tfcompress.search.judge import Candidate
from tfcompress.search.ranking import Ranking
from tfcompress.search.recipe import Recipe


def candidate(accuracy, flash, arena=10, macs=100, seed=0):
    return Candidate(Recipe(seed=seed), Footprint(flash, macs, arena), accuracy, None, 0.9, net())


@dataclass
class Bench:
    """What a ranking asks of a workbench."""

    budget: DeviceBudget
    judge: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(whole=Footprint(1_000, 100, 50)))
    whole_macs: int = 100


def ordered(budget, *candidates):
    return sorted(candidates, key=Ranking(Bench(budget)).order, reverse=True)


def test_what_keeps_the_limits_comes_first():
    fits, large, larger = candidate(0.5, 500), candidate(0.9, 501), candidate(0.9, 900)
    assert ordered(DeviceBudget(flash=500), larger, large, fits) == [fits, large, larger]


def test_of_equals_the_smallest_file_is_the_best():
    small, smaller, least_arena = candidate(0.8, 400), candidate(0.8, 300, 20), candidate(0.8, 300, 10)
    assert ordered(DeviceBudget(flash=500), small, smaller, least_arena) == [least_arena, smaller, small]


def test_with_the_accuracy_alone_bounded_the_smallest_is_the_best():
    exact, small, poor = candidate(0.9, 900), candidate(0.895, 400), candidate(0.88, 100)
    assert ordered(DeviceBudget(max_accuracy_drop=0.005), exact, poor, small) == [small, exact, poor]
    assert Ranking(Bench(DeviceBudget(max_accuracy_drop=0.005))).keeps_limits(small)
    assert not Ranking(Bench(DeviceBudget(max_accuracy_drop=0.004))).keeps_limits(small)


def test_a_larger_file_that_keeps_the_accuracy_beats_a_smaller_one_that_does_not():
    keeps, fails = candidate(0.895, 1_200), candidate(0.884, 1_000)
    assert ordered(DeviceBudget(max_accuracy_drop=0.01), fails, keeps) == [keeps, fails]


def test_the_front_holds_what_nothing_beats():
    best, small, beaten, other_arena = (
        candidate(0.9, 900),
        candidate(0.8, 400),
        candidate(0.8, 500),
        candidate(0.8, 450, 5),
    )
    twin = candidate(0.8, 400, seed=1)
    assert front_of([beaten, small, twin, best, other_arena]) == (best, other_arena, small)


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (DeviceBudget(flash=500), "flash decided: the int8 file takes 1,000, and 500 is there"),
        (DeviceBudget(flash=500, arena=5), "arena decided"),
        (DeviceBudget(flash=1_000), "fits as it is"),
        (DeviceBudget(max_accuracy_drop=0.01), "The accuracy decided: 1 points may go"),
    ],
)
def test_what_decided(budget, words):
    assert words in Ranking(Bench(budget))._why()
