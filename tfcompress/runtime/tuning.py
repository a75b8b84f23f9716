"""What runs a file quickest on this machine is measured: one interpreter on all cores, or one on each of them.

In: what loads the file, and some samples. Out: the quickest pool of engines. Knows nothing of runtimes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from tfcompress.runtime.engine import Arrays, Engine
from tfcompress.runtime.pool import Pool

TRIAL = 0.03
"""Seconds that a way is measured for, at least one run of each engine."""


class Load(Protocol):
    """Loads the file."""

    def __call__(self, threads: int | None = None, batch: int = 1) -> Engine: ...


def quickest(load: Load, most: int, arrays: Arrays, *, threads_too: bool) -> Pool[Engine]:
    """Return the quickest pool.

    Args:
        load: Loads the file for a number of threads and a batch.
        most: How many engines there may be.
        arrays: Samples to measure with, in the types of the file.
        threads_too: Whether one engine with a thread for each core is a way as well.
    """
    lane = load(1)
    lane.tune(arrays)
    lanes = Pool(lambda: load(1, lane.batch), most, lane)
    if not threads_too or most == 1:
        return lanes
    whole = load(most)
    whole.tune(arrays)
    one = Pool(load, 1, whole)
    return min((lanes, one), key=lambda pool: _seconds(pool, arrays, lane.batch))


def _seconds(pool: Pool[Engine], arrays: Arrays, batch: int) -> float:
    """Return the seconds for a batch on each engine, per sample; the quickest of several runs."""
    rows = {name: array[:batch] for name, array in arrays.items()}
    work: Callable[[Engine, Arrays], Arrays] = lambda engine, part: engine.run(part)  # noqa: E731
    _ = [*pool.map(work, [rows] * pool.most)]  # the first run makes the engines
    best, begin = float("inf"), time.perf_counter()
    while True:
        start = time.perf_counter()
        _ = [*pool.map(work, [rows] * pool.most)]
        end = time.perf_counter()
        best = min(best, (end - start) / pool.most)
        if end - begin > TRIAL:
            return best
