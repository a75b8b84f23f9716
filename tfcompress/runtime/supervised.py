"""An engine in a process of its own that is replaced when it dies; what dies twice is an error that names the op.

In: a `TFLiteModel` and a runtime. Out: an engine like those of this process. Knows nothing of floats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tfcompress.console import warn
from tfcompress.errors import RunError
from tfcompress.flatbuffer.extract import keep_ops
from tfcompress.flatbuffer.model import Op, TFLiteModel
from tfcompress.flatbuffer.naming import describe
from tfcompress.runtime.deadly import deadly_op
from tfcompress.runtime.engine import Arrays, Runtime, Shapes
from tfcompress.runtime.process import Died, Process

T = TypeVar("T")


class Supervised:
    """One file, loaded in a child process that is replaced when it dies.

    Args:
        tflite: The file.
        runtime: Which kernels.
        shapes: The shape of each input; open sizes take these.
        threads: How many threads one run may use.
        batch: How many samples to take at once where the file allows it.

    Raises:
        RunError: the runtime refuses the file, or the file kills it.
    """

    def __init__(self, tflite: TFLiteModel, runtime: Runtime, shapes: Shapes, threads: int, batch: int = 1) -> None:
        self._tflite, self._runtime, self._shapes, self._threads = tflite, runtime, shapes, threads
        self.batch = batch
        self._process = self._start(None)

    def run(self, arrays: Arrays) -> Arrays:
        return self._twice(lambda process: process.run(arrays), arrays)

    def tune(self, arrays: Arrays) -> None:
        self._twice(lambda process: process.tune(arrays), arrays)
        self.batch = self._process.batch

    def _start(self, arrays: Arrays | None) -> Process:
        try:
            process = Process()
            process.load(self._tflite, self._runtime, self._shapes, self._threads, self.batch)
        except Died as death:
            raise self._killed(death, arrays) from None
        self.batch = process.batch
        return process

    def _twice(self, ask: Callable[[Process], T], arrays: Arrays | None) -> T:
        try:
            if self._process.end.alive:  # else it was ended: by an error that was told, or by Ctrl-C
                return ask(self._process)
        except Died as death:
            warn(f"A process of the runtime {self._runtime!r} died: {death}. Its batch is run again in a new one.")
        self._process = self._start(arrays)
        try:
            return ask(self._process)
        except Died as death:
            raise self._killed(death, arrays) from None

    def _killed(self, death: Died, arrays: Arrays | None) -> RunError:
        op = killer(self._tflite, self._runtime, self._shapes, arrays)
        return RunError(
            f"The runtime {self._runtime!r} must survive the file.",
            received=f"{death}" + (f"; it dies in {describe(self._tflite, op)}" if op else ""),
            todo="Your process is unharmed. Replace the layer that makes the op, or check that its ranges are sound.",
        )


def killer(tflite: TFLiteModel, runtime: Runtime, shapes: Shapes, arrays: Arrays | None) -> Op | None:
    """Find the op that kills the runtime: the last one of the shortest beginning of the file that does.

    Args:
        tflite: A file that kills the runtime.
        runtime: Which kernels.
        shapes: The shape of each input.
        arrays: The samples that it dies on; None where it dies while it is loaded.
    """

    def survives(count: int) -> bool:
        try:
            process = Process()
            process.load(TFLiteModel(keep_ops(tflite.content, None, count)), runtime, shapes)
            if arrays is not None:
                process.run(arrays)
            process.end()
        except Died:
            return False
        except RunError:
            return True
        return True

    return deadly_op(tflite, survives)
