"""Callbacks that go back to the best epoch, which may be one before the pruning schedule was over.

In: the callbacks of a fit, and the epoch in which the schedule ends. Out: one warning before the first epoch.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from tfcompress.console import warn
from tfcompress.training.pruning.fit_progress import Fit


def callbacks_beside(callback: Any) -> list[Any]:
    """List the callbacks of the fit that is calling `callback` now.

    Keras does not tell a callback about the others: the list is found where it is being called from.
    """
    frame: Any = sys._getframe(1)
    while frame is not None:
        caller = frame.f_locals.get("self")
        is_list = any(base.__name__ == "CallbackList" for base in type(caller).__mro__)
        if is_list and any(one is callback for one in caller.callbacks):
            return list(caller.callbacks)
        frame = frame.f_back
    return []


def restoring(callbacks: Sequence[Any]) -> list[Any]:
    """List those that end a fit with the weights of its best epoch, such as EarlyStopping."""
    return [one for one in callbacks if getattr(one, "restore_best_weights", False) is True]


def epoch_of(step: int, fit: Fit, epoch: int, epochs: int) -> int | None:
    """Return the epoch, counted from 0, at whose end the optimizer has taken `step` steps; None where it is unknown.

    Args:
        step: Optimizer steps.
        fit: The span of the fit.
        epoch: The epoch that is about to begin.
        epochs: The number of epochs, as given to `fit`.
    """
    if fit.end is None or fit.end == fit.now:
        return None
    return epoch + max(0, math.ceil((step - fit.now) * (epochs - epoch) / (fit.end - fit.now)) - 1)


def warn_of_best_epochs(callbacks: Sequence[Any], settled: int, epoch: int | None) -> None:
    """Warn before the first epoch of callbacks that may choose an epoch before the end of the schedule.

    Args:
        callbacks: Those of the fit.
        settled: The optimizer step at which the schedule is over.
        epoch: The epoch in which that is, counted from 0; None where it is unknown.
    """
    early = [one for one in restoring(callbacks) if epoch is None or getattr(one, "start_from_epoch", 0) < epoch]
    best = [one for one in callbacks if getattr(one, "save_best_only", False) is True]
    if not early and not best:
        return
    names = [f"{type(one).__name__}(restore_best_weights=True)" for one in early]
    names += [f"{type(one).__name__}(save_best_only=True)" for one in best]
    end = f"optimizer step {settled}" if epoch is None else f"epoch {epoch + 1}"
    ways = []
    if early:
        start = "a start_from_epoch after that" if epoch is None else f"start_from_epoch={epoch}"
        ways.append(f"give {type(early[0]).__name__} {start}")
    if best:
        ways.append(f"have {type(best[0]).__name__} save every epoch")
    warn(
        f"{' and '.join(names)} may choose an epoch with fewer zeros: the pruning schedule is over in {end} only. "
        f"Instead {', and '.join(ways)}; or prune first, and fit again with the same MagnitudePruning, which holds the "
        "zeros, and these callbacks."
    )
