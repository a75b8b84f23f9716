"""Kernels that follow one schedule, and the masks that hold them.

In: kernels, a schedule, a pattern, an allocation. Out: masks that follow the schedule, and a check of what was
reached. A mask is a weight constraint: after every optimizer step the weights it marks False are zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from tfcompress.errors import PruningError, SettingError
from tfcompress.training.pruning.fit_progress import Fit
from tfcompress.training.pruning.kernels import Kernel
from tfcompress.training.pruning.masks import Allocation, Pattern, masks
from tfcompress.training.pruning.schedules import Schedule, for_fit
from tfcompress.training.pruning.weight_constraints import WeightConstraint, averages_of


class Mask(WeightConstraint):
    """A constraint that zeroes weights.

    Args:
        kernel: What to hold.
        strategy: The model's distribution strategy; each replica gets a copy of the mask.
    """

    def __init__(self, kernel: Kernel, strategy: Any) -> None:
        super().__init__(kernel)
        with strategy.scope():
            self.keep = tf.Variable(np.ones(kernel.fold.shape, bool), trainable=False)

    def held(self, weights: Any) -> Any:
        """Return weights with zeros where the mask is False."""
        return tf.math.multiply_no_nan(weights, tf.cast(self.keep, weights.dtype))

    def update(self, keep: np.ndarray) -> None:
        """Set the mask and apply it."""
        self.keep.assign(keep)
        self.apply()

    def apply(self) -> None:
        """Zero what the mask marks."""
        _zero(self.kernel.variable, ~self.keep.numpy())

    def apply_to_averages(self, optimizer: Any) -> None:
        """Zero the same in the optimizer's moving average of the kernel."""
        for average in averages_of(self.kernel.variable, optimizer):
            _zero(average, ~self.keep.numpy())


def require_fit(kernels: Sequence[Kernel], pattern: Pattern) -> None:
    """Raise `SettingError` unless every kernel divides into the pattern."""
    misfits = {k.path: k.fold.matrix for k in kernels if not pattern.fits(k.fold.matrix)}
    if misfits:
        raise SettingError(
            f"Every kernel, folded to rows and columns, must divide into the pattern {pattern}.",
            received=", ".join(f"{path} with {rows} × {columns}" for path, (rows, columns) in misfits.items()),
            hint="Leave them out with `exclude`, or choose another pattern.",
        )


def require_reachable(target: float, pattern: Pattern) -> None:
    """Raise `SettingError` if an n:m pattern does not have exactly the target's share of zeros."""
    if pattern.zeros is not None and abs(target - pattern.zeros / pattern.columns) > 1e-6:
        raise SettingError(
            f"The pattern {pattern} means {pattern.zeros} zeros among {pattern.columns} weights: "
            f"a sparsity of {pattern.zeros / pattern.columns:g}.",
            received=f"a target of {target:g}",
            hint="Change one of the two.",
        )


