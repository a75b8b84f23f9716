"""Schedules against their closed form, against TF-MOT, and what they refuse."""

import numpy as np
import pytest

import tfcompress
from tfcompress import ConstantSparsity, PolynomialDecay
from tfcompress.training.pruning.schedules import as_schedule, for_fit


@pytest.mark.parametrize("power", [1, 3, 0.5])
def test_polynomial_decay_is_its_formula(power):
    schedule = PolynomialDecay(0.2, 0.9, 10, 110, power=power, frequency=7)
    for step in range(10, 111):
        expected = 0.9 + (0.2 - 0.9) * (1 - (step - 10) / 100) ** power
        assert schedule(step) == pytest.approx(expected, abs=1e-6)
    assert schedule(0) == 0.2
    assert schedule(110) == schedule(10_000) == 0.9


@pytest.mark.parametrize("span", [(0, 100, 10), (3, 103, 20), (5, 64, 1)])
def test_updates_and_sparsities_are_those_of_tfmot(span):
    begin, end, frequency = span
    theirs = tfcompress.tfmot._tfmot().sparsity.keras.PolynomialDecay(0.1, 0.8, begin, end, frequency=frequency)
    ours = PolynomialDecay(0.1, 0.8, begin, end, frequency=frequency)
    for step in range(1, 130):
        due, wanted = (value.numpy() for value in theirs(np.int64(step)))
        if due:
            assert ours.last_update(step - 1, step) == step
            assert ours(step) == pytest.approx(float(wanted), abs=1e-6)


@pytest.mark.parametrize("end", [190, 7, 100])
def test_the_end_is_always_an_update(end):
    schedule = PolynomialDecay(0, 0.8, 0, end, frequency=100)
    assert schedule.last_update(end - 1, end) == end
    assert schedule.last_update(end, end + 500) is None


def test_constant_sparsity_is_that_of_tfmot():
    theirs = tfcompress.tfmot._tfmot().sparsity.keras.ConstantSparsity(0.5, 7, 60, frequency=10)
    ours = ConstantSparsity(0.5, 7, 60, frequency=10)
    for step in range(1, 100):
        assert (ours.last_update(step - 1, step) == step) == bool(theirs(np.int64(step))[0])
    assert ours(7) == 0.5


@pytest.mark.parametrize("steps", [2, 20, 333, 10_000])
def test_a_float_is_reached_by_three_quarters_in_20_updates_or_more(steps):
    schedule = for_fit(0.7, 50, steps)
    updates = [s for s in range(51, 51 + steps) if schedule.last_update(s - 1, s)]
    assert schedule(50 + max(1, steps * 3 // 4)) == 0.7
    assert len(updates) >= min(20, steps * 3 // 4)


def test_a_function_of_the_step_is_asked_at_every_step():
    schedule = as_schedule(lambda step: 0.5 * min(1, step / 10))
    assert [schedule(step) for step in (0, 5, 10, 20)] == [0, 0.25, 0.5, 0.5]
    assert schedule.last_update(3, 8) == 8


@pytest.mark.parametrize("value", [-0.1, 1, 1.0, 2, float("nan"), True, "0.5", None, [0.5], PolynomialDecay])
def test_what_is_no_schedule_is_refused(value):
    with pytest.raises(tfcompress.SettingError):
        as_schedule(value)


@pytest.mark.parametrize(
    "arguments",
    [
        (0, 1.0, 0, 10),
        (-0.1, 0.5, 0, 10),
        (0, float("nan"), 0, 10),
        (0, 0.5, 11, 10),
        (0, 0.5, -1, 10),
        (0, 0.5, 0.5, 10),
        (0, 0.5, 0, 10, 0),
        (0, 0.5, 0, 10, float("inf")),
        (0, 0.5, 0, 10, 3, 0),
    ],
)
def test_what_is_no_polynomial_decay_is_refused(arguments):
    with pytest.raises(tfcompress.SettingError):
        PolynomialDecay(*arguments)


def test_a_function_that_returns_no_sparsity_is_an_error():
    with pytest.raises(tfcompress.SettingError):
        as_schedule(lambda step: 1.5)(3)


def test_a_constant_that_would_never_begin_is_refused():
    with pytest.raises(tfcompress.SettingError):
        ConstantSparsity(0.5, 0, 50, frequency=100)
