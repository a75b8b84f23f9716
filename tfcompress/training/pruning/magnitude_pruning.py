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
from tfcompress.errors import SettingError
from tfcompress.old_spellings import tells_old_keywords
from tfcompress.selection import Patterns
from tfcompress.training.pruning.earlier_weights import callbacks_beside, epoch_of, restoring, warn_of_best_epochs
from tfcompress.training.pruning.fit_progress import Fit
from tfcompress.training.pruning.groups import Group, Mask, require_fit, require_reachable, schedule_of_float
from tfcompress.training.pruning.kernel_callback import KernelCallback
from tfcompress.training.pruning.kernels import Kernel, choose, say_frozen
from tfcompress.training.pruning.masks import Allocation, PatternLike, as_pattern
from tfcompress.training.pruning.schedules import Schedule, ScheduleLike, as_schedule
from tfcompress.training.pruning.zeros import Summaries
from tfcompress.typing import StrPath


class MagnitudePruning(KernelCallback):
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

    example = "pruner"

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
        super().__init__(include, exclude)
        self._targets = schedule if isinstance(schedule, Mapping) else {None: schedule}
        if not self._targets:
            raise SettingError("A mapping of schedules must not be empty.", received="{}")
        self._schedules = {key: as_schedule(value) for key, value in self._targets.items()}
        self._pattern = as_pattern(pattern)
        if allocation not in ("uniform", "global"):
            raise SettingError('`allocation` must be "uniform" or "global".', received=repr(allocation))
        self._allocation, self._log_dir = allocation, log_dir
        for schedule in self._schedules.values():
            if isinstance(schedule, float) or schedule.settled_by is not None:
                target = schedule if isinstance(schedule, float) else schedule(schedule.settled_by)
                require_reachable(target, self._pattern)
        self._groups: list[Group] = []
        self._beside: list[Any] = []

    def __getstate__(self) -> dict[str, Any]:
        """A copy or a pickle has the settings alone."""
        return {**super().__getstate__(), "_groups": [], "_beside": [], "_summaries": None}

    def on_train_begin(self, logs: Any = None) -> None:
        """Check what can be checked before weights are restored."""
        super().on_train_begin(logs)
        self._beside = callbacks_beside(self)

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
        if self._summaries:
            self._summaries.close()
        super().on_train_end(logs)

    def _kernels(self) -> list[Kernel]:
        return [kernel for _, kernels in self._chosen() for kernel in kernels]

    def _chosen(self) -> list[tuple[Schedule | float, list[Kernel]]]:
        """Pair each schedule with the kernels that follow it."""
        left = {kernel.path: kernel for kernel in super()._kernels()}
        pairs = []
        for key, schedule in self._schedules.items():
            meant = [k.path for k in choose(self.model, None if key is None else [key], None)]
            kernels = [left.pop(path) for path in meant if path in left]
            if kernels:
                require_fit(kernels, self._pattern)
                pairs.append((schedule, kernels))
        return pairs

    def _take_hold(self, fit: Fit) -> list[Mask]:
        strategy = self.model.distribute_strategy
        self._groups = []
        for schedule, kernels in self._chosen():
            masks = [Mask(kernel, strategy) for kernel in kernels]
            group = Group(schedule, masks, self._pattern, self._allocation)
            if isinstance(schedule, float):
                group.schedule = schedule_of_float(schedule, group, fit)
            self._groups.append(group)
        for group in self._groups:
            group.resume(fit.now)
            group.hold_zeros(fit.now)
        say_frozen(self.model)
        return [mask for group in self._groups for mask in group.masks]

    def _begun(self, fit: Fit, epoch: int) -> None:
        self._warn_unfinished(fit.end)
        settled = max((group.schedule.settled_by or 0 for group in self._groups if not group.is_done), default=0)
        if fit.now < settled and (fit.end is None or settled <= fit.end):
            warn_of_best_epochs(self._beside, settled, epoch_of(settled, fit, epoch, self.params.get("epochs") or 1))
        self._summaries = Summaries(self._log_dir) if self._log_dir else None

    def _advance(self, until: int) -> None:
        for group in self._groups:
            group.advance(self._step, until)

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
        say(f"{self._reached():.2%} of {size:,} weights in {len(self._constraints)} kernels are zero.")

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
