"""Which weights get four bits, against all choices there are."""

import itertools

import numpy as np
import pytest

from tfcompress.bit_allocation import allocate_bits


def least_cost(saved, cost, needed):
    """Of all choices that save enough, what the best costs."""
    ways = itertools.product([0, 1], repeat=len(saved))
    return min(np.dot(way, cost) for way in ways if np.dot(way, saved) >= needed)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.8, 0.99, 1.0])
@pytest.mark.parametrize("count", [1, 4, 9])
def test_no_other_choice_that_saves_enough_costs_less(rng, count, share):
    saved = rng.integers(1, 5000, count).tolist()
    cost = (rng.lognormal(0, 2, count) * 1e-3).tolist()
    needed = max(1, int(share * sum(saved)))
    chosen = allocate_bits(saved, cost, needed)
    assert {type(each) for each in chosen} == {bool}
    assert len(chosen) == count
    assert np.dot(chosen, saved) >= needed
    assert np.dot(chosen, cost) == pytest.approx(least_cost(saved, cost, needed), rel=1e-4)


@pytest.mark.parametrize("needed", [0, -5])
def test_where_nothing_is_needed_nothing_is_chosen(needed):
    assert allocate_bits([10, 20], [0.0, 1.0], needed) == [False, False]
    assert allocate_bits([], [], needed) == []


def test_one_byte_is_needed_and_needless_choices_are_not_made():
    assert allocate_bits([10, 20, 5], [1.0, 2.0, 0.5], 1) == [False, False, True]
    assert sum(allocate_bits([10, 20, 30, 40], [0.0] * 4, 35)) == 1, "at no cost as few as can be"
    assert allocate_bits([1, 100], [0.0, 1.0], 100) == [False, True]
    assert allocate_bits([7, 7], [0.0, 0.0], 14) == [True, True]


def test_costs_of_any_size_are_alike():
    for scale in (1e-12, 1.0, 1e12):
        assert allocate_bits([10, 10, 10], [3 * scale, scale, 2 * scale], 20) == [False, True, True]
        assert allocate_bits([30, 10, 10], [5 * scale, scale, scale], 20) == [False, True, True], (
            "two for less than one"
        )


def test_more_than_there_is_cannot_be_saved():
    with pytest.raises(ValueError, match=r"^30 bytes at most can be saved, and 31 are needed: .*infeasible"):
        allocate_bits([10, 20], [1.0, 1.0], 31)
