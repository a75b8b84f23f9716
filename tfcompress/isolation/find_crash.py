"""Which op crashes a runtime: the last one of the shortest beginning of a file that does.

In: how many ops there are, and a function that tells whether the first ones survive. Out: the number of the op.
"""

from __future__ import annotations

from collections.abc import Callable


def find_crash(count: int, survives: Callable[[int], bool]) -> int | None:
    """Return the number of the op that crashes, from 0; None where all survive after all.

    Args:
        count: How many ops there are.
        survives: Tells whether the first ops, that many, survive.
    """
    if not count or survives(count):
        return None
    alive, dead = 0, count
    while dead - alive > 1:
        middle = (alive + dead) // 2
        alive, dead = (middle, dead) if survives(middle) else (alive, middle)
    return dead - 1
