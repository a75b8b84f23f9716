"""An engine in a process of its own that is replaced when it dies; what dies twice is an error that names the op.

In: a `TFLiteModel` and a runtime. Out: an engine like those of this process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tfcompress.console import warn
from tfcompress.errors import RunError
from tfcompress.isolation.child_process import ChildProcess, Died, NoAnswer
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.runtime.engine import Arrays, Shapes, require_unpacked
from tfcompress.runtime.run_once import killed, killer
from tfcompress.runtime.timeouts import sample_timeout
from tfcompress.typing import Runtime

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
        require_unpacked(tflite, runtime)
        self._runtime: Runtime = runtime
        self._tflite, self._shapes, self._threads = tflite, shapes, threads
        self.batch = batch
        self._process = self._start(None)

    def run(self, arrays: Arrays, keep_state: bool = False) -> Arrays:
        if not keep_state:
            return self._twice(lambda process: process.run(arrays), arrays)
        try:
            return self._process.run(arrays, keep_state)
        except Died as death:  # its state died with it: a new process would go on from another one
            raise RunError(
                f"The runtime {self._runtime!r} must survive the whole sequence.",
                received=death,
                hint="Your process is unharmed. Run the sequence again from its beginning.",
            ) from None

    def reset(self) -> None:
        self._twice(lambda process: process.reset(), None)

    def tune(self, arrays: Arrays) -> None:
        self.batch = self._twice(lambda process: process.tune(arrays), arrays)

    def _start(self, arrays: Arrays | None) -> LoadedFile:
        def load() -> LoadedFile:
            return LoadedFile(self._tflite, self._runtime, self._shapes, self._threads, self.batch)

        try:
            try:
                process = load()
            except Died as death:
                if not death.from_outside:
                    raise
                process = load()
        except Died as death:
            raise self._killed(death, arrays) from None
        self.batch = process.batch
        return process

    def _twice(self, ask: Callable[[LoadedFile], T], arrays: Arrays | None) -> T:
        try:
            if self._process.is_held:
                return ask(self._process)
        except Died as death:
            warn(f"A process of the runtime {self._runtime!r} died: {death}. Its batch is run again in a new one.")
        self._process = self._start(arrays)
        try:
            return ask(self._process)
        except Died as death:
            raise self._killed(death, arrays) from None

    def _killed(self, death: Died, arrays: Arrays | None) -> RunError:
        def run(part: TFLiteModel) -> None:
            process = LoadedFile(part, self._runtime, self._shapes)
            if arrays is not None:
                process.run(arrays)

        op = None if death.from_outside else killer(self._tflite, run)
        return killed(self._runtime, death, self._tflite, op)


class LoadedFile:
    """A file in a child process.

    Args:
        tflite: The file.
        runtime: Which kernels.
        shapes: The shape of each input; open sizes take these.
        threads: How many threads one run may use.
        batch: How many samples to take at once where the file allows it.

    Raises:
        RunError: the runtime refuses the file, or finds no end.
        Died: the file killed the process.
    """

    def __init__(self, tflite: TFLiteModel, runtime: Runtime, shapes: Shapes, threads: int = 1, batch: int = 1) -> None:
        self._child = ChildProcess("tfcompress.runtime.run_child:start", has_state=True)
        self._timeout = sample_timeout(tflite)
        settings = {"runtime": runtime, "shapes": dict(shapes), "threads": threads, "batch": batch}
        self.batch = self._ask({"what": "load", "content": tflite.content, **settings})

    @property
    def is_held(self) -> bool:
        """Whether nobody here ended the process: by an error that was told, by Ctrl-C, or by a fork."""
        return self._child.pid is not None

    def run(self, arrays: Arrays, keep_state: bool = False) -> Arrays:
        return self._ask({"what": "run", "arrays": arrays, "keep_state": keep_state})

    def reset(self) -> None:
        """Return to the initial state."""
        self._ask({"what": "reset"})

    def tune(self, arrays: Arrays) -> int:
        """Measure which batch is quickest, and keep it; returns it."""
        self.batch = self._ask({"what": "tune", "arrays": arrays})
        return self.batch

    def _ask(self, request: dict[str, Any]) -> Any:
        try:
            return self._child.ask(request, self._timeout)
        except NoAnswer as hung:
            raise RunError(
                "The runtime must finish what it is given.",
                received=f"no end after {self._timeout:.0f} seconds{hung}",
                hint="Your process is unharmed. The file is damaged, or far too large for these kernels.",
            ) from None
        except RunError as error:
            received = f"{error.received}{self._child.telling()}"
            raise type(error)(error.required, received=received, hint=error.hint) from None
