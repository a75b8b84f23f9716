"""Training step in, sparsity out: how the share of zeros grows during training.

In: a number of optimizer steps. Out: the sparsity then, and the steps at which masks are updated. A schedule is any
`step -> sparsity` callable. Steps count from 1, so that step 100 is the 100th; nothing is updated before the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol, TypeAlias

import numpy as np

from tfcompress.errors import SettingError


class Schedule(Protocol):
    """What the pruning callback asks of a schedule."""

    def __call__(self, step: int) -> float:
        """Return the sparsity at a step."""
        ...

    def last_update(self, after: int, until: int) -> int | None:
        """Return the last step in (after, until] at which masks are updated, None if there is none."""

    @property
    def settled_by(self) -> int | None:
        """The step from which the sparsity stays as it is; None where nobody can know."""


ScheduleLike: TypeAlias = float | Callable[[int], Any]
"""What a user passes as a schedule: a sparsity to reach, or a function from the step to a sparsity."""


@dataclass(frozen=True)
class PolynomialDecay:
    """Sparsity that grows fast at first and flattens towards its target, at `end_step`.

    `final + (initial - final) * (1 - (step - begin) / (end - begin)) ** power`, in float32 as TF-MOT computes it,
    with masks updated every `frequency` steps. Unlike TF-MOT, `end_step` is always an update, so that the target
    is met even where `frequency` does not divide the span.

    Args:
        initial_sparsity: Share of zeros at `begin_step`, in [0, 1).
        final_sparsity: Share of zeros from `end_step` on, in [0, 1).
        begin_step: Optimizer step at which pruning begins, 0 or more.
        end_step: Optimizer step at which the target is reached, at least `begin_step`.
        power: Exponent. Default: 3.
        frequency: Steps between two updates of the masks. Default: 100.

    Raises:
        SettingError: a value is outside its range.

    Source: Zhu and Gupta, "To prune, or not to prune" (2017), https://arxiv.org/abs/1710.01878.

    Example:
        >>> PolynomialDecay(0.0, 0.8, begin_step=0, end_step=1000)(1000)
        0.8
    """

    initial_sparsity: float
    final_sparsity: float
    begin_step: int
    end_step: int
    power: float = 3
    frequency: int = 100

    def __post_init__(self) -> None:
        _check_sparsity("initial_sparsity", self.initial_sparsity)
        _check_sparsity("final_sparsity", self.final_sparsity)
        _check_steps(self.begin_step, self.end_step, self.frequency)
        if not isinstance(self.power, Real) or not math.isfinite(self.power) or self.power <= 0:
            raise SettingError("`power` must be a number above 0.", received=repr(self.power))

    def __call__(self, step: int) -> float:
        if step >= self.end_step:
            return float(self.final_sparsity)
        if step <= self.begin_step:
            return float(self.initial_sparsity)
        share = np.float32(step - self.begin_step) / np.float32(self.end_step - self.begin_step)
        gap = np.float32(self.initial_sparsity - self.final_sparsity)
        return float(gap * (np.float32(1) - share) ** np.float32(self.power) + np.float32(self.final_sparsity))

    def last_update(self, after: int, until: int) -> int | None:
        """Return the last step in (after, until] at which masks are updated, None if there is none."""
        if until >= self.end_step:
            return self.end_step if after < self.end_step and self.end_step > 0 else None
        return _on_grid(self.begin_step, self.frequency, after, until)

    @property
    def settled_by(self) -> int:
        """The step from which the sparsity stays as it is."""
        return max(self.end_step, 1)


@dataclass(frozen=True)
class ConstantSparsity:
    """The same sparsity at every update.

    As in TF-MOT the first update is at `begin_step`, or at step `frequency` where `begin_step` is 0.

    Args:
        target_sparsity: Share of zeros, in [0, 1).
        begin_step: Optimizer step at which pruning begins, 0 or more.
        end_step: Optimizer step of the last update; -1, the default, is the end of training. Zeros stay after it.
        frequency: Steps between two updates of the masks. Default: 100.

    Raises:
        SettingError: a value is outside its range.

    Example:
        >>> ConstantSparsity(0.5, begin_step=0)(100)
        0.5
    """

    target_sparsity: float
    begin_step: int
    end_step: int = -1
    frequency: int = 100

    def __post_init__(self) -> None:
        _check_sparsity("target_sparsity", self.target_sparsity)
        _check_steps(self.begin_step, self.begin_step if self.end_step == -1 else self.end_step, self.frequency)
        if self.end_step != -1 and self.end_step < self.settled_by:
            raise SettingError(
                "The first update must come before `end_step`.",
                received=f"first update at step {self.settled_by}, end_step={self.end_step}",
                hint="Choose a smaller `frequency` or a later `end_step`.",
            )

    def __call__(self, step: int) -> float:
        return float(self.target_sparsity)

    def last_update(self, after: int, until: int) -> int | None:
        """Return the last step in (after, until] at which masks are updated, None if there is none."""
        until = until if self.end_step == -1 else min(until, self.end_step)
        return _on_grid(self.begin_step, self.frequency, after, until)

    @property
    def settled_by(self) -> int:
        """The step of the first update, from which the sparsity stays as it is."""
        return self.begin_step or self.frequency


@dataclass(frozen=True)
class UserSchedule:
    """A user's callable: `step -> sparsity`, asked at every step, or TF-MOT's `step -> (update now?, sparsity)`."""

    function: Callable[[int], Any]

    def __call__(self, step: int) -> float:
        return self._ask(step)[1]

    def last_update(self, after: int, until: int) -> int | None:
        """Return the last step in (after, until] at which masks are updated, None if there is none."""
        return next((step for step in range(until, max(after, 0), -1) if self._ask(step)[0]), None)

    @property
    def settled_by(self) -> None:
        """Nobody can know."""
        return None

    def _ask(self, step: int) -> tuple[bool, float]:
        answer = self.function(step)
        update, value = answer if isinstance(answer, tuple) and len(answer) == 2 else (True, answer)
        try:
            value = float(value)
        except (TypeError, ValueError) as error:
            raise SettingError(
                "A schedule must return a sparsity: a number from 0 up to, but not including, 1.",
                received=f"{value!r} at step {step}",
            ) from error
        _check_sparsity(f"the schedule's value at step {step}", value)
        return bool(update), value


def as_schedule(given: Any) -> Schedule | float:
    """Return a schedule for whatever the user passed; a float stays one until the length of the fit is known.

    Raises:
        SettingError: it is neither a sparsity in [0, 1) nor callable.
    """
    if isinstance(given, Real) and not isinstance(given, bool):
        _check_sparsity("the sparsity", given)
        return float(given)
    if isinstance(given, (PolynomialDecay, ConstantSparsity)):
        return given
    if type(given).__module__.startswith("tensorflow_model_optimization."):
        for ours in (PolynomialDecay, ConstantSparsity):
            if type(given).__name__ == ours.__name__:
                return ours(**given.get_config()["config"])
    if callable(given) and not isinstance(given, type):
        return UserSchedule(given)
    raise SettingError(
        "A schedule must be a sparsity in [0, 1), a PolynomialDecay, a ConstantSparsity or a function of the step.",
        received=repr(given),
        hint="For layer by layer targets pass a dict from pattern to schedule.",
    )


def for_fit(target: float, begin: int, steps: int, initial: float = 0.0) -> PolynomialDecay:
    """Return the schedule of a plain float: the target by 75 % of a fit, in 20 updates or more where there is room.

    Args:
        target: Share of zeros, in [0, 1).
        begin: The optimizer step at which the fit begins.
        steps: The optimizer steps of the fit.
        initial: Share of zeros there is already.
    """
    span = max(1, steps * 3 // 4)
    return PolynomialDecay(min(initial, target), target, begin, begin + span, frequency=max(1, min(100, span // 20)))


def _on_grid(begin: int, frequency: int, after: int, until: int) -> int | None:
    if until < begin:
        return None
    step = begin + (until - begin) // frequency * frequency
    return step if step > max(after, 0) else None


def _check_sparsity(name: str, value: Any) -> None:
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= value < 1:
        raise SettingError(
            f"{name[0].upper() + name[1:] if ' ' in name else f'`{name}`'} must be in [0, 1).",
            received=repr(value),
            hint="0.8 means that 80 % of the weights become zero.",
        )


def _check_steps(begin: Any, end: Any, frequency: Any) -> None:
    for name, value in {"begin_step": begin, "end_step": end, "frequency": frequency}.items():
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
            raise SettingError(f"`{name}` must be a whole number of optimizer steps.", received=repr(value))
    if begin < 0 or frequency < 1:
        raise SettingError(
            "`begin_step` must be 0 or more, `frequency` 1 or more.",
            received=f"begin_step={begin}, frequency={frequency}",
        )
    if end < begin:
        raise SettingError("`begin_step` must not come after `end_step`.", received=f"{begin} > {end}")
