"""One metric of one output, of the model and of the file, and whether the file is good enough.

In: two values, their paired difference, a limit. Out: a `Score` with its verdict.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from tfcompress.comparison.limits import Limit
from tfcompress.comparison.output_errors import ROUNDING
from tfcompress.comparison.statistics import PairedDifference

Verdict = Literal["failed", "too few samples to tell", "passed", "no limit"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""The worst first: of several the first counts."""


@dataclass(frozen=True)
class Score:
    """A metric of the model and of its file, on the same samples."""

    name: str
    """The metric, as "output/metric" where several outputs have labels."""
    keras: float
    file: float
    interval: tuple[float, float] | None
    """95 % interval of `file - keras`, on paired samples; None for a single sample."""
    limit: float | None = None
    """How much worse than the model the file may be."""
    higher_is_better: bool | None = None
    verdict: Verdict = "no limit"
    more_samples: int | None = None
    """About how many more samples would tell, if the difference stays; None where it is told, or where none would."""
    in_points: bool = False
    """Whether it is a fraction that is told in percent, as an accuracy."""

    @property
    def difference(self) -> float:
        """The value of the file minus that of the model."""
        return self.file - self.keras

    @property
    def told(self) -> str:
        """The verdict with its limit, in words."""
        if self.limit is None:
            return self.verdict
        text = f"{'FAILED' if self.verdict == 'failed' else self.verdict} ({self.limit_text})"
        return f"{text}; {self.hint}" if self.hint else text

    @property
    def limit_text(self) -> str:
        """The limit in words; empty without one."""
        return "" if self.limit is None else f"at most {self._amount} worse"

    @property
    def hint(self) -> str:
        """What would tell, where the samples are too few; else empty."""
        if self.verdict != "too few samples to tell":
            return ""
        if self.interval is None:
            return "one sample leaves everything open"
        if self.more_samples is None:
            return "the difference is at the limit, so more samples would hardly tell"
        return f"about {self.more_samples:,} more would, if the difference stays"

    @property
    def _amount(self) -> str:
        if not self.in_points:
            return f"{self.limit:g}"
        points = 100 * (self.limit or 0)
        return f"{points:g} point" if math.isclose(points, 1) else f"{points:g} points"

    def value(self, number: float) -> str:
        """Write a value of this metric."""
        return f"{100 * number:.2f} %" if self.in_points else f"{number:.4g}"

    @property
    def difference_text(self) -> str:
        """The difference and its interval, in points or in the unit of the metric."""
        factor, form = (100, "+.2f") if self.in_points else (1, "+.3g")
        text = f"{factor * self.difference:{form}}"
        if self.interval is None:
            return text
        low, high = (f"{factor * bound:{form}}" for bound in self.interval)
        return f"{text} ({low} to {high})"


def judge(
    name: str,
    values: tuple[float, float],
    paired: PairedDifference | None,
    *,
    samples: int,
    limit: Limit | None = None,
    higher_is_better: bool | None = None,
    alike: bool = False,
    in_points: bool = False,
) -> Score:
    """Return a score and its verdict.

    Passed: the worst end of the interval is within the limit. Failed: its best end is beyond. Where all outputs are
    alike the difference itself decides.

    Args:
        name: The metric.
        values: That of the model and that of the file.
        paired: Their difference; None: there are too few samples for an interval.
        samples: How many there were.
        limit: How much worse the file may be. Default: no limit.
        higher_is_better: The direction of the metric; needed with a limit.
        alike: Whether the outputs differ by the rounding of floats alone.
        in_points: Whether the metric is a fraction that is told in percent.
    """
    keras, file = values
    interval = None if paired is None else paired.interval
    if limit is None:
        return Score(name, keras, file, interval, in_points=in_points, higher_is_better=higher_is_better)
    sign = -1 if higher_is_better else 1
    slack = 1e-12 * max(1.0, abs(keras))  # exactly at the limit is within it, whatever the rounding
    worse, verdict, more = sign * (file - keras), "too few samples to tell", None
    if alike and worse <= limit.amount + ROUNDING * max(abs(keras), abs(file)):
        verdict = "passed"
    elif paired is not None:
        best, worst = sorted(sign * bound for bound in paired.interval)
        if worst <= limit.amount + slack:
            verdict = "passed"
        elif best > limit.amount + slack:
            verdict = "failed"
        else:
            needed = paired.samples_to_tell(sign * limit.amount)
            more = None if needed is None else _rounded(max(1, needed - samples))
    return Score(name, keras, file, interval, limit.amount, higher_is_better, verdict, more, in_points)


def _rounded(count: int) -> int:
    """Return a count to two digits, upwards: it is an estimate."""
    step = 10 ** max(0, len(str(count)) - 2)
    return -(-count // step) * step


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of some verdicts; "no limit" where there is none."""
    return min(verdicts, key=VERDICTS.index, default=VERDICTS[-1])