@dataclass
class Group:
    """Kernels that share a schedule, and under "global" one ranking."""

    schedule: Schedule
    masks: list[Mask]
    pattern: Pattern
    allocation: Allocation
    level: float = field(default=0.0, init=False)
    """The sparsity that was asked for last."""

    @property
    def kernels(self) -> list[Kernel]:
        """What is pruned."""
        return [mask.kernel for mask in self.masks]

    @property
    def size(self) -> int:
        """The number of weights."""
        return sum(int(np.prod(kernel.fold.shape)) for kernel in self.kernels)

    def zeros(self) -> int:
        """Count the weights that are exactly zero."""
        return sum(int((kernel.read() == 0).sum()) for kernel in self.kernels)

    @property
    def is_done(self) -> bool:
        """Whether the kernels hold already what the schedule will reach."""
        settled = self.schedule.settled_by
        return settled is not None and self.level >= self.schedule(settled) - 1e-6

    def resume(self, step: int) -> None:
        """Find the masks of a model that has taken `step` steps already, from its weights."""
        last = self.schedule.last_update(0, step)
        if last is not None:
            self._set(self.schedule(last))

    def hold_zeros(self, step: int) -> None:
        """Hold the zeros of a model that has what the schedule will ask for, such as one pruned before, from now on."""
        wanted, settled = self.schedule(step + 1), self.schedule.settled_by
        if self.level or not wanted or (settled is not None and wanted < self.schedule(settled) - 1e-6):
            return  # a schedule that grows begins with few zeros, wherever weights happen to be zero
        counts = [(int((kernel.read() == 0).sum()), int(np.prod(kernel.fold.shape))) for kernel in self.kernels]
        parts = counts if self.allocation == "uniform" else [tuple(map(sum, zip(*counts, strict=True)))]
        if all(zeros >= wanted * size - 1 for zeros, size in parts):
            for mask in self.masks:
                mask.update(mask.kernel.read() != 0)
            self.level = wanted

    def advance(self, after: int, until: int) -> None:
        """Update the masks if the schedule asks for it in (after, until]."""
        step = self.schedule.last_update(after, until)
        if step is not None and (wanted := self.schedule(step)) != self.level:
            self._set(wanted)

    def _set(self, wanted: float) -> None:
        folded = [kernel.fold.fold(kernel.read()) for kernel in self.kernels]
        for kernel, matrix in zip(self.kernels, folded, strict=True):
            if not np.isfinite(matrix.astype(np.float32)).all():
                raise PruningError(
                    "Weights must be finite to be ranked.",
                    received=f"NaN or infinity in {kernel.path}",
                    hint="Training diverged: lower the learning rate.",
                )
        for mask, keep in zip(self.masks, masks(folded, wanted, self.pattern, self.allocation), strict=True):
            mask.update(mask.kernel.fold.unfold(keep))
        self.level = wanted

    def shortfalls(self) -> list[str]:
        """Say where a weight that its mask marks is not exactly zero, or not enough are marked."""
        short = []
        unit = self.pattern.rows * self.pattern.columns if self.pattern.zeros is None else 1
        counts = [(k.path, k.read() == 0, mask.keep.numpy()) for k, mask in zip(self.kernels, self.masks, strict=True)]
        for path, zero, keep in counts:
            if not zero[~keep].all():
                short.append(f"{path}: {(~zero[~keep]).sum()} weights came back")
            elif self.allocation == "uniform" and zero.sum() < min(self.level * zero.size - unit, zero.size - 1 * unit):
                short.append(f"{path}: {zero.mean():.4f}")
        total, size = sum(int(zero.sum()) for _, zero, _ in counts), self.size
        if self.allocation == "global" and total < self.level * size - len(counts) * unit:
            short.append(f"all kernels: {total / size:.4f}")
        return short

    def require_reached(self) -> None:
        """Raise `PruningError` where there are shortfalls."""
        if short := self.shortfalls():
            raise PruningError(
                f"After the last step the sparsity must be {self.level:.4f}, as the schedule asks.",
                received="; ".join(short),
                hint="Another callback set other weights after the last step: take it out of this fit, or prune again. "
                "The model is as that callback left it.",
            )


def schedule_of_float(target: float, group: Group, fit: Fit) -> Schedule:
    """Return the schedule of a float: that of the whole fit if this one resumes it, else one from here on."""
    if fit.end is None:
        raise SettingError(
            "A float as the schedule needs a fit whose length is known.",
            received="no fit, or data of unknown length",
            hint="Pass steps_per_epoch to fit, or a PolynomialDecay instead of the float.",
        )
    there = group.zeros() / group.size
    if abs(there - target) <= len(group.masks) / group.size:
        there = target  # but for rounding
    whole = for_fit(target, fit.begin, fit.end - fit.begin)
    last = whole.last_update(0, fit.now)
    if last is not None and abs(whole(last) - there) <= len(group.masks) / group.size:
        return whole
    if there == 0 and fit.begin == fit.now:
        return whole
    return for_fit(target, fit.now, fit.end - fit.now, initial=there)


def _zero(variable: Any, where: np.ndarray) -> None:
    values = np.array(variable.numpy())
    values[where] = 0
    variable.assign(values)
