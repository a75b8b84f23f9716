"""A file is run on zeros, exactly as it is: what its interpreter says to that is the truth about it.

In: a `TFLiteModel` and a runtime. Out: nothing, or the interpreter's error; TFLM prints what it used of its arena to
stderr. Belongs into a process that may die (`process.Process.trial`). Knows nothing of batches.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tfcompress.errors import RunError
from tfcompress.flatbuffer.model import TFLiteModel
from tfcompress.runtime.engine import Runtime
from tfcompress.runtime.litert import interpreter
from tfcompress.runtime.micro import micro_interpreter


def run_once(tflite: TFLiteModel, runtime: Runtime) -> None:
    """Load and invoke a file; TFLM then prints its arena.

    Raises:
        RunError: the interpreter refuses it, in its own words.
        MissingPackageError: "tflm" without its package.
    """
    with _told():
        loaded = _loaded(tflite, runtime, threads=1)
        loaded.invoke()
        if runtime == "tflm":
            loaded.print_allocations()


def timed(tflite: TFLiteModel, runtime: Runtime, threads: int, seconds: float) -> list[float]:
    """Invoke a file again and again, at least three times after a first one; return the seconds of each.

    Raises:
        RunError: the interpreter refuses it, in its own words.
    """
    with _told():
        loaded = _loaded(tflite, runtime, threads)
        loaded.invoke()
        times, begin = [], time.perf_counter()
        while len(times) < 3 or time.perf_counter() - begin < seconds:
            start = time.perf_counter()
            loaded.invoke()
            times.append(time.perf_counter() - start)
        return times


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise RunError("The interpreter must run the file.", received=" ".join(str(error).split())) from error


def _loaded(tflite: TFLiteModel, runtime: Runtime, threads: int) -> Any:
    """Return an interpreter with zeros in its inputs."""
    inputs = [(place, index, _zeros(tflite, place)) for place, (index, _) in enumerate(tflite.bound_inputs)]
    if runtime == "tflm":
        micro = micro_interpreter(tflite.content)
        for place, _, zeros in inputs:
            micro.set_input(zeros, place)
        return micro
    loaded = interpreter(tflite.content, runtime, threads)
    loaded.allocate_tensors()
    for _, index, zeros in inputs:
        loaded.set_tensor(index, zeros)
    return loaded


def _zeros(tflite: TFLiteModel, place: int) -> np.ndarray:
    """Return what stands for zero in the input's own type."""
    _, spec = tflite.bound_inputs[place]
    return np.full([size or 1 for size in spec.shape], spec.zero_point or 0, spec.dtype)
