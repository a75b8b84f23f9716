"""Statistics of paired answers.

In: counts. Out: an interval. Knows nothing of models.
"""

from __future__ import annotations

import math
from fractions import Fraction

Z_95 = 1.959963984540054


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
