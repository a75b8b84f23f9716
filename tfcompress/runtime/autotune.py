"""What runs a file quickest on this machine is measured: one interpreter on all cores, or one on each of them.

In: what loads the file, and some samples. Out: the quickest pool of engines.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from tfcompress.runtime.engine import Arrays, Engine
from tfcompress.runtime.engine_pool import Pool

TRIAL_SECONDS, ROUNDS = 0.01, 3
"""Seconds, and at least so many rounds, that the ways are measured for."""
MAX_TIME_RATIO = 0.8
"""Threads share the work of one run and wait for each other: they must be plainly quicker to be taken."""


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
    one = Pool(load, 1, load(most, lane.batch))
    rows = {name: array[: lane.batch] for name, array in arrays.items()}
    seconds = {pool: [_seconds(pool, rows) for _ in range(2)][1:] for pool in (lanes, one)}  # the first makes engines
    begin = time.perf_counter()
    while len(seconds[one]) <= ROUNDS or time.perf_counter() - begin < TRIAL_SECONDS:
        for pool, found in seconds.items():  # in turn, as others use the machine too
            found.append(_seconds(pool, rows))
    return one if min(seconds[one]) < MAX_TIME_RATIO * min(seconds[lanes]) else lanes


def _seconds(pool: Pool[Engine], rows: Arrays) -> float:
    """Return the seconds of a run for each engine of a pool, divided by their number."""
    work: Callable[[Engine, Arrays], Arrays] = lambda engine, part: engine.run(part)  # noqa: E731
    start = time.perf_counter()
    _ = [*pool.map(work, [rows] * pool.most)]
    return (time.perf_counter() - start) / pool.most
