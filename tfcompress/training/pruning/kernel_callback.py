"""The base of callbacks that hold kernels by weight constraints while `model.fit`, or a loop of the user's, trains.

In: what Keras calls, or `step`. Out: constraints that are in the compiled step from its first batch to its last, and a
check after all other callbacks. Steps are those of the optimizer that trains the kernels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from tfcompress.errors import ModelError
from tfcompress.selection import Patterns
from tfcompress.training.callback import FitCallback
from tfcompress.training.pruning.fit_progress import (
    Fit,
    at_the_very_end,
    batches_per_execution,
    require_strategy,
    span_of_fit,
    warn_of_many_workers,
)
from tfcompress.training.pruning.kernels import Kernel, choose, require_plain
from tfcompress.training.pruning.step_counter import StepCounter, optimizers_of
from tfcompress.training.pruning.weight_constraints import WeightConstraint, keeps_averages, retrace
from tfcompress.typing import KerasModel


class KernelCallback(FitCallback):
    """Holds kernels during a fit; what holds them, and how that changes, is the subclass's."""

    example: ClassVar[str]
    """What the user calls such a callback in a loop, for messages."""

    def __init__(self, include: Patterns, exclude: Patterns) -> None:
        super().__init__()
        self._include, self._exclude = include, exclude
        warn_of_many_workers()
        self._constraints: list[Any] = []
        self._steps: StepCounter | None = None
        self._step = 0
        self._batches = 1
        self._told_later = False

    def __getstate__(self) -> dict[str, Any]:
        """A copy or a pickle has the settings alone, as before a fit: no model, whose variables cannot be copied."""
        return {**vars(self), "model": None, "_constraints": [], "_steps": None}

    def on_train_begin(self, logs: Any = None) -> None:
        """Check what can be checked before weights are restored."""
        self._constraints = []
        if not optimizers_of(self.model):
            raise ModelError("The model must be compiled with an optimizer.", received=f"{self.model.name!r} without")
        require_strategy(self.model)
        self._kernels()
        self._told_later = at_the_very_end(self.model, self._conclude)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before the first epoch, but after a `BackupAndRestore` has restored weights: take hold of the kernels."""
        if self._constraints:
            return
        self._steps = StepCounter(self.model, self._variables())
        fit = span_of_fit(self._steps, self.params, epoch)
        self._step = fit.now
        self._constraints = self._take_hold(fit)
        for constraint in self._constraints:
            constraint.hold()
        retrace(self.model)
        self._begun(fit, epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Do what is due in the steps to come."""
        count, length = batches_per_execution(self.model), self.params.get("steps")
        if length is not None:
            count = max(1, min(count, length - batch))
        self._batches = count
        self._move_on(self._steps.now() + -(-count // self._steps.batches_per_step))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Hold the moving averages of the optimizer too, as they may take the place of the weights."""
        self._steps.passed(self._batches)
        for constraint in self._constraints if not self._steps.moves else ():
            constraint.apply()  # a training step without an optimizer of Keras knows no constraints
        if keeps_averages(self._steps.optimizer):
            for constraint in self._constraints:
                constraint.apply_to_averages(self._steps.optimizer)

    def on_train_end(self, logs: Any = None) -> None:
        """Let go of the kernels; what was reached is checked after all other callbacks."""
        for constraint in self._constraints:
            constraint.release()
        self.model.train_function = None
        if not self._told_later:
            self._conclude()

    def step(self, model: KerasModel | None = None, optimizer: Any = None) -> None:
        """Do the same in a custom training loop: call it once after each optimizer step.

        Args:
            model: The model that trains. Default: the one of the first call.
            optimizer: What trains it. Default: the one of the first call, or else the model's own.

        Raises:
            SettingError: the schedule is a float; a loop has no length that could be known.
            ModelError: there is no model, or it has no optimizer.
        """
        if model is not None and model is not self.model:
            self.model, self._constraints = model, []
        if self.model is None:
            raise ModelError(f"The first call must name the model: {self.example}.step(model).")
        if self._constraints and optimizer is not None and optimizer is not self._steps.optimizer:
            self._steps = StepCounter(self.model, self._variables(), optimizer, steps_before=1)
        if not self._constraints:
            if optimizer is None and not optimizers_of(self.model):
                raise ModelError(
                    f"The model must be compiled, or the optimizer passed: {self.example}.step(model, optimizer).",
                    received=f"the model {self.model.name!r} without an optimizer",
                )
            self._steps = StepCounter(self.model, self._variables(), optimizer, steps_before=1)
            self._step = self._steps.now()
            self._constraints = self._take_hold(Fit(self._step, self._step, None))
        self._steps.passed(1)
        self._move_on(self._steps.now())
        for constraint in self._constraints:
            constraint.apply()

    # What a subclass says.

    def _kernels(self) -> list[Kernel]:
        """List the kernels to hold, after what can be checked of them."""
        require_plain(self.model, self._include, self._exclude)
        return choose(self.model, self._include, self._exclude)

    def _take_hold(self, fit: Fit) -> Iterable[WeightConstraint]:
        """Return the constraints of the kernels."""
        raise NotImplementedError

    def _begun(self, fit: Fit, epoch: int) -> None:
        """Say what is to be said before the first epoch."""

    def _advance(self, until: int) -> None:
        """Do what is due in the steps up to `until`."""
        raise NotImplementedError

    def _conclude(self) -> None:
        """Check what was reached, weight by weight, and say it once."""
        raise NotImplementedError

    def _move_on(self, until: int) -> None:
        self._advance(until)
        self._step = max(self._step, until)

    def _variables(self) -> list[Any]:
        return [kernel.variable for kernel in self._kernels()]
