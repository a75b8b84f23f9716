"""What a child process does with files: load one and run it on data, or run one once on zeros.

In: requests of `supervised`, `run_once` and `latency`. Out: arrays, seconds, or the error of the runtime.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress.errors import RunError
from tfcompress.isolation.memory_limit import limit_words
from tfcompress.isolation.serve_requests import Answer, Tell
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.runtime.engine import NEW_NAMES, Arrays, Engine, runtime_of, words_of
from tfcompress.typing import Runtime

Shapes = Mapping[str, Sequence[int]]

SLOW_SAMPLE_SECONDS = 10.0
"""Seconds of one sample above which the batch is not tried."""

_limit_words = limit_words()
"""Of the limit that this process began with, before it sets one of its own."""

SIGN = 0.2
"""Seconds of a step after which a sign is given; shorter steps are joined."""

REFUSALS = (RuntimeError, ValueError, MemoryError, OSError, OverflowError, TypeError)
"""What interpreters raise on files that they do not take."""


def start() -> Answer:
    """Return what answers requests."""
    return _Files().answer


class _Files:
    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._last: TFLiteModel | None = None

    def answer(self, request: dict[str, Any], tell: Tell) -> Any:
        what = request.pop("what")
        try:
            if what == "load":
                self._engine = _load(TFLiteModel(request.pop("content")), **request)
                return self._engine.batch
            if what == "tune":
                self._engine.tune(**request)
                return self._engine.batch
            if what == "reset":
                return self._engine.reset()
            if what == "run":
                return _run(self._engine, tell, **request)
            return {"run_once": _run_once, "timed": _timed}[what](self._model(request), **request)
        except MemoryError:
            raise _too_large() from None

    def _model(self, request: dict[str, Any]) -> TFLiteModel:
        """Read the file of a request, unless that before it had the same: files run on one runtime after the other."""
        content = request.pop("content")
        if self._last is None or self._last.content != content:
            self._last = TFLiteModel(content)
        return self._last


def _load(tflite: TFLiteModel, runtime: Runtime, shapes: Shapes, threads: int, batch: int) -> Engine:
    return runtime_of(runtime).load(tflite, shapes, threads, batch)


def _run(engine: Engine, tell: Tell, arrays: Arrays, keep_state: bool) -> Arrays:
    """Run samples, and give a sign now and then: how long a sample may take is bounded, and their number is not."""
    parts, count = [], len(next(iter(arrays.values())))
    begin, step = 0, engine.batch
    while begin < count or not parts:
        started = time.monotonic()
        rows = {name: array[begin : begin + step] for name, array in arrays.items()}
        parts.append(engine.run(rows, keep_state))
        begin += step
        if time.monotonic() - started < SIGN:
            step *= 2
        else:
            tell(begin)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _run_once(
    tflite: TFLiteModel,
    runtime: Runtime,
    shapes: Shapes,
    batched: bytes | None,
    batch: int,
    invoke: bool,
) -> float:
    """Load and invoke a file, and again for a batch where that is asked for; returns the seconds of the first."""
    with _told(), _limited_memory():
        begin = time.monotonic()
        _invoke(tflite.content, tflite, runtime, shapes, invoke)
        seconds = time.monotonic() - begin
        if batched is not None and seconds < SLOW_SAMPLE_SECONDS:
            with contextlib.suppress(*REFUSALS):  # such a file is run one by one
                wide = {name: [batch, *shape[1:]] for name, shape in shapes.items() if shape}
                _invoke(batched, tflite, runtime, wide, invoke)
        return seconds


def _invoke(content: bytes, tflite: TFLiteModel, runtime: Runtime, shapes: Shapes, run: bool) -> None:
    loaded = runtime_of(runtime).load_zeros(content, tflite, shapes, 1)
    if run:
        loaded.invoke()
    loaded.finish(run)


def _timed(tflite: TFLiteModel, runtime: Runtime, threads: int, seconds: float) -> list[float]:
    """Invoke a file again and again, at least three times after a first one; return the seconds of each."""
    with _told():
        loaded = runtime_of(runtime).load_zeros(tflite.content, tflite, {}, threads)
        loaded.invoke()
        times, begin = [], time.perf_counter()
        while len(times) < 3 or time.perf_counter() - begin < seconds:
            start = time.perf_counter()
            loaded.invoke()
            times.append(time.perf_counter() - start)
        return times


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise _too_large() from None
    except REFUSALS as error:
        words = words_of(error)[:400] or type(error).__name__
        hint = NEW_NAMES if isinstance(error, UnicodeDecodeError) else ""
        raise RunError("The interpreter must run the file.", received=words, hint=hint) from error


def _too_large() -> RunError:
    return RunError(
        "The file must fit into memory.",
        received=f"MemoryError{_limit_words}",
        hint="Free memory, or raise the limit of this process.",
    )


@contextlib.contextmanager
def _limited_memory() -> Iterator[None]:
    """Have a file that asks for more memory than there is fail here, before the system ends other processes."""
    try:
        import resource

        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError, StopIteration, ValueError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = used + free * 3 // 4
    resource.setrlimit(resource.RLIMIT_AS, (most if soft == resource.RLIM_INFINITY else min(soft, most), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
