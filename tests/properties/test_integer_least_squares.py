"""Integers with the least squared error, against rounding to nearest and against all integers there are."""

import itertools

import numpy as np
import pytest

from tfcompress.conversion.integer_least_squares import LeastSquares


def problem(rng, groups, size, results, largest, free=None):
    """Return a problem with columns that depend on each other, its numbers, and the error of integers."""
    a = rng.normal(size=(groups, 4 * size, size)) @ rng.normal(size=(groups, size, size))
    w = rng.normal(size=(groups, size, results))
    w = w if free is None else w * free
    gram, products = a.swapaxes(1, 2) @ a, a.swapaxes(1, 2) @ a @ w

    def error(numbers):
        return ((a @ (numbers - w)) ** 2).sum()

    return LeastSquares(gram, products, np.ones_like(w) if free is None else free, largest), w, error


def nearest(w, scales, largest):
    return np.clip(np.rint(w / scales), -largest, largest) * scales


@pytest.mark.parametrize(("groups", "size", "results"), [(1, 70, 5), (6, 9, 1), (3, 8, 4)])
def test_error_is_far_below_that_of_nearest_rounding(rng, groups, size, results):
    found, w, error = problem(rng, groups, size, results, 7)
    scales = np.abs(w).max(axis=1, keepdims=True) / 7
    integers, after = found.solve(scales)
    assert after.shape == scales.shape
    assert np.abs(integers).max() <= 7
    assert (integers == np.rint(integers)).all()
    assert error(integers * after) < 0.8 * error(nearest(w, scales, 7))
    fixed, same = found.solve(scales, keep_scales=True)
    assert (same == scales).all()
    assert error(fixed * same) < 0.9 * error(nearest(w, scales, 7))
    again, last = found.solve(after, integers)
    assert error(again * last) <= error(integers * after) * (1 + 1e-9), "nothing gets worse from where it begins"


def test_few_integers_are_often_the_best_of_all(rng):
    best = []
    for _ in range(40):
        found, w, error = problem(rng, 1, 4, 1, 2)
        scales = np.abs(w).max(axis=1, keepdims=True) / 2
        integers, _ = found.solve(scales, keep_scales=True)
        tried = [np.reshape(each, (1, 4, 1)) * scales for each in itertools.product(range(-2, 3), repeat=4)]
        least = min(map(error, tried))
        assert error(integers * scales) >= least * (1 - 1e-9)
        best.append(error(integers * scales) <= least * (1 + 1e-9))
    assert np.mean(best) > 0.5


def test_zeros_stay_and_one_scale_stays_one(rng):
    free = np.float64(rng.random((1, 30, 6)) < 0.4)
    found, w, error = problem(rng, 1, 30, 6, 127, free)
    scales = np.full((1, 1, 1), np.abs(w).max() / 127)
    integers, after = found.solve(scales)
    assert (integers[free == 0] == 0).all()
    assert after.shape == (1, 1, 1)
    assert error(integers * after) < error(nearest(w, scales, 127))


def test_a_result_that_nothing_reaches_keeps_its_scale():
    found = LeastSquares(np.eye(3)[np.newaxis], np.zeros((1, 3, 2)), np.ones((1, 3, 2)), 7)
    integers, scales = found.solve(np.full((1, 1, 2), 0.5))
    assert (integers == 0).all()
    assert (scales == 0.5).all()
