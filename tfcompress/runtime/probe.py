"""Every file is run once in another process before this one runs it, as some files crash or hang the runtimes.

In: a `TFLiteModel` and a choice of kernels. Out: nothing, or a `RunError` that names the signal and the op. What
survived is remembered by its hash; a manifest is no proof of anything, as anyone can write one. The other process
stays alive for the next file. Knows nothing of the arrays that come later.
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
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from tfcompress.errors import RunError
from tfcompress.flatbuffer.extract import keep_ops
from tfcompress.flatbuffer.model import TFLiteModel
from tfcompress.flatbuffer.naming import describe
from tfcompress.flatbuffer.rewrite import open_batch
from tfcompress.runtime.deadly import deadly_op
from tfcompress.runtime.patience import patience

TYPES = {
    "bool",
    "float16",
    "float32",
    "float64",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}

Shapes = Mapping[str, Sequence[int | None]]


class _Hung(Exception):  # noqa: N818, an event: the caller says what follows from it
    """The other process did not answer in time, and was ended."""


class _Prober:
    """The other process; one serves a whole program."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._lock = threading.Lock()

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return the answer to one request: "seconds", "refused" or "signal"."""
        with self._lock:
            self._start()
            try:
                self._process.stdin.write((json.dumps(request) + "\n").encode())
                self._process.stdin.flush()
                line = self._line(seconds)
            except (BrokenPipeError, OSError):
                line = b""
            except BaseException:  # Ctrl-C leaves nothing behind, and no late answer for the next request
                self.stop()
                raise
            if not line:
                code = self._process.wait()
                self.stop()
                return {"signal": -code} if code < 0 else {"refused": f"its process ended with exit code {code}"}
            return json.loads(line)

    def stop(self) -> None:
        """End the process and its forks, if there are any."""
        if self._process is not None and self._owner == os.getpid():
            if hasattr(os, "killpg"):
                with contextlib.suppress(OSError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process = None

    def _start(self) -> None:
        if self._owner != os.getpid():  # a fork must not share the process of its parent
            self._process, self._owner = None, os.getpid()
        if self._process is not None and self._process.poll() is None:
            return
        package = str(Path(__file__).parent.parent.parent)
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tfcompress.runtime.probe_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the parent alone; and its forks end with it
        )

    def _line(self, seconds: float) -> bytes:
        line, deadline = b"", time.monotonic() + seconds
        descriptor = self._process.stdout.fileno()
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise _Hung
            part = os.read(descriptor, 65536)
            if not part:
                return b""
            line += part
        return line


_prober = _Prober()
atexit.register(_prober.stop)
_survived: set[tuple[bytes, bool, tuple[tuple[str, tuple[int, ...]], ...]]] = set()


def require_numbers(tflite: TFLiteModel) -> None:
    """Raise `RunError` unless a file takes and gives numbers, which is all that a `Runner` can feed and return."""
    strange = [str(spec) for spec in (*tflite.inputs, *tflite.outputs) if spec.dtype not in TYPES]
    if strange or not tflite.inputs or not tflite.outputs:
        raise RunError(
            "A file must take and give numbers.",
            received=", ".join(strange) or f"{len(tflite.inputs)} inputs and {len(tflite.outputs)} outputs",
        )


def require_survivable(tflite: TFLiteModel, reference: bool, shapes: Shapes) -> None:
    """Run a file once elsewhere, unless that was done before.

    Args:
        tflite: The file.
        reference: Whether to run the reference kernels instead of the optimised ones.
        shapes: The shape of each input by name; the batch is that of the file.

    Raises:
        RunError: the runtime refuses the file, or the file kills or hangs the runtime.
    """
    sizes = {
        spec.name: tuple(size or 1 for size in (*spec.shape[:1], *shapes[spec.name][1:])) for spec in tflite.inputs
    }
    key = (sha256(tflite.content).digest(), reference, tuple(sorted(sizes.items())))
    if key in _survived:
        return
    runtime = "reference" if reference else "litert"
    try:
        answer = _probe(tflite.content, tflite, reference, sizes)
    except _Hung:
        raise RunError(
            f"The runtime {runtime!r} must finish one sample.",
            received=f"no end after {patience(tflite):.0f} seconds",
            todo="Your process is unharmed. The file is damaged, or far too large for these kernels.",
        ) from None
    if "signal" in answer:
        op = _deadly_op(tflite, reference, sizes)
        raise RunError(
            f"The runtime {runtime!r} must survive the file.",
            received=signal.Signals(answer["signal"]).name + (f", in {op}" if op else ""),
            todo="Your process is unharmed. The file is damaged, or an op in it meets values it cannot take.",
        )
    if "refused" in answer:
        raise RunError(
            f"The runtime {runtime!r} must accept the file.",
            received=answer["refused"],
            todo="An op named there has no kernel for these types in this version.",
        )
    _survived.add(key)


def _probe(content: bytes, tflite: TFLiteModel, reference: bool, sizes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tfcompress-") as folder:
        single, batched = Path(folder, "single.tflite"), Path(folder, "batched.tflite")
        single.write_bytes(content)
        batched.write_bytes(open_batch(content))
        shapes = {str(index): list(sizes[spec.name]) for index, spec in tflite.bound_inputs}
        request = {"path": str(single), "reference": reference, "shapes": shapes, "batched": str(batched)}
        return _prober.ask(request, patience(tflite))


def _deadly_op(tflite: TFLiteModel, reference: bool, sizes: dict[str, tuple[int, ...]]) -> str | None:
    def survives(count: int) -> bool:
        try:
            return "signal" not in _probe(keep_ops(tflite.content, None, count), tflite, reference, sizes)
        except (_Hung, ValueError, TypeError, AttributeError, IndexError, KeyError):  # a file too damaged to be cut
            return True

    op = deadly_op(tflite, survives)
    return None if op is None else describe(tflite, op)
