"""How a fit runs: from which optimizer step to which, under which strategy, and when it is over.

In: a model, what Keras tells callbacks about a fit. Out: the span of the fit in optimizer steps, which under gradient
accumulation are fewer than batches.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfcompress.console import warn
from tfcompress.errors import ModelError
from tfcompress.training.pruning.step_counter import StepCounter
from tfcompress.typing import KerasModel


def batches_per_execution(model: KerasModel) -> int:
    """Return how many batches one call of the training function runs."""
    count = getattr(model, "steps_per_execution", None)
    if count is None:
        count = getattr(model, "_steps_per_execution", None)
    return 1 if count is None else int(count.numpy() if hasattr(count, "numpy") else count)


@dataclass(frozen=True)
class Fit:
    """The span of one fit in optimizer steps.

    Args:
        now: Steps taken before it.
        begin: Where it began; before `now` for a fit that is resumed with `initial_epoch`.
        end: Where it will end; None where the length of an epoch is unknown.
    """

    now: int
    begin: int
    end: int | None


def span_of_fit(steps: StepCounter, params: dict[str, Any], first_epoch: int) -> Fit:
    """Return the span of the fit whose first epoch, counted from 0, is about to begin."""
    now, share = steps.now(), steps.batches_per_step
    batches, epochs = params.get("steps"), params.get("epochs")
    if batches is None or epochs is None:
        return Fit(now, now, None)
    begin = now - first_epoch * batches // share
    return Fit(now, begin if begin >= 0 else now, now + math.ceil((epochs - first_epoch) * batches / share))


def at_the_very_end(model: KerasModel, check: Callable[[], None]) -> bool:
    """Have `check` run after every other callback of this fit, when Keras ends its own `History`, the last of all.

    Returns:
        Whether it will; without a fit there is no `History`.
    """
    history = getattr(model, "history", None)
    if history is None:
        return False

    before = vars(history).get("on_train_end")  # that of another callback of ours

    def end(logs: Any = None) -> None:
        if before is None:
            del history.on_train_end
            history.on_train_end(logs)
        else:
            before(logs)
        check()

    history.on_train_end = end
    return True


def require_strategy(model: Any) -> None:
    """Raise `ModelError` under strategies in which steps run apart from each other, or do not run at all."""
    name = type(model.distribute_strategy).__name__
    if "ParameterServer" in name:
        raise ModelError("Weights are held in synchronous training alone.", received=name, hint="Use MirroredStrategy.")


def warn_of_many_workers() -> None:
    """Warn where `fit` will fail before any callback is asked: Keras 3 alone, in a cluster of several workers."""
    try:
        workers = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {}).get("worker", [])
    except (ValueError, AttributeError):
        return  # TensorFlow has its own words for it
    if len(workers) > 1 and "keras" in sys.modules and "tf_keras" not in sys.modules:
        warn(
            f"TF_CONFIG names {len(workers)} workers. The fit of Keras 3 fails under MultiWorkerMirroredStrategy, "
            "with or without pruning: use tf_keras, or MirroredStrategy on one machine."
        )
