"""How a child process is started: with the parent's packages, and with nothing from the folder it happens to be in.

In: what the child serves, and where its log goes. Out: the started process.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from tfcompress.errors import RunError
from tfcompress.isolation.memory_limit import limit_words

PACKAGE = Path(__file__).absolute().parent.parent
MARK = "TFCOMPRESS_CHILD_OF"
"""Set in the environment of each child until its first lines run. A program that finds it at `start` is no Python that
took over, but the program itself, started a second time by its own executable."""

ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "1", "CUDA_VISIBLE_DEVICES": "-1", "MALLOC_ARENA_MAX": "1"}
"""One arena for all threads: glibc keeps what is freed in each of them, which is a tenth more memory for no time."""
DROPPED = ("MPLBACKEND",)
"""A notebook's backend draws in the notebook; elsewhere it stops every import of matplotlib."""


def start(target: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a child that serves `target`, "tfcompress.module:function"; its stderr goes to `log`.

    Raises:
        RunError: this program cannot start a Python, or the system refuses.
    """
    require_python()
    settings = {"path": search_path(), "package": str(PACKAGE), "target": target, "parent": os.getpid()}
    # Two options that `-I` would ignore if they came by the environment.
    flags = [*(["-B"] if sys.dont_write_bytecode else []), *(["-X", "utf8"] if sys.flags.utf8_mode else [])]
    command = [sys.executable, "-I", *flags, str(PACKAGE / "isolation" / "bootstrap.py"), json.dumps(settings)]
    try:
        return _starter.run(
            lambda: subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=child_environment() | ENVIRONMENT | {MARK: str(os.getpid())},
                bufsize=0,  # nothing of ours may wait in a buffer that a fork would send a second time
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the child
            )
        )
    except (OSError, RuntimeError) as error:  # the second where there can be no more threads
        raise refused(error) from error


def refused(error: OSError | RuntimeError) -> RunError:
    """Return the error that tells that the system starts no process or thread."""
    return RunError(
        "A process of its own is needed for what may crash.",
        received=f"{getattr(error, 'strerror', None) or error}{limit_words()}",
        hint="The system lets this user start no more processes or threads, or has no memory or files left: free some, "
        "or raise the limit.",
    )


def search_path() -> list[str]:
    """Return the search path for modules of a child: the parent's, without the current folder and that of its script.

    Both are on the parent's path by Python's default, not by anyone's choice, and any folder may hold a file that is
    called `pickle.py`. Who names a folder in PYTHONPATH means it, and it stays; an empty entry there names none. A
    folder that NumPy itself was loaded from holds the packages, as in some cloud functions, and stays too.
    """
    named = {os.path.realpath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry}
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    chance = {os.path.realpath(folder) for folder in (_current(), script and os.path.dirname(script)) if folder}
    chance -= named | {os.path.realpath(Path(np.__file__).parent.parent)}
    entries = [os.path.abspath(entry) for entry in sys.path if entry]
    return [entry for entry in entries if os.path.realpath(entry) not in chance]


def _current() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return None


def child_environment() -> dict[str, str]:
    """Return the environment of this process without what only a notebook can use."""
    return {name: value for name, value in os.environ.items() if name not in DROPPED}


def require_python() -> None:
    """Raise `RunError` unless `sys.executable` is a Python that can be started."""
    if getattr(sys, "frozen", False) or not sys.executable or MARK in os.environ:
        raise RunError(
            "tfcompress runs what may crash in a Python of its own, so it needs one.",
            received=f"a frozen or embedded program, {sys.executable or 'without sys.executable'}",
            hint="Convert and check files with an ordinary Python. A frozen program runs the finished .tflite with "
            "ai_edge_litert.interpreter.Interpreter.",
        )


class _Starter:
    """The thread that starts all children: Linux ends a child together with the thread that started it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue[Callable[[], None]] | None = None

    def run(self, make: Callable[[], Any]) -> Any:
        """Return what `make` returns, called in the thread."""
        done: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

        def work() -> None:
            try:
                done.put((make(), None))
            except BaseException as error:
                done.put((None, error))

        with self._lock:
            if self._work is None:
                self._work = queue.SimpleQueue()
                threading.Thread(target=self._loop, args=(self._work,), daemon=True, name="tfcompress-start").start()
            self._work.put(work)
        made, error = done.get()
        if error is not None:
            raise error
        return made

    @staticmethod
    def _loop(work: queue.SimpleQueue[Callable[[], None]]) -> None:
        while True:
            work.get()()


_starter = _Starter()


def start_anew() -> None:
    """Forget the thread, which a fork does not have."""
    global _starter
    _starter = _Starter()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=start_anew)
