"""The supervised child process of conversion, as its parent sees it.

In: a request. Out: the converted bytes, or a `ConversionError` also where the child dies, hangs or grows. The child
is kept warm between conversions, as TensorFlow takes seconds to start. Knows nothing of what is converted.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfcompress import errors
from tfcompress.conversion.child import OUTPUT
from tfcompress.errors import ConversionError, TfcompressError

TIMEOUT = 3600.0
"""Seconds without an answer after which a conversion is given up."""

NOISE = ("I0000", "W0000", "E0000", "WARNING: All log", "INFO:", "To enable the following")
"""How lines of the log begin that TensorFlow prints at every start."""

MOST_GROWTH = 2**30
"""Bytes that the child may grow by before a new one takes its place; each conversion leaks some."""

CAUSES = {
    signal.SIGSEGV: "The converter crashed. It often does on recurrent layers and on values that are not finite.",
    signal.SIGABRT: "The converter met a graph it cannot handle. The last lines of its log name the op.",
    signal.SIGKILL: "The system ended the converter, most likely for want of memory.",
}


class Worker:
    """A child process that converts; one serves a whole program.

    Args:
        module: What runs in it. Default: TensorFlow's converter.
        name: What that is called in messages.
    """

    def __init__(self, module: str = "tfcompress.conversion.child", name: str = "TensorFlow's converter") -> None:
        self._module, self._name = module, name
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, lives as long as the worker
        self._first_memory = 0
        self._owner = os.getpid()
        self._lock = threading.RLock()  # one conversion at a time, whichever thread asks

    def start(self) -> None:
        """Start the child unless it runs already; returns at once, so that the caller can work meanwhile."""
        with self._lock:
            self._start()

    def _start(self) -> None:
        if self._owner != os.getpid():  # a fork must not share the child of its parent
            self._process, self._owner = None, os.getpid()
        if self._process is not None and self._process.poll() is None:
            return
        self._log.seek(0)
        self._log.truncate()
        self._first_memory = 0
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "1", "CUDA_VISIBLE_DEVICES": "-1"}
        package = str(Path(__file__).parent.parent.parent)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, environment.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the child
        )

    def stop(self) -> None:
        """End the child, if there is one."""
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        self._process = None

    def convert(self, request: dict[str, Any], advance: Callable[[int], None], timeout: float = TIMEOUT) -> bytes:
        """Have one request answered.

        Args:
            request: What `child` takes, with "folder", where the result is written too.
            advance: Called with the number of samples that were run.
            timeout: Seconds without an answer after which the child is ended.

        Raises:
            ConversionError: the converter gave up, died, or did not answer in time.
        """
        with self._lock:
            self._ask(request, advance, timeout)
            return Path(request["folder"], OUTPUT).read_bytes()

    def run_once(self, folder: Path, runtime: str) -> str:
        """Run the file that was converted last; returns what is wrong with it there, or nothing."""
        with self._lock:
            try:
                return self._ask({"folder": str(folder), "trial": runtime}, lambda _: None, TIMEOUT)["trial"]
            except ConversionError as error:  # it took the child down
                return str(error.received)

    def _ask(self, request: dict[str, Any], advance: Callable[[int], None], timeout: float) -> dict[str, Any]:
        self._start()
        try:
            self._send(request)
            while True:
                answer = self._answer(timeout)
                if "samples" in answer:
                    advance(answer["samples"])
                    continue
                self._restart_if_grown(answer["memory"])
                if "error" in answer:
                    parts = answer["error"]
                    raise getattr(errors, parts.pop("kind"))(**parts)
                return answer
        except TfcompressError:
            raise
        except BaseException:  # Ctrl-C leaves nothing behind
            self.stop()
            raise

    def _send(self, request: dict[str, Any]) -> None:
        try:
            self._process.stdin.write((json.dumps(request) + "\n").encode())
            self._process.stdin.flush()
        except (BrokenPipeError, OSError):
            self._died()

    def _answer(self, timeout: float) -> dict[str, Any]:
        line, deadline = b"", time.monotonic() + timeout
        descriptor = self._process.stdout.fileno()
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self.stop()
                raise ConversionError(
                    f"A conversion must answer within {timeout:g} seconds.", received=f"a log that ends: {self._tail()}"
                )
            # One byte after the other, so that the start of the next answer stays in the pipe.
            byte = os.read(descriptor, 1)
            if not byte:
                self._died()
            line += byte
        return json.loads(line)

    def _died(self) -> None:
        code = self._process.wait()
        self.stop()
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        raise ConversionError(
            f"{self._name} must survive the model.",
            received=f"{name}, and a log that ends: {self._tail()}",
            todo=CAUSES.get(-code, "Your process is unharmed; the log may name the op."),
        )

    def _restart_if_grown(self, memory: int) -> None:
        self._first_memory = self._first_memory or memory
        if memory > self._first_memory + MOST_GROWTH:
            self.stop()

    def _tail(self) -> str:
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 4000))
        lines = self._log.read().decode(errors="replace").splitlines()
        telling = [line.strip() for line in lines if line.strip() and not line.startswith(NOISE)]
        return " | ".join(line[:200] for line in telling[-6:]) or "(empty)"


worker = Worker()
atexit.register(worker.stop)
