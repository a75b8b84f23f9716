"""How many processor cores this process may use.

In: nothing. Out: a number.
"""

from __future__ import annotations

import os


def cores() -> int:
    """Return the number of cores that the system lets this process use, which containers often limit."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
