"""The range of an activation: each method against its definition, by brute force over the same values."""

import numpy as np
import pytest

from tfcompress.conversion.range_estimators import LEVELS, STEPS, choose


def chosen(method, values):
    return choose(method, float(values.min()), float(values.max()), values)


def error(values, low, high):
    """The mean squared error of clipping, and of rounding: a twelfth of a step squared, but for zeros."""
    inside = (values >= low) & (values < high) & (values != 0)
    step = (high - low) / LEVELS
    return (((np.clip(values, low, high) - values) ** 2).sum() + inside.sum() * step**2 / 12) / len(values)


def least_error(values):
    """The same search as an oracle: one end after the other, twice, over a quarter to the whole of each side."""
    whole = min(0.0, values.min()), max(0.0, values.max())
    best = list(whole)
    for side in (1, 0, 1, 0):
        if not whole[side]:
            continue
        ends = whole[side] * np.linspace(1, 0.25, STEPS)
        errors = np.array([error(values, *((best[0], end) if side else (end, best[1]))) for end in ends])
        best[side] = ends[np.flatnonzero(errors <= errors.min() * (1 + 1e-9))[0]]
    return tuple(best)


DRAWS = {
    "a bell": lambda rng: rng.normal(size=2000),
    "a bell with an outlier": lambda rng: np.append(rng.normal(size=2000), 40.0),
    "an outlier below": lambda rng: np.append(rng.normal(size=2000), -40.0),
    "a rectified bell": lambda rng: np.maximum(rng.normal(size=2000), 0),
    "mostly zeros": lambda rng: rng.normal(size=2000) * (rng.random(2000) < 0.02),
    "heavy tails": lambda rng: rng.standard_t(2, size=2000),
    "above zero": lambda rng: rng.exponential(size=2000) + 1,
    "below zero": lambda rng: -rng.exponential(size=2000) - 1,
    "outliers on both sides": lambda rng: np.append(rng.normal(size=2000), [40.0, -30, 31, -37]),
    "small, up to one": lambda rng: np.append(rng.normal(size=900) / 50, [1.0, -0.3, 0.4]),
    "float32": lambda rng: rng.standard_t(3, size=3000).astype("float32"),
    "a few integers": lambda rng: rng.integers(-3, 9, 2000).astype(float),
}


@pytest.mark.parametrize("name", DRAWS)
def test_mse_finds_the_ends_with_the_least_error(rng, name):
    values = DRAWS[name](rng)
    assert chosen("mse", values) == pytest.approx(least_error(values), rel=1e-9)


@pytest.mark.parametrize("name", DRAWS)
def test_percentile_leaves_out_one_value_in_ten_thousand_on_each_side(rng, name):
    values = DRAWS[name](rng)
    low, high = np.percentile(values, [0.01, 99.99])
    assert chosen("percentile", values) == pytest.approx((min(0.0, low), max(0.0, high)))


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_every_range_holds_zero_and_nothing_that_was_not_seen(rng, name, method):
    values = DRAWS[name](rng)
    low, high = chosen(method, values)
    assert min(0, values.min()) <= low <= 0 <= high <= max(0, values.max())
    if method == "minmax":
        assert (low, high) == (min(0, values.min()), max(0, values.max()))


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_a_range_follows_scale_and_sign_and_not_the_order_of_values(rng, method):
    values = DRAWS["heavy tails"](rng)
    low, high = chosen(method, values)
    assert chosen(method, values * 8) == pytest.approx((low * 8, high * 8))
    assert chosen(method, values[::-1]) == (low, high)
    assert chosen("minmax", -values) == (-chosen("minmax", values)[1], -chosen("minmax", values)[0])


def test_values_that_were_drawn_never_widen_what_was_seen():
    """Extremes are of all values, draws of some: `low` and `high` are the widest range that there is."""
    drawn = np.array([-4.0, -1, 0, 1, 4])
    assert choose("percentile", -1.0, 1.0, drawn) == (-1.0, 1.0)
    assert choose("percentile", -9.0, 9.0, drawn) == pytest.approx((-4, 4), rel=1e-3)
    low, high = choose("mse", -1.0, 1.0, drawn)
    assert -1 <= low <= 0 <= high <= 1


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_without_values_or_width_the_range_is_what_was_seen(method):
    assert choose(method, -2.0, 3.0, np.zeros(0)) == (-2.0, 3.0)
    assert choose(method, 1.0, 3.0, np.zeros(0)) == (0.0, 3.0)
    assert choose(method, 0.0, 0.0, np.zeros(9)) == (0.0, 0.0)
    assert choose(method, -2.0, -1.0, np.zeros(0)) == (-2.0, 0.0)


def test_of_ends_that_are_equally_good_the_widest_is_taken():
    """Zeros are exact on every grid, so no end is better than another."""
    assert choose("mse", -2.0, 3.0, np.zeros(50)) == (-2.0, 3.0)
