"""The least arena in which TFLM allocates and runs a file, found by bisection.

In: a `TFLiteModel`. Out: bytes. What an interpreter counts of itself is what stays in use: allocating the tensors takes
more for a moment. Each size is tried in a fork of a child process, as kernels abort where the arena is too small; the
child does nothing else, so that there is nothing that a fork could harm. tflite-micro is for Linux, which has forks.
"""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np

from tfcompress.errors import RunError
from tfcompress.isolation.child_process import ChildProcess, Died, NoAnswer
from tfcompress.isolation.serve_requests import Answer, Tell
from tfcompress.litert.flatbuffer import within_flatbuffer
from tfcompress.litert.stateful_ops import resource_variables
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.runtime.micro_interpreter import ARENA, micro_interpreter
from tfcompress.runtime.timeouts import sample_timeout

STEP = 16
"""Bytes: devices align the arena to as many."""
FIRST = 1024
"""Bytes that are tried first."""


def least_arena(tflite: TFLiteModel) -> int:
    """Return the least size, in steps of 16 bytes, in which the file is allocated and invoked.

    Raises:
        RunError: TFLM does not run the file in any size.
        MissingPackageError: there is no tflite-micro.
    """
    seconds = sample_timeout(tflite)
    child = ChildProcess("tfcompress.runtime.tflm_arena:start")
    try:
        return child.ask({"content": tflite.content, "seconds": seconds}, seconds)
    except (Died, NoAnswer) as end:
        raise RunError("TFLM must run the file.", received=f"no arena was found that is large enough: {end}") from None
    finally:
        child.end()


def start() -> Answer:
    """Return what answers requests, in the child process."""
    return _search


def _search(request: dict[str, Any], tell: Tell) -> int:
    tflite, seconds = TFLiteModel(request["content"]), request["seconds"]
    micro_interpreter(tflite.content)  # told here if there is no tflite-micro, or if it refuses the file
    content, variables = within_flatbuffer(tflite.content), resource_variables(tflite)

    def fits(size: int, invoke: bool) -> bool:
        tell(size)  # each size may take as long as one sample
        return _in_a_fork(lambda: _run(content, tflite, size, variables, invoke), seconds)

    size = _least(lambda size: fits(size, invoke=False), 0, FIRST)
    if fits(size, invoke=True):
        return size
    return _least(lambda size: fits(size, invoke=True), size, STEP)  # some kernels take memory while they run


def _least(fits: Callable[[int], bool], low: int, gap: int) -> int:
    """Return the least size above `low` that fits: by ever larger gaps, then by bisection."""
    while not fits(low + gap):
        low, gap = low + gap, 2 * gap
        if low > ARENA:
            raise RunError("TFLM must run the file.", received=f"it does not in {ARENA:,} bytes")
    high = low + gap
    while high - low > STEP:
        middle = (low + high) // (2 * STEP) * STEP
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def _in_a_fork(work: Callable[[], None], seconds: float) -> bool:
    """Tell whether work ends well in a process of its own."""
    child = os.fork()
    if child == 0:
        signal.alarm(math.ceil(seconds))  # nothing else would end a fork that hangs
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return status == 0


def _run(content: bytes, tflite: TFLiteModel, size: int, variables: int, invoke: bool) -> None:
    """Allocate a file and invoke it on zeros, in a process that ends then."""
    from tflite_micro import runtime

    runtime.count_resource_variables = lambda _: variables  # reads the whole file in Python, each time
    loaded = runtime.Interpreter.from_bytes(content, arena_size=size)
    if invoke:
        for place, (_, spec) in enumerate(tflite.bound_inputs):
            shape = loaded.get_input_details(place)["shape"]  # where the file leaves a size open it has one there
            loaded.set_input(np.full(shape, spec.zero_point or 0, spec.dtype), place)
        loaded.invoke()
