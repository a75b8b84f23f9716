"""Schedules: the formula, which steps are updates, and what holds for every schedule."""

import math

import numpy as np
import pytest

from tfcompress.errors import SettingError
from tfcompress.training.pruning.schedules import ConstantSparsity, PolynomialDecay, UserSchedule, as_schedule, for_fit


def updates(schedule, until):
    """The steps at which masks are updated, asked one step after the other."""
    return [step for step in range(1, until) if schedule.last_update(step - 1, step) is not None]


@pytest.mark.parametrize("power", [1, 2, 3, 0.5])
@pytest.mark.parametrize(("initial", "final"), [(0.2, 0.9), (0.9, 0.2), (0.0, 0.5)])
def test_the_decay_is_its_formula(power, initial, final):
    schedule = PolynomialDecay(initial, final, 10, 50, power=power, frequency=7)
    for step in range(80):
        share = min(1, max(0, (step - 10) / 40))
        assert schedule(step) == pytest.approx(final + (initial - final) * (1 - share) ** power, abs=1e-6)
        assert isinstance(schedule(step), float)
    assert (schedule(10), schedule(50)) == (initial, final), "the ends are met exactly"


def test_a_decay_computes_in_float32_as_tfmot_does():
    f = np.float32
    expected = f(0.1 - 0.8) * (f(1) - f(7) / f(30)) ** f(3) + f(0.8)
    assert PolynomialDecay(0.1, 0.8, 0, 30)(7) == float(expected)


@pytest.mark.parametrize(("begin", "end", "frequency"), [(0, 50, 10), (3, 50, 10), (5, 9, 100), (7, 7, 3), (0, 1, 1)])
def test_a_decay_updates_every_so_many_steps_from_its_begin_and_at_its_end(begin, end, frequency):
    schedule = PolynomialDecay(0.0, 0.8, begin, end, frequency=frequency)
    expected = sorted({step for step in range(begin, end, frequency) if step > 0} | {end})
    assert updates(schedule, 80) == expected
    assert schedule.settled_by == max(end, 1)


def test_a_decay_that_ends_before_the_first_step_updates_never():
    schedule = PolynomialDecay(0.0, 0.8, 0, 0)
    assert updates(schedule, 30) == []
    assert schedule.settled_by == 1


@pytest.mark.parametrize(
    ("begin", "end", "frequency", "expected"),
    [(0, -1, 10, [10, 20, 30]), (4, -1, 10, [4, 14, 24, 34]), (4, 24, 10, [4, 14, 24]), (4, 23, 10, [4, 14]),
     (9, 9, 4, [9]), (0, 10, 10, [10])],
)  # fmt: skip
def test_a_constant_updates_on_its_grid_and_not_after_its_end(begin, end, frequency, expected):
    schedule = ConstantSparsity(0.5, begin, end, frequency)
    assert updates(schedule, 38) == expected
    assert schedule.settled_by == expected[0]
    assert {schedule(step) for step in range(50)} == {0.5}


@pytest.mark.parametrize(
    "schedule",
    [PolynomialDecay(0, 0.8, 3, 40, frequency=7), PolynomialDecay(0, 0.8, 0, 25, frequency=10),
     ConstantSparsity(0.5, 0, 30, 8), ConstantSparsity(0.5, 5), UserSchedule(lambda step: (step % 6 == 2, 0.5)),
     UserSchedule(lambda step: 0.5)],
)  # fmt: skip
def test_the_last_update_of_many_steps_is_that_of_them_one_by_one(schedule):
    """A fit may skip steps: none of the updates among them is lost."""
    single = updates(schedule, 60)
    for after in range(-2, 60):
        for until in range(after, 60):
            found = [step for step in single if after < step <= until]
            assert schedule.last_update(after, until) == (found[-1] if found else None), (after, until)


def test_a_function_tells_when_and_how_much():
    when = UserSchedule(lambda step: (step in (4, 9), step / 100))
    assert updates(when, 20) == [4, 9]
    assert when(7) == 0.07
    always = as_schedule(lambda step: 0.25)
    assert isinstance(always, UserSchedule)
    assert updates(always, 4) == [1, 2, 3]
    assert (always(3), always.settled_by) == (0.25, None)
    assert as_schedule(lambda step: np.float32(0.5))(1) == 0.5


@pytest.mark.parametrize("answer", [1.0, -0.1, float("nan"), "much", None, (1, 2, 3), (True, 1.5)])
def test_what_a_function_must_not_return_is_told_with_the_step(answer):
    with pytest.raises(SettingError, match=r"^(A schedule must return a sparsity|The schedule's value).*at step 7"):
        UserSchedule(lambda step: answer)(7)


