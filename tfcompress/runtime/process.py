"""A child process that runs a file, as its parent sees it.

In: a `TFLiteModel` and a runtime. Out: an engine that raises `Died` where a runtime takes its process down.
Knows nothing of what to do then.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import IO, Any

from tfcompress.errors import RunError, TfcompressError
from tfcompress.flatbuffer.model import TFLiteModel
from tfcompress.runtime.engine import Arrays, Runtime, Shapes
from tfcompress.runtime.patience import patience

NOISE = ("INFO:", "W0000", "I0000", "Traceback", "  File")
"""How lines begin that the runtimes print for every file."""


class Died(Exception):  # noqa: N818, an event: what follows from it is for others to say
    """The process ended; the message holds the signal and what was printed last."""


class Process:
    """A child process; `load` a file before it is run."""

    def __init__(self) -> None:
        self.batch = 1
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, lives as long as the process
        package = str(Path(__file__).parent.parent.parent)
        path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tfcompress.runtime.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=os.environ | {"PYTHONPATH": path},
        )
        self.end = weakref.finalize(self, _end, self._child, self._log)

    def load(self, tflite: TFLiteModel, runtime: Runtime, shapes: Shapes, threads: int = 1, batch: int = 1) -> None:
        """Load a file, in place of one that is there.

        Args:
            tflite: The file.
            runtime: Which kernels.
            shapes: The shape of each input; open sizes take these.
            threads: How many threads one run may use.
            batch: How many samples to take at once where the file allows it.

        Raises:
            RunError: the runtime refuses the file.
            Died: the file killed the process.
        """
        settings = {"runtime": runtime, "shapes": dict(shapes), "threads": threads, "batch": batch}
        self._patience = patience(tflite)
        self.batch = self._ask({"what": "load", "content": tflite.content, **settings}, self._patience)

    def run(self, arrays: Arrays) -> Arrays:
        return self._ask({"what": "run", "arrays": arrays}, self._patience * _count(arrays))

    def tune(self, arrays: Arrays) -> None:
        self.batch = self._ask({"what": "tune", "arrays": arrays}, self._patience * _count(arrays))

    def trial(self, tflite: TFLiteModel, runtime: Runtime) -> str:
        """Run a file once, as it is; return what the runtime printed, for TFLM what it used of its arena.

        Raises:
            RunError: the runtime refuses the file.
            Died: the file killed the process.
        """
        before = self._log.seek(0, os.SEEK_END)
        self._ask({"what": "trial", "content": tflite.content, "runtime": runtime}, patience(tflite))
        self._log.seek(before)
        return self._log.read().decode(errors="replace")

    def timed(self, tflite: TFLiteModel, runtime: Runtime, threads: int, seconds: float) -> list[float]:
        """Invoke a file again and again; return the seconds of each run.

        Raises:
            RunError: the runtime refuses the file.
            Died: the file killed the process.
        """
        settings = {"runtime": runtime, "threads": threads, "seconds": seconds}
        request = {"what": "timed", "content": tflite.content, **settings}
        return self._ask(request, seconds + patience(tflite))

    def _ask(self, request: dict[str, Any], seconds: float) -> Any:
        before = self._log.seek(0, os.SEEK_END)
        try:
            pickle.dump(request, self._child.stdin, protocol=5)
            self._child.stdin.flush()
            ready, _, _ = select.select([self._child.stdout], [], [], seconds)
            if not ready:
                raise RunError(
                    "The runtime must finish what it is given.",
                    received=f"no end after {seconds:.0f} seconds{self._printed(before)}",
                    todo="Your process is unharmed. The file is damaged, or far too large for these kernels.",
                )
            answer = pickle.load(self._child.stdout)
        except (OSError, EOFError, pickle.UnpicklingError):
            code = self._child.wait()
            ending = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            words = self._printed(before)
            self.end()
            raise Died(ending + words) from None
        except BaseException:  # Ctrl-C: an answer that comes later must not be taken for the next one
            self.end()
            raise
        if isinstance(answer, TfcompressError):
            received = f"{answer.received}{self._printed(before)}"
            raise type(answer)(answer.required, received=received, todo=answer.todo)
        return answer

    def _printed(self, start: int) -> str:
        """Return what the runtime printed since then, which names the op more often than its errors do."""
        self._log.seek(start)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines()]
        telling = dict.fromkeys(line for line in lines if line and not line.startswith(NOISE))
        return "".join(f" | {line[:300]}" for line in list(telling)[-8:])


def _count(arrays: Arrays) -> int:
    return max(1, len(next(iter(arrays.values()), ())))


def _end(child: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout, log):
        with contextlib.suppress(OSError):
            pipe.close()
