"""How long one inference takes on this machine, by runtime and number of threads.

In: a `TFLiteModel`. Out: a table of times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np

from tfcompress.console import progress
from tfcompress.cpu_cores import cores
from tfcompress.errors import RunError, SettingError
from tfcompress.isolation.child_process import ChildProcess, Died, NoAnswer
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.result_base import Part, Result, Table
from tfcompress.runtime.engine import require_unpacked, runtime_of
from tfcompress.runtime.run_once import killed
from tfcompress.runtime.timeouts import sample_timeout
from tfcompress.typing import Runtime


@dataclass(frozen=True)
class Latency:
    """The time of one inference on one runtime, in milliseconds."""

    runtime: str
    threads: int
    runs: int
    median: float
    low: float
    """One run in ten was quicker."""
    high: float
    """One run in ten was slower."""


@dataclass(frozen=True, repr=False)
class Latencies(Result):
    """Times on this machine, not on the device; print it for a table."""

    rows: tuple[Latency, ...]

    @property
    def headline(self) -> str:
        """The shortest median."""
        quickest = min(self.rows, key=lambda row: row.median)
        return f"{quickest.median:.3f} ms for one inference on THIS MACHINE, not on the device ({quickest.runtime})"

    def parts(self) -> Iterator[Part]:
        """A row for each runtime and number of threads."""
        rows = [
            (row.runtime, str(row.threads), *(f"{time:.3f}" for time in (row.median, row.low, row.high)), str(row.runs))
            for row in self.rows
        ]
        yield Table(("runtime", "threads", "median, ms", "1 in 10 below", "1 in 10 above", "runs"), rows)


def latency(
    tflite: TFLiteModel | str | PathLike[str],
    *,
    runtimes: Sequence[Runtime] = ("litert",),
    threads: Sequence[int] | None = None,
    seconds: float = 1.0,
) -> Latencies:
    """Time single inferences of a file on this machine.

    Args:
        tflite: The file, as a `TFLiteModel` or as a path.
        runtimes: "litert", "reference", "tflm" or others that `Runner` takes; TFLM has one thread.
        threads: Numbers of threads. Default: 1, and as many as there are cores.
        seconds: How long to repeat for each row; at least three runs are made.

    Returns:
        `Latencies`: a row for each runtime and number of threads, with median and spread.

    Raises:
        SettingError: an unknown runtime, or no number of threads or seconds.
        RunError: a runtime refuses the file, or the file kills it.

    Example:
        >>> times = tfcompress.latency(tflite, threads=[1], seconds=0.1)
        >>> times.rows[0].low <= times.rows[0].median <= times.rows[0].high
        True
    """
    for name in runtimes:
        runtime_of(name)
    counts = sorted({1, cores()}) if threads is None else list(threads)
    if not counts or not all(isinstance(count, int) and count > 0 for count in counts) or not seconds > 0:
        raise SettingError(
            "threads must be whole numbers from 1 on, seconds positive.", received=f"{counts}, {seconds}"
        )
    tflite = as_tflite(tflite)
    pairs: list[tuple[Runtime, int]] = [
        (name, count) for name in runtimes for count in (counts if runtime_of(name).has_threads else [1])
    ]
    with progress("timing", len(pairs)) as advance:
        rows = []
        for name, count in pairs:
            rows.append(_row(tflite, name, count, seconds))
            advance()
    return Latencies(tuple(rows))


def medians_by_turns(files: Sequence[TFLiteModel], rounds: int, seconds: float) -> np.ndarray:
    """Return the median seconds of one inference of each file, on LiteRT with one thread.

    Args:
        files: The files; each runs in every round, in a new interpreter, as memory lies by chance.
        rounds: How many rounds; the median of their medians counts.
        seconds: How long to repeat in each round.
    """
    child, found = ChildProcess("tfcompress.runtime.run_child:start"), np.zeros((rounds, len(files)))
    try:
        for row in found:
            for index, tflite in enumerate(files):
                row[index] = np.median(_times(child, tflite, "litert", 1, seconds))
    finally:
        child.end()
    return np.median(found, axis=0)


def _row(tflite: TFLiteModel, runtime: Runtime, threads: int, seconds: float) -> Latency:
    require_unpacked(tflite, runtime)
    child = ChildProcess("tfcompress.runtime.run_child:start")  # a new one for each row: none is warmer than another
    try:
        times = 1000 * np.array(_times(child, tflite, runtime, threads, seconds))
    finally:
        child.end()
    low, median, high = map(float, np.quantile(times, [0.1, 0.5, 0.9]))
    return Latency(runtime, threads, len(times), median, low, high)


def _times(child: ChildProcess, tflite: TFLiteModel, runtime: Runtime, threads: int, seconds: float) -> list[float]:
    request = {"what": "timed", "content": tflite.content, "runtime": runtime, "threads": threads, "seconds": seconds}
    try:
        return child.ask(request, seconds + sample_timeout(tflite))
    except Died as death:
        raise killed(runtime, death, tflite, None) from None
    except NoAnswer:
        raise RunError(
            f"The runtime {runtime!r} must finish one sample.",
            received=f"no end after {seconds + sample_timeout(tflite):.0f} seconds",
        ) from None
