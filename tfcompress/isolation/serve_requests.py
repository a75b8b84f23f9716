"""The child's side: takes requests, gives answers, and ends with its parent.

In: messages on what was stdin at the start. Out: messages on what was stdout; whatever else is printed goes to stderr,
which the parent keeps as a log. What is done with a request is named by the parent, as "tfcompress.module:function".
"""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfcompress.errors import TfcompressError
from tfcompress.isolation import message_format

Tell = Callable[[Any], None]
"""Sends a message of progress to the parent."""
Answer = Callable[[dict[str, Any], Tell], Any]
"""Answers one request; a `TfcompressError` that it raises is raised in the parent."""


def serve(target: str, parent: int) -> None:
    """Answer requests until there are no more.

    Args:
        target: "tfcompress.module:function": called once, it returns what answers a request.
        parent: The process to end with.
    """
    _end_with(parent)
    with contextlib.suppress(ValueError, OSError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends this process
    requests, answers = os.fdopen(os.dup(0), "rb", 0), os.fdopen(os.dup(1), "wb", 0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # C++ code writes to stdout, where it would garble the answers
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests, waiting), daemon=True).start()

    module, _, name = target.partition(":")
    if not module.startswith("tfcompress."):
        raise ValueError(f"{target!r} is not of tfcompress")
    answer: Answer = getattr(importlib.import_module(module), name)()
    message_format.send(answers, {"ready": True})
    while True:
        request = waiting.get()
        try:
            reply = {"answer": answer(request, lambda value: message_format.send(answers, {"progress": value}))}
        except TfcompressError as error:
            received = None if error.received is None else str(error.received)
            parts = {"required": error.required, "received": received, "hint": error.hint}
            reply = {"error": {"kind": type(error).__name__, **parts}}
        sys.stdout.flush()
        message_format.send(answers, {**reply, "memory": _memory()})


def _read(requests: Any, waiting: queue.SimpleQueue[Any]) -> None:
    """Queue the requests; end the process when the parent closes the pipe, also amid a long answer."""
    while True:
        try:
            waiting.put(message_format.receive(requests))
        except (EOFError, OSError, ValueError):
            os._exit(0)


def _end_with(parent: int) -> None:
    """Have the system end this process with its parent, also while C++ code holds the interpreter lock."""
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if hasattr(os, "getppid") and os.name == "posix" and os.getppid() != parent:
        os._exit(0)


def _memory() -> int:
    """Bytes of memory that this process holds now; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0