def test_what_is_a_schedule_already_stays_and_a_float_waits_for_the_length_of_the_fit():
    for given in (PolynomialDecay(0, 0.8, 0, 10), ConstantSparsity(0.5, 0)):
        assert as_schedule(given) is given
    for number in (0, 0.8, np.float32(0.5)):
        assert as_schedule(number) == number
        assert type(as_schedule(number)) is float


class TheirConstantSparsity:
    def get_config(self):
        return {"class_name": "ConstantSparsity", "config": {"target_sparsity": 0.4, "begin_step": 3, "end_step": 90}}


def test_a_schedule_of_tfmot_becomes_ours():
    theirs = type("ConstantSparsity", (TheirConstantSparsity,), {"__module__": "tensorflow_model_optimization.x"})
    assert as_schedule(theirs()) == ConstantSparsity(0.4, 3, 90)
    with pytest.raises(SettingError, match="a function of the step"):
        as_schedule(TheirConstantSparsity())


@pytest.mark.parametrize("given", [True, "0.5", None, [0.5], {"dense": 0.5}, PolynomialDecay, UserSchedule])
def test_what_is_no_schedule_is_refused(given):
    with pytest.raises(SettingError, match="A schedule must be") as told:
        as_schedule(given)
    assert repr(given) in str(told.value)
    assert "dict from pattern to schedule" in str(told.value)


@pytest.mark.parametrize("steps", [1, 2, 3, 27, 100, 2_666, 2_667, 100_000])
@pytest.mark.parametrize("begin", [0, 500])
def test_a_float_is_reached_by_three_quarters_of_a_fit_in_twenty_updates_where_there_is_room(steps, begin):
    schedule = for_fit(0.7, begin, steps)
    span = max(1, 3 * steps // 4)
    assert (schedule.begin_step, schedule.end_step) == (begin, begin + span)
    assert (schedule(begin), schedule(begin + span)) == (0.0, 0.7)
    made = updates(schedule, begin + span + 1) if span < 5_000 else range(0, span, schedule.frequency)
    assert len(made) >= min(20, span)
    assert schedule.frequency <= 100
    assert schedule.frequency == 100 or len(made) <= 42, "no more updates than twice as many"


def test_a_fit_goes_on_from_the_zeros_that_there_are_and_never_back():
    assert for_fit(0.7, 0, 100, initial=0.3)(0) == 0.3
    assert for_fit(0.7, 0, 100, initial=0.9)(0) == 0.7


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PolynomialDecay(1.0, 0.5, 0, 9), r"`initial_sparsity` must be in \[0, 1\).*1\.0"),
        (lambda: PolynomialDecay(0, -0.1, 0, 9), r"`final_sparsity` must be in"),
        (lambda: PolynomialDecay(0, 0.5, -1, 9), "`begin_step` must be 0 or more.*begin_step=-1, frequency=100"),
        (lambda: PolynomialDecay(0, 0.5, 0, 9, frequency=0), "`frequency` 1 or more.*frequency=0"),
        (lambda: PolynomialDecay(0, 0.5, 10, 9), "must not come after `end_step`.*10 > 9"),
        (lambda: PolynomialDecay(0, 0.5, 0.5, 9), "`begin_step` must be a whole number.*0.5"),
        (lambda: PolynomialDecay(0, 0.5, 0, True), "`end_step` must be a whole number.*True"),
        (lambda: PolynomialDecay(0, 0.5, 0, 9, frequency=2.0), "`frequency` must be a whole number"),
        (lambda: PolynomialDecay(0, 0.5, 0, 9, power=0), "`power` must be a number above 0.*0"),
        (lambda: PolynomialDecay(0, 0.5, 0, 9, power=math.inf), "`power`"),
        (lambda: PolynomialDecay(0, 0.5, 0, 9, power="3"), "`power`.*'3'"),
        (lambda: ConstantSparsity(True, 0), "`target_sparsity`.*True"),
        (lambda: ConstantSparsity(0.5, -1), "0 or more"),
        (lambda: ConstantSparsity(0.5, 5, 4), "must not come after.*5 > 4"),
        (
            lambda: ConstantSparsity(0.5, 0, 99),
            r"^The first update must.*100, end_step=99.*smaller `frequency`",
        ),
        (lambda: as_schedule(1.0), r"The sparsity must be in \[0, 1\).*80 % of the weights"),
        (lambda: UserSchedule(lambda step: 2)(3), "The schedule's value at step 3 must be in"),
    ],
)
def test_settings_out_of_their_range_are_told_by_name(make, words):
    with pytest.raises(SettingError, match=words):
        make()


def test_the_least_that_is_allowed():
    assert PolynomialDecay(0, 0, 0, 0, power=0.1, frequency=1)(5) == 0
    assert ConstantSparsity(0.5, 0, 100)(5) == 0.5
    assert ConstantSparsity(0.5, np.int64(7), 7, frequency=np.int32(9)).settled_by == 7
