"""The limit of the address space of this process (`ulimit -v`), which much of what is loaded takes for want of memory.

In: nothing. Out: bytes, or words for a message.
"""

from __future__ import annotations

import os
from pathlib import Path


def address_space_left() -> int | None:
    """Return the bytes that this process may still reserve; None where there is no limit."""
    limit = _limit()
    if limit is None:
        return None
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        used = 0
    return max(0, limit - used)


def limit_words() -> str:
    """Return a word about the limit for a message; nothing where there is none."""
    limit = _limit()
    return "" if limit is None else f", under a limit of {limit >> 20:,} MB of address space (ulimit -v)"


def _limit() -> int | None:
    try:
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    except (ImportError, OSError, AttributeError):
        return None
    return None if soft == resource.RLIM_INFINITY else soft
