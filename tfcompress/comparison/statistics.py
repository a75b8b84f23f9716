"""The paired difference of two accuracies or metrics, on the same samples, and how sure it is.

In: counts, or a metric with each group of samples left out once. Out: 95 % intervals, how many samples would decide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

Z_95 = 1.959963984540054
MIN_DIFFERING_GROUPS = 20
"""Where fewer groups than this differ, the spread among them is no measure of the doubt."""
MAX_NEEDED_SAMPLES = 10**9


@dataclass(frozen=True)
class PairedDifference:
    """The second minus the first, in the unit of the metric."""

    difference: float
    interval: tuple[float, float]
    """At 95 %."""
    variance: float
    """Of the difference of one sample; the variance of the mean is this divided by the samples."""
    unseen: float
    """What differences that were not seen may add: the variance of a mean of n samples grows by `unseen / n²`."""

    def samples_to_tell(self, bound: float) -> int | None:
        """Return how many samples it takes to tell on which side of `bound` the difference lies.

        Supposes that the difference stays what it is. None: it is at the bound, and no number of samples would tell.
        """
        square = (self.difference - bound) ** 2 / Z_95**2  # variance / n + unseen / n² must come down to this
        root = math.sqrt(self.variance**2 + 4 * square * self.unseen)
        if self.variance + root >= 2 * square * MAX_NEEDED_SAMPLES:
            return None
        return math.ceil((self.variance + root) / (2 * square))


def accuracy_difference(only_first: int, only_second: int, count: int) -> PairedDifference:
    """Return the accuracy of the second minus that of the first; arguments as for `paired_interval`."""
    difference = (only_second - only_first) / count
    variance = (only_first + only_second) / count - difference**2
    return PairedDifference(difference, paired_interval(only_first, only_second, count), variance, 2.0)


def jackknife(
    first: np.ndarray, second: np.ndarray, whole: tuple[float, float], sizes: np.ndarray, same: np.ndarray
) -> PairedDifference | None:
    """Return the difference of any smooth metric, from its values with each group of samples left out once.

    For the mean over groups of one sample each this is the paired t interval. Where only a few groups differ, as where
    one answer in a thousand flips, one difference more on either side is supposed, as `paired_interval` does.

    Source: Busing, Meijer and van der Leeden, "Delete-m jackknife for unequal m", Statistics and Computing 9 (1999).

    Args:
        first: The metric of the first, a value for each group left out.
        second: The same of the second.
        whole: The metric of first and second on all samples.
        sizes: Samples of each group.
        same: Whether first and second were the same on all samples of a group.

    Returns:
        None where there are fewer than two groups.
    """
    groups, count = len(sizes), int(sizes.sum())
    if groups < 2:
        return None
    difference = whole[1] - whole[0]
    times = count / sizes
    pseudo = times * difference - (times - 1) * (second - first)  # of a mean: the mean of the group
    centre = groups * difference - float(((1 - sizes / count) * (second - first)).sum())
    of_mean = float(np.mean((pseudo - centre) ** 2 / (times - 1)))
    step = 0.0
    if same.any() and (~same).sum() < MIN_DIFFERING_GROUPS:
        # What a sample changes where it differs; if none did, it may be as much as the metric itself.
        step = float(np.abs(sizes * pseudo)[~same].max()) if not same.all() else max(map(abs, whole))
    unseen = 2 * step**2
    spread = t_95(groups - 1) * math.sqrt(of_mean + unseen / count**2)
    return PairedDifference(difference, (difference - spread, difference + spread), of_mean * count, unseen)


def t_95(freedom: int) -> float:
    """Return the half-width of a 95 % interval in standard errors, by Student's distribution.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), 26.7.5; the first values are exact.

    Args:
        freedom: Degrees of freedom, from 1 on.
    """
    exact = (12.7062, 4.30265, 3.18245, 2.77645)
    if freedom <= len(exact):
        return exact[freedom - 1]
    z = Z_95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))


def paired_interval(only_first: int, only_second: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy of the second minus that of the first, on the same samples.

    Source: Bonett and Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on
    paired data", Journal of Educational and Behavioral Statistics 37 (2012). It keeps a width where the two never
    disagree, which the plain Wald interval does not.

    Args:
        only_first: Samples that only the first got right.
        only_second: Samples that only the second got right.
        count: All samples.

    Example:
        >>> low, high = paired_interval(only_first=12, only_second=9, count=1000)
        >>> print(f"{low:.4f} {high:.4f}")
        -0.0124 0.0064
    """
    first, second = (only_first + 1) / (count + 2), (only_second + 1) / (count + 2)
    difference = second - first
    spread = Z_95 * math.sqrt(max(0.0, first + second - difference**2) / (count + 2))
    return max(-1.0, difference - spread), min(1.0, difference + spread)


def mcnemar(only_first: int, only_second: int) -> float:
    """Return how probable so uneven a split of the disagreements is, were both equally good.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12
    (1947); here in its exact form, the two-sided binomial test.

    Args:
        only_first: Samples that only the first got right.
        only_second: Samples that only the second got right.

    Example:
        >>> print(f"{mcnemar(only_first=12, only_second=3):.4f}")
        0.0352
    """
    count, fewer = only_first + only_second, min(only_first, only_second)
    tail, term = 0, 1
    for wins in range(fewer + 1):
        tail += term
        term = term * (count - wins) // (wins + 1)
    return min(1.0, float(Fraction(2 * tail, 2**count)))
