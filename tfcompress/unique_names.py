"""Names that are taken already get a number.

In: a name, and those that are taken. Out: one that is not.
"""

from __future__ import annotations


def unique(name: str, taken: set[str]) -> str:
    """Return `name`, with "_1", "_2", … where it is taken, and note it as taken."""
    candidate, number = name, 0
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate
