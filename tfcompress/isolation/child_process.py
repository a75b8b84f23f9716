"""A child process as its parent sees it: started when it is needed, asked, replaced when it dies.

In: requests. Out: answers, or `Died`, or `NoAnswer`, or the error that the child raised. After a fork both sides go on,
each with a child of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import weakref
from collections.abc import Callable
from typing import IO, Any

from tfcompress import errors
from tfcompress.errors import RunError, TfcompressError
from tfcompress.isolation import message_format
from tfcompress.isolation.deadline import Deadline
from tfcompress.isolation.memory_limit import limit_words
from tfcompress.isolation.start_child import start
from tfcompress.temporary_files import temporary_file

START_SECONDS = 300.0
"""How long a child may take to start: TensorFlow needs seconds, and minutes on a crowded machine."""

ENDING_SECONDS = 10.0
"""How long a process may take from closing its pipes to its end."""

NOISE = ("I0000", "W0000", "E0000", "WARNING: All log", "INFO:", "To enable the following", "Traceback", "  File")
"""How lines of the log begin that say nothing of the request."""

OUTSIDE = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "SIGXCPU")
"""Signals that no request raises by itself: the system or a user sent them."""


class Died(Exception):  # noqa: N818, an event: what follows from it is for the caller to say
    """The child ended amid a request; the message holds how, and what it printed last."""

    def __init__(self, code: int, printed: str) -> None:
        names = {number.value: number.name for number in signal.Signals}
        self.ending = names.get(-code, f"signal {-code}") if code < 0 else f"exit code {code}"
        self.from_outside = self.ending in OUTSIDE
        why = ": killed from outside, most likely for want of memory" if self.ending == "SIGKILL" else ""
        super().__init__(f"{self.ending}{why}{limit_words()}{printed}")


class NoAnswer(Exception):  # noqa: N818, an event as well
    """The child did not answer in time, and was ended."""


class ChildProcess:
    """A child that answers requests, one at a time, whichever thread asks.

    Args:
        target: What it serves: "tfcompress.module:function", see `serve`.
        max_growth: Bytes that it may grow by before a new one takes its place. Default: any number.
        has_state: Whether it holds something between requests: then its end is told and no new one is started.
    """

    def __init__(self, target: str, max_growth: int | None = None, *, has_state: bool = False) -> None:
        self._target, self._max_growth, self._has_state = target, max_growth, has_state
        self._was_started = False
        self._child: _Child | None = None
        self._lock = threading.RLock()
        _all.add(self)

    @property
    def alive(self) -> bool:
        """Whether there is a process; none before the first request, and after a death."""
        return self._child is not None and self._child.process.poll() is None

    @property
    def pid(self) -> int | None:
        """The number of the process, if there is one."""
        return self._child.process.pid if self._child else None

    def start(self) -> None:
        """Start the child unless it runs already; returns at once, so that the caller can work meanwhile."""
        with self._lock:
            self._running()

    def ask(
        self,
        request: dict[str, Any],
        seconds: float,
        progress: Callable[[Any], None] | None = None,
    ) -> Any:
        """Return the answer to a request.

        A death is believed only of a child that did nothing else before and that nobody killed from outside; else the
        request is tried once more in a new one.

        Args:
            request: What the target takes.
            seconds: How long it may give no sign; a message of progress counts as one.
            progress: Called with each message of progress.

        Raises:
            Died: the child ended.
            NoAnswer: the child gave no sign in time.
            TfcompressError: what the child raised.
        """
        with self._lock:
            child = self._running()
            was_new = child.answered == 0
            try:
                return self._ask(child, request, seconds, progress)
            except Died as death:
                if self._has_state or (was_new and not death.from_outside):
                    raise
            return self._ask(self._running(), request, seconds, progress)

    def printed(self) -> str:
        """Return all that the child printed since it was last asked."""
        return self._child.printed() if self._child else ""

    def telling(self) -> str:
        """Return the last lines that say something of what the child printed since it was last asked."""
        return telling(self.printed())

    def end(self) -> None:
        """End the child, if there is one."""
        with self._lock:
            if self._child is not None:
                self._child.end()
            self._child = None

    def forget(self) -> None:
        """Leave the child to the process that started it; this one is a fork of that."""
        child, self._child, self._lock = self._child, None, threading.RLock()
        if child is not None:
            child.forget()

    def _running(self) -> _Child:
        """Return the child, started where none runs."""
        if self._child is not None and self.alive:
            return self._child
        if self._has_state and self._was_started:
            raise Died(self._child.end() if self._child else 0, self.telling())
        self.end()
        self._child, self._was_started = _Child(self._target), True
        return self._child

    def _ask(
        self, child: _Child, request: dict[str, Any], seconds: float, progress: Callable[[Any], None] | None
    ) -> Any:
        try:
            with Deadline(START_SECONDS, child.process) as deadline:
                if not child.is_ready:
                    child.is_ready = bool(message_format.receive(child.process.stdout))
                child.begin()
                deadline.extend(seconds)
                message_format.send(child.process.stdin, request)
                while "progress" in (message := message_format.receive(child.process.stdout)):
                    deadline.extend(seconds)
                    if progress is not None:
                        progress(message["progress"])
        except (OSError, EOFError, ValueError, MemoryError, OverflowError):
            raise self._death(child, deadline) from None
        except BaseException:  # Ctrl-C: an answer that comes later must not be taken for the next one
            self.end()
            raise
        child.answered += 1
        self._end_if_grown(child, message["memory"])
        if "error" in message:
            raise _error(message["error"])
        return message["answer"]

    def _death(self, child: _Child, deadline: Deadline) -> Exception:
        """Return what became of a child that does not speak."""
        is_late = deadline.passed
        if not is_late:  # its pipes are closed: it is about to end by itself, and how is what matters
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(ENDING_SECONDS)
        code = child.end()
        self._child = None
        words = telling(child.printed())
        death = Died(code, words)
        if not child.is_ready and (is_late or not death.from_outside):
            return RunError(
                "A child process must start.",
                received=(f"no end of that after {START_SECONDS:g} seconds" if is_late else str(death)),
                hint="It imports what this process does: see that the packages are whole, and that there is memory.",
            )
        return NoAnswer(words) if is_late else death

    def _end_if_grown(self, child: _Child, memory: int) -> None:
        child.first_memory = child.first_memory or memory
        if self._max_growth is not None and memory > child.first_memory + self._max_growth:
            self.end()


class _Child:
    """One process and its log."""

    def __init__(self, target: str) -> None:
        self.log = temporary_file()
        self.process = start(target, self.log)
        self.is_ready, self.answered, self.first_memory = False, 0, 0
        self._since = 0
        self._last: str | None = None
        self._finalizer = weakref.finalize(self, _end, self.process, self.log, os.getpid())

    def begin(self) -> None:
        self._since = self.log.seek(0, os.SEEK_END)

    def printed(self) -> str:
        if self._last is None:
            self.log.seek(self._since)
            return self.log.read().decode(errors="replace")
        return self._last

    def end(self) -> int:
        """End the process; returns its exit code."""
        if self._last is None and self._finalizer.alive:  # else it was ended with this program
            self.process.kill()
            self.process.wait()
            self._last = self.printed()
            self._finalizer()
        return self.process.returncode

    def forget(self) -> None:
        self._finalizer.detach()
        for pipe in (self.process.stdin, self.process.stdout, self.log):
            with contextlib.suppress(OSError):
                pipe.close()
        self.process.returncode = 0  # it is no child of this process: nothing to wait for


def telling(printed: str) -> str:
    """Return the last lines of a log that say something, each after " | "."""
    lines = [line.rstrip() for line in printed[-20_000:].splitlines()]
    kept = dict.fromkeys(line.strip() for line in lines if line.strip() and not line.startswith(NOISE))
    return "".join(f" | {line[:300]}" for line in [*kept][-8:])


def _error(parts: dict[str, Any]) -> TfcompressError:
    kind = getattr(errors, str(parts.pop("kind")), None)
    if not (isinstance(kind, type) and issubclass(kind, TfcompressError)):
        kind = TfcompressError
    return kind(**parts)


def _end(process: subprocess.Popen[bytes], log: IO[bytes], owner: int) -> None:
    if os.getpid() != owner:  # a fork, whose parent goes on with it
        return
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, log):
        with contextlib.suppress(OSError):
            pipe.close()


_all: weakref.WeakSet[ChildProcess] = weakref.WeakSet()


def _forget_all() -> None:
    for child in [*_all]:
        child.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
