"""A schedule and the kernels that follow it, with their masks.

In: kernels, a schedule, a pattern, an allocation. Out: masks that follow the schedule, and a check of what was
reached. Knows nothing of callbacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tfcompress.errors import PruningError, SettingError
from tfcompress.training.kernels import Kernel
from tfcompress.training.mask_constraint import Mask
from tfcompress.training.masks import Allocation, Pattern, masks
from tfcompress.training.schedules import Schedule


def require_fit(kernels: Sequence[Kernel], pattern: Pattern) -> None:
    """Raise `SettingError` unless every kernel divides into the pattern."""
    misfits = {k.path: k.fold.matrix for k in kernels if not pattern.fits(k.fold.matrix)}
    if misfits:
        raise SettingError(
            f"Every kernel, folded to rows and columns, must divide into the pattern {pattern}.",
            received=", ".join(f"{path} with {rows} × {columns}" for path, (rows, columns) in misfits.items()),
            todo="Leave them out with `exclude`, or choose another pattern.",
        )


def require_reachable(target: float, pattern: Pattern) -> None:
    """Raise `SettingError` if an n:m pattern does not have exactly the target's share of zeros."""
    if pattern.zeros is not None and abs(target - pattern.zeros / pattern.columns) > 1e-6:
        raise SettingError(
            f"The pattern {pattern} means {pattern.zeros} zeros among {pattern.columns} weights: "
            f"a sparsity of {pattern.zeros / pattern.columns:g}.",
            received=f"a target of {target:g}",
            todo="Change one of the two.",
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

    def resume(self, step: int) -> None:
        """Find the masks of a model that has taken `step` steps already, from its weights."""
        last = self.schedule.last_update(0, step)
        if last is not None:
            self._set(self.schedule(last))

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
                    todo="Training diverged: lower the learning rate.",
                )
        for mask, keep in zip(self.masks, masks(folded, wanted, self.pattern, self.allocation), strict=True):
            mask.update(mask.kernel.fold.unfold(keep))
        self.level = wanted

    def require_reached(self) -> None:
        """Raise `PruningError` unless every weight that its mask marks is exactly zero, and enough are marked."""
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
        if short:
            raise PruningError(
                f"The schedule is finished: a sparsity of {self.level:.4f} must be reached.",
                received="; ".join(short),
                todo="Something set the weights after the last step. EarlyStopping(restore_best_weights=True) does: "
                "give it start_from_epoch after the end of the schedule.",
            )
