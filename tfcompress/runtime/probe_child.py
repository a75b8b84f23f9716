"""The process in which a file is run before this one trusts it.

In: one JSON request a line on stdin: a file, the kernels, the input shapes. Out: one JSON answer a line on what was
stdout at the start. Each file runs in a fork of its own, which may die as it likes; where there are no forks, this
process ends after one answer. Ends when stdin ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BATCH = 2
SLOW = 10.0
"""Seconds of one sample above which the batch is not tried."""

REFUSALS = (RuntimeError, ValueError, MemoryError, OSError, OverflowError, TypeError)


def main() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # C++ code writes to stdout, where it would garble the answers

    from ai_edge_litert import interpreter  # noqa: F401, loaded once, for all forks

    for line in sys.stdin:
        if not hasattr(os, "fork"):
            print(json.dumps(_run(**json.loads(line))), file=answers)
            return
        print(json.dumps(_in_a_fork(lambda: _run(**json.loads(line)))), file=answers)  # noqa: B023, runs at once


def _in_a_fork(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            os.write(writing, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"signal": os.WTERMSIG(status)}
    return json.loads(answer) if answer else {"refused": "it ended without a word"}


def _run(path: str, reference: bool, shapes: dict[str, list[int]], batched: str | None) -> dict[str, Any]:
    """Allocate and run once, on zeros; then for a batch, if that is asked for."""
    _limit_memory()
    try:
        started = time.monotonic()
        _invoke(Path(path).read_bytes(), reference, {int(index): shape for index, shape in shapes.items()})
        seconds = time.monotonic() - started
    except REFUSALS as error:
        return {"refused": " ".join(str(error).split())[:400] or type(error).__name__}
    if batched is not None and seconds < SLOW:
        with contextlib.suppress(*REFUSALS):  # such a file is run one by one
            _invoke(Path(batched).read_bytes(), reference, {int(i): [BATCH, *s[1:]] for i, s in shapes.items() if s})
    return {"seconds": seconds}


def _invoke(content: bytes, reference: bool, shapes: dict[int, list[int]]) -> None:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    interpreter = Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=resolver)
    for index, shape in shapes.items():
        interpreter.resize_tensor_input(index, shape, strict=False)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        if detail["index"] in shapes and detail["dtype"] not in (np.bytes_, np.object_):
            interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    interpreter.invoke()
    for detail in interpreter.get_output_details():
        interpreter.get_tensor(detail["index"])


def _limit_memory() -> None:
    """Have a file that asks for more memory than there is fail here, before the system ends other processes."""
    try:
        import resource

        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (ImportError, OSError, StopIteration, ValueError):
        return
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + free * 3 // 4, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
