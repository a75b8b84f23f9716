"""Magnitude pruning as one callback for `model.fit`, in Keras 3 and tf_keras alike.

In: a schedule, and which kernels. Out: a model with exactly that share of zeros, the same object and an ordinary
Keras model. Before each step that the schedule names, masks are found from the weights; a weight constraint holds
them inside the compiled step. Step = `optimizer.iterations` and mask = f(weights, sparsity), so nothing needs to be
saved to resume. Where another optimizer trains the kernels, such as in a GAN's own `train_step`, its steps count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfcompress.console import say, warn
from tfcompress.errors import ModelError, SettingError
from tfcompress.old_spellings import tells_old_keywords
from tfcompress.selection import Patterns
from tfcompress.training.callback import FitCallback
from tfcompress.training.pruning.earlier_weights import callbacks_beside, epoch_of, restoring, warn_of_best_epochs
from tfcompress.training.pruning.fit_progress import (
    Fit,
    at_the_very_end,
    batches_per_execution,
    require_strategy,
    span_of_fit,
    warn_of_many_workers,
)
from tfcompress.training.pruning.groups import (
    Group,
    Mask,
    keeps_averages,
    require_fit,
    require_reachable,
    retrace,
    schedule_of_float,
)
from tfcompress.training.pruning.kernels import Kernel, choose, kernels_of, require_plain
from tfcompress.training.pruning.masks import Allocation, PatternLike, as_pattern
from tfcompress.training.pruning.schedules import Schedule, ScheduleLike, as_schedule
from tfcompress.training.pruning.step_counter import StepCounter, optimizers_of
from tfcompress.training.pruning.zeros import Summaries
from tfcompress.typing import KerasModel, StrPath


class MagnitudePruning(FitCallback):
    """Sets the smallest weights to zero while `model.fit` trains the others.

    Steps of the schedule are steps of the optimizer that trains the kernels: the one of `compile`, or another one that
    the model holds and its own `train_step` uses. In a training loop, call `step` after each step.

    Args:
        schedule: A float in [0, 1), reached by 75 % of this fit; a `PolynomialDecay` or `ConstantSparsity`, of
            tfcompress or of TF-MOT; any `step -> sparsity` callable; or a dict from pattern (as in `include`) to
            one of these: a layer follows the first pattern that means it, others are left alone.
        pattern: "element"; ("block", (rows, columns)) or "n:m" (n zeros among m weights in a row), on kernels
            folded to output × inputs as the runtime lays them out. Default: "element".
        allocation: "global", one ranking of all weights that follow a schedule, each seen against the larger ones of
            its kernel (after Lee et al. 2021, "Layer-adaptive Sparsity for the Magnitude-based Pruning"), or "uniform",
            the same share of zeros in each kernel, as TF-MOT does. Default: "global", which keeps more accuracy
            (`docs/pruning.md`).
        include: Layer names, paths, globs, classes or functions of a layer. Default: every layer.
        exclude: The same, to leave out. Default: none.
        log_dir: Where to write scalars and histograms for TensorBoard. Default: nowhere.

    Raises:
        SettingError: an argument is not one of these. Raised again before the first step: a kernel does not
            divide into the pattern, or a float is given and the length of the fit is unknown.
        SelectionError: before the first step, a pattern matches no layer or nothing is left to prune.
        ModelError: before the first step, the model is not built, not compiled or has no kernel, or a layer has LoRA
            adapters.
        PruningError: after the last step, a finished schedule has not reached its target.

    Example:
        >>> import keras, numpy as np
        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
        >>> model.compile("adam", "mse")
        >>> x, y = np.ones((64, 8)), np.ones((64, 4))
        >>> history = model.fit(x, y, batch_size=8, epochs=3, verbose=0, callbacks=[MagnitudePruning(0.75)])
        >>> history.history["sparsity"][-1]
        0.75
    """

    @tells_old_keywords
    def __init__(
        self,
        schedule: ScheduleLike | Mapping[Any, ScheduleLike],
        *,
        pattern: PatternLike = "element",
        allocation: Allocation = "global",
        include: Patterns = None,
        exclude: Patterns = None,
        log_dir: StrPath | None = None,
    ) -> None:
        super().__init__()
        self._targets = schedule if isinstance(schedule, Mapping) else {None: schedule}
        if not self._targets:
            raise SettingError("A mapping of schedules must not be empty.", received="{}")
        self._schedules = {key: as_schedule(value) for key, value in self._targets.items()}
        self._pattern = as_pattern(pattern)
        if allocation not in ("uniform", "global"):
            raise SettingError('`allocation` must be "uniform" or "global".', received=repr(allocation))
        self._allocation = allocation
        self._include, self._exclude, self._log_dir = include, exclude, log_dir
        for schedule in self._schedules.values():
            if isinstance(schedule, float) or schedule.settled_by is not None:
                target = schedule if isinstance(schedule, float) else schedule(schedule.settled_by)
                require_reachable(target, self._pattern)
        warn_of_many_workers()
        self._groups: list[Group] = []
        self._steps: StepCounter | None = None
        self._step = 0
        self._batches = 1
        self._beside: list[Any] = []
        self._told_later = False

    def __getstate__(self) -> dict[str, Any]:
        """A copy or a pickle has the settings alone, as before a fit: no model, whose variables cannot be copied."""
        return {**vars(self), "model": None, "_groups": [], "_steps": None, "_beside": [], "_summaries": None}

    def on_train_begin(self, logs: Any = None) -> None:
        """Check what can be checked before weights are restored."""
        self._groups = []
        if not optimizers_of(self.model):
            raise ModelError("The model must be compiled with an optimizer.", received=f"{self.model.name!r} without")
        require_strategy(self.model)
        self._chosen()
        self._beside = callbacks_beside(self)
        self._told_later = at_the_very_end(self.model, self._conclude)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before the first epoch, but after a `BackupAndRestore` has restored weights: take hold of the kernels."""
        if self._groups:
            return
        self._steps = StepCounter(self.model, self._variables())
        fit = span_of_fit(self._steps, self.params, epoch)
        self._take_hold(fit)
        for mask in self._masks():
            mask.hold()
        retrace(self.model)
        self._warn_unfinished(fit.end)
        settled = max((group.schedule.settled_by or 0 for group in self._groups if not group.is_done), default=0)
        if fit.now < settled and (fit.end is None or settled <= fit.end):
            warn_of_best_epochs(self._beside, settled, epoch_of(settled, fit, epoch, self.params.get("epochs") or 1))
        self._summaries = Summaries(self._log_dir) if self._log_dir else None

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Update the masks that are due in the steps to come."""
        count, length = batches_per_execution(self.model), self.params.get("steps")
        if length is not None:
            count = max(1, min(count, length - batch))
        self._batches = count
        self._advance(self._steps.now() + -(-count // self._steps.batches_per_step))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keep the moving averages of the optimizer sparse too, as they may take the place of the weights."""
        self._steps.passed(self._batches)
        for mask in self._masks() if not self._steps.moves else ():
            mask.apply()  # a training step without an optimizer of Keras knows no constraints
        if keeps_averages(self._steps.optimizer):
            for mask in self._masks():
                mask.apply_to_averages(self._steps.optimizer)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the sparsity to the logs: the progress bar and `History` show it."""
        reached = self._reached()
        if logs is not None:
            logs["sparsity"] = reached
        if self._summaries:
            kernels = [kernel for group in self._groups for kernel in group.kernels]
            self._summaries.write(kernels, reached, self._steps.now())

    def on_train_end(self, logs: Any = None) -> None:
        """Let go of the kernels; what was reached is checked after all other callbacks."""
        for mask in self._masks():
            mask.release()
        self.model.train_function = None
        if self._summaries:
            self._summaries.close()
        if not self._told_later:
            self._conclude()

    def step(self, model: KerasModel | None = None, optimizer: Any = None) -> None:
        """Prune in a custom training loop: call it once after each optimizer step.

        Args:
            model: The model that trains. Default: the one of the first call.
            optimizer: What trains it. Default: the one of the first call, or else the model's own.

        Raises:
            SettingError: the schedule is a float; a loop has no length that could be known.
            ModelError: there is no model, or it has no optimizer.
        """
        if model is not None and model is not self.model:
            self.model, self._groups = model, []
        if self.model is None:
            raise ModelError("The first call must name the model: pruner.step(model).")
        if self._groups and optimizer is not None and optimizer is not self._steps.optimizer:
            self._steps = StepCounter(self.model, self._variables(), optimizer, steps_before=1)
        if not self._groups:
            if optimizer is None and not optimizers_of(self.model):
                raise ModelError(
                    "The model must be compiled, or the optimizer passed: pruner.step(model, optimizer).",
                    received=f"the model {self.model.name!r} without an optimizer",
                )
            self._steps = StepCounter(self.model, self._variables(), optimizer, steps_before=1)
            before = self._steps.now()
            self._take_hold(Fit(before, before, None))
        self._steps.passed(1)
        self._advance(self._steps.now())
        for mask in self._masks():
            mask.apply()

    # What both ways share.

    def _chosen(self) -> list[tuple[Schedule | float, list[Kernel]]]:
        """Pair each schedule with the kernels that follow it."""
        require_plain(self.model, self._include, self._exclude)
        left = {kernel.path: kernel for kernel in choose(self.model, self._include, self._exclude)}
        pairs = []
        for key, schedule in self._schedules.items():
            meant = [k.path for k in choose(self.model, None if key is None else [key], None)]
            kernels = [left.pop(path) for path in meant if path in left]
            if kernels:
                require_fit(kernels, self._pattern)
                pairs.append((schedule, kernels))
        return pairs

    def _variables(self) -> list[Any]:
        return [kernel.variable for _, kernels in self._chosen() for kernel in kernels]

    def _take_hold(self, fit: Fit) -> None:
        self._step = fit.now
        strategy = self.model.distribute_strategy
        for schedule, kernels in self._chosen():
            masks = [Mask(kernel, strategy) for kernel in kernels]
            group = Group(schedule, masks, self._pattern, self._allocation)
            if isinstance(schedule, float):
                group.schedule = schedule_of_float(schedule, group, fit)
            self._groups.append(group)
        for group in self._groups:
            group.resume(fit.now)
            group.hold_zeros(fit.now)
        if frozen := [kernel.path for kernel in kernels_of(self.model) if not kernel.trains]:
            say(f"Frozen kernels stay as they are: {', '.join(frozen)}.")

    def _advance(self, until: int) -> None:
        for group in self._groups:
            group.advance(self._step, until)
        self._step = max(self._step, until)

    def _masks(self) -> list[Mask]:
        return [mask for group in self._groups for mask in group.masks]

    def _conclude(self) -> None:
        """Check what was reached, weight by weight, and say it once."""
        back = restoring(self._beside)
        if back and any(group.shortfalls() for group in self._groups):
            asked = sum(group.level * group.size for group in self._groups) / sum(group.size for group in self._groups)
            warn(
                f"{type(back[0]).__name__} restored the weights of an epoch before the pruning schedule was over: "
                f"{self._reached():.2%} of them are zero, not {asked:.2%}. Train again with its start_from_epoch after "
                "the end of the schedule, or with restore_best_weights=False."
            )
            return
        for group in self._groups:
            group.require_reached()
        self._warn_unfinished(self._steps.now(), at_end=True)
        size = sum(group.size for group in self._groups)
        say(f"{self._reached():.2%} of {size:,} weights in {len(self._masks())} kernels are zero.")

    def _reached(self) -> float:
        return sum(g.zeros() for g in self._groups) / sum(g.size for g in self._groups)

    def _warn_unfinished(self, end: int | None, at_end: bool = False) -> None:
        """Say what this fit will reach, or has reached, of a schedule that goes on after it."""
        for group in self._groups if end is not None else []:
            settled = group.schedule.settled_by
            if settled is None or end >= settled or group.is_done:
                continue
            last = group.schedule.last_update(0, end)
            reached = 0.0 if last is None else group.schedule(last)
            warn(
                f"The pruning schedule ends at optimizer step {settled}, this fit {'ended' if at_end else 'ends'} at "
                f"step {end}: it {'reached' if at_end else 'will reach'} a sparsity of {reached:.4f}, not "
                f"{group.schedule(settled):.4f}. Train longer, or end the schedule earlier; a float as the schedule "
                "fits itself to the training."
            )
