"""Statistics of paired answers.

In: counts. Out: an interval. Knows nothing of models.
"""

from __future__ import annotations

import math

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
