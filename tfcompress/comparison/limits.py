"""How much worse than its model a file may be, in any metric of any output.

In: what the user passes as `limits` and `max_accuracy_drop`. Out: checked `Limit`s.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from tfcompress.errors import SettingError

Direction = Literal["higher_is_better", "lower_is_better"]
Limits: TypeAlias = Mapping[str, float | tuple[float, Direction]]
"""By "metric" or "output/metric", how much worse it may be, and which way is better where the metric does not tell."""

ACCURACY = "accuracy"
DIRECTIONS = {"higher_is_better": True, "lower_is_better": False}
HIGHER = re.compile(
    r"\b(accuracy|acc|precision|recall|sensitivity|specificity|auc|auroc|auprc|ap|map|f1|fbeta|score|r2|iou|miou|dice"
    r"|similarity|correlation|kappa|psnr|ssim|bleu|true (positives|negatives))\b"
)
LOWER = re.compile(
    r"\b(errors?|loss|mae|mse|rmse|mape|msle|(cross ?)?entropy|hinge|divergence|kld|poisson|log ?cosh|distance"
    r"|deviation|perplexity|wer|cer|false (positives|negatives))\b"
)


@dataclass(frozen=True)
class Limit:
    """The most that a metric of the file may be worse than that of the model."""

    key: str
    """As the user wrote it: "metric" or "output/metric"."""
    amount: float
    """In the unit of the metric."""
    higher_is_better: bool | None = None
    """None: it comes from the metric."""

    def place(self, outputs: Collection[str]) -> tuple[str | None, str]:
        """Return the output, None for all, and the metric that `key` names.

        Args:
            outputs: The outputs of the model that labels are for.

        Raises:
            SettingError: another output.
        """
        for output in outputs:
            if self.key.startswith(f"{output}/"):
                return output, self.key[len(output) + 1 :]
        if "/" in self.key:
            raise SettingError(
                'limits are named "metric" or "output/metric", with an output that has labels.',
                received=repr(self.key),
                hint=f"Outputs with labels: {', '.join(sorted(outputs))}.",
            )
        return None, self.key


def parse_limits(limits: Limits | None, max_accuracy_drop: float | None) -> tuple[Limit, ...]:
    """Check what the user passes to `compare`.

    Raises:
        SettingError: no dict of numbers by name, a negative number, an unknown direction.
    """
    found = []
    if max_accuracy_drop is not None:
        if not _is_number(max_accuracy_drop) or not 0 <= max_accuracy_drop <= 1:
            raise SettingError("max_accuracy_drop must be a fraction from 0 to 1.", received=repr(max_accuracy_drop))
        found.append(Limit(ACCURACY, float(max_accuracy_drop)))
    if limits is None:
        return tuple(found)
    if not isinstance(limits, Mapping):
        raise SettingError("limits must be a dict of numbers by name of a metric.", received=repr(limits))
    for key, value in limits.items():
        amount, direction = value if isinstance(value, (tuple, list)) and len(value) == 2 else (value, None)
        if not _is_number(amount) or not 0 <= amount < math.inf or not isinstance(key, str) or not key:
            raise SettingError(
                "A limit is how much worse the file may be: a number of 0 or more.", received=f"{key!r}: {value!r}"
            )
        if direction is not None and direction not in DIRECTIONS:
            raise SettingError(f"A direction is one of {', '.join(DIRECTIONS)}.", received=f"{key!r}: {value!r}")
        if max_accuracy_drop is not None and plain(key) == ACCURACY:
            raise SettingError("Limit accuracy once: by max_accuracy_drop or by limits.", received=repr(limits))
        found.append(Limit(key, float(amount), None if direction is None else DIRECTIONS[direction]))
    return tuple(found)


def higher_is_better(metric: Any, name: str) -> bool | None:
    """Tell the direction of a metric: by Keras' own mark, by its class, by the words of its name; None if unknown."""
    mark = getattr(metric, "_direction", None)  # Keras 3
    if mark in ("up", "down"):
        return mark == "up"
    kinds = [kind.__name__ for kind in type(metric).__mro__]
    if "Loss" in kinds:  # cosine similarity as a loss is negated
        return False
    for known in [*(kind for kind in kinds if kind not in ("function", "object")), name]:
        words = _spaced(known)
        up, down = bool(HIGHER.search(words)), bool(LOWER.search(words))
        if up != down:
            return up
    return None


def required_direction(limit: Limit, metric: Any, name: str) -> bool:
    """Return whether higher values of a metric with a limit are better.

    Raises:
        SettingError: neither the limit nor the metric says it.
    """
    found = limit.higher_is_better if limit.higher_is_better is not None else higher_is_better(metric, name)
    if found is None:
        raise SettingError(
            f"A limit on {name!r} must say whether higher or lower is better.",
            received=f"{limit.key!r}: {limit.amount}",
            hint=f'Pass limits={{{limit.key!r}: ({limit.amount}, "lower_is_better")}}, or "higher_is_better".',
        )
    return found


def plain(name: str) -> str:
    """Return a name without case, spaces and underscores: "mean IoU", "mean_io_u" and "MeanIoU" are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _spaced(name: str) -> str:
    """Return a name as words in small letters: "MeanIoU" and "mean_io_u" as "mean iou"."""
    name = re.sub(r"io_?u", "IOU", name, flags=re.IGNORECASE).replace("_", " ")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name).lower()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
