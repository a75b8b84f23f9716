"""The runtimes "litert" and "reference": LiteRT with its optimised kernels, or with its reference kernels.

In: a `TFLiteModel`. Out: an engine.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tfcompress.errors import RunError
from tfcompress.litert.op_names import describe
from tfcompress.litert.stateful_ops import has_state, only_variable_tensors
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.litert.write_metadata import open_batch
from tfcompress.notebook import without_log_lines
from tfcompress.runtime.engine import (
    NEW_NAMES,
    TYPES,
    Arrays,
    RuntimeSpec,
    Shapes,
    in_batches,
    with_batch_axis,
    words_of,
    zeros,
)

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

BATCHES = (8, 32)
"""The batches that are tried: one invoke for several samples saves the calls around it."""
SLOW_SAMPLE_SECONDS = 0.0005
"""Seconds of one sample above which the calls around it are nothing."""
MAX_TIME_RATIO = 1.03
"""A larger batch need only not be slower: it spares the interpreter lock, which a lone engine does not feel."""
TRIAL_SECONDS = 0.005
"""Seconds that a batch is measured for."""


Load = Callable[[bytes, int], "Interpreter"]
"""Returns an interpreter for a file and a number of threads, nothing allocated."""


def optimised(content: bytes, threads: int) -> Interpreter:
    """Return LiteRT's interpreter with its optimised kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return Interpreter(model_content=content, num_threads=threads, experimental_op_resolver_type=OpResolverType.AUTO)


def reference(content: bytes, threads: int) -> Interpreter:
    """Return LiteRT's interpreter with its reference kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return Interpreter(
        model_content=content, num_threads=threads, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )


class LiteRT:
    """One file with its tensors allocated: for one sample, and for a batch where that is as right and quicker.

    Args:
        runtime: Its name, for messages.
        load: Returns an interpreter; any class with the methods of `tf.lite.Interpreter` will do.
        tflite: The file.
        shapes: The shape of each input; open sizes take these.
        threads: How many threads one run may use.
        batch: How many samples to take at once where the file allows it.

    Raises:
        RunError: the interpreter refuses the file.
    """

    def __init__(
        self, runtime: str, load: Load, tflite: TFLiteModel, shapes: Shapes, threads: int, batch: int = 1
    ) -> None:
        self._load, self._tflite, self._shapes, self._threads = load, tflite, shapes, threads
        try:
            self._single = self._many = _Loaded(load, tflite, shapes, threads, 1)
        except (RuntimeError, ValueError) as error:
            raise RunError(
                f"The runtime {runtime!r} must accept the file.",
                received=_words(tflite, error),
                hint=NEW_NAMES
                if isinstance(error, UnicodeDecodeError)
                else "An op named there has no kernel for these types in this version.",
            ) from error
        # With a batch a state would be shared by samples, and resizing resource variables corrupts the heap.
        self._can_batch = self._single.batch == 1 and not has_state(tflite)
        if batch > 1 and self._can_batch:
            self._many = self._batched(batch) or self._single

    @property
    def batch(self) -> int:
        return self._many.batch

    def run(self, arrays: Arrays, keep_state: bool = False) -> Arrays:
        count = len(next(iter(arrays.values())))
        whole = count - count % self._many.batch
        parts = [
            loaded.run({name: array[start:stop] for name, array in arrays.items()}, keep_state)
            for loaded, start, stop in ((self._many, 0, whole), (self._single, whole, count))
            if stop > start
        ]
        return parts[0] if len(parts) == 1 else {n: np.concatenate([part[n] for part in parts]) for n in parts[0]}

    def reset(self) -> None:
        self._single.reset()

    def tune(self, arrays: Arrays) -> None:
        if not self._can_batch:
            return
        count = len(next(iter(arrays.values())))
        best = _seconds(self._single, arrays)
        if best > SLOW_SAMPLE_SECONDS:
            return
        for batch in (size for size in BATCHES if size <= count):
            many = self._batched(batch)
            if many is None or not self._agree(many, arrays):
                return
            seconds = _seconds(many, arrays)
            if seconds < MAX_TIME_RATIO * best:
                self._many, best = many, min(seconds, best)

    def _batched(self, batch: int) -> _Loaded | None:
        try:
            content = open_batch(self._tflite.content)
            return _Loaded(self._load, self._tflite, self._shapes, self._threads, batch, content)
        except (RuntimeError, ValueError):  # some graphs hold their batch size as a constant
            return None

    def _agree(self, many: _Loaded, arrays: Arrays) -> bool:
        """Tell whether the file computes in a batch what it computes one by one; some graphs do not."""
        rows = {name: array[: many.batch] for name, array in arrays.items()}
        try:
            together = many.run(rows)
        except (RunError, ValueError):
            return False
        for row in (0, many.batch - 1):
            alone = self._single.run({name: array[row : row + 1] for name, array in rows.items()})
            for name, expected in alone.items():
                if together[name].shape[1:] != expected.shape[1:]:
                    return False
                floats = expected.dtype.kind == "f"
                step = 1e-4 * float(np.abs(expected).max(initial=0.0)) + 1e-6 if floats else 1
                difference = np.abs(np.subtract(together[name][row], expected[0], dtype=np.float64))
                if not difference.max(initial=0) <= step:
                    return False
        return True


class _Loaded:
    """An interpreter with its tensors allocated for one batch size."""

    def __init__(
        self,
        load: Load,
        tflite: TFLiteModel,
        shapes: Shapes,
        threads: int,
        batch: int,
        content: bytes | None = None,
    ) -> None:
        self._load, self._tflite, self._shapes, self._threads = load, tflite, shapes, threads
        self._content = content or tflite.content
        held = {spec.shape[0] or 1 for spec in tflite.inputs if spec.shape}
        # A file with a batch of its own keeps it; samples are padded to it.
        self.batch = max(held) if batch == 1 and held else batch
        self._has_state, self._can_reset = has_state(tflite), only_variable_tensors(tflite)
        self._is_initial = True
        with without_log_lines():
            self._interpreter = self._allocated()

    def run(self, arrays: Arrays, keep_state: bool = False) -> Arrays:
        return in_batches(arrays, self.batch, lambda rows: self._invoke(rows, keep_state))

    def reset(self) -> None:
        """Return to the initial state."""
        if not self._is_initial:
            if self._can_reset:
                self._interpreter.reset_all_variables()
            else:  # nothing else brings resource variables and their initial values back
                self._interpreter = self._allocated()
            self._is_initial = True

    def _allocated(self) -> Interpreter:
        loaded = self._load(self._content, self._threads)
        for index, spec in self._tflite.bound_inputs:
            wanted = (self.batch, *self._shapes[spec.name][1:]) if spec.shape else ()
            if wanted != spec.shape:
                loaded.resize_tensor_input(index, wanted, strict=False)
        loaded.allocate_tensors()
        return loaded

    def _invoke(self, rows: Arrays, keep_state: bool) -> Arrays:
        if not keep_state:
            self.reset()
        for index, spec in self._tflite.bound_inputs:
            self._interpreter.set_tensor(index, rows[spec.name] if spec.shape else rows[spec.name].reshape(()))
        self._is_initial = not self._has_state
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise RunError("The runtime must run the file.", received=_words(self._tflite, error)) from error
        return {
            spec.name: with_batch_axis(np.array(self._interpreter.get_tensor(index)), self.batch)
            for index, spec in self._tflite.bound_outputs
        }


def _words(tflite: TFLiteModel, error: Exception) -> str:
    """Return what LiteRT says, with the layer of the op that it names by number."""
    words = words_of(error)
    named = re.search(r"Node number (\d+)", words)
    ops = [op for op in tflite.ops if op.subgraph == 0]
    if named and int(named[1]) < len(ops):
        words += f"; that is {describe(tflite, ops[int(named[1])])}"
    return words


def _seconds(loaded: _Loaded, arrays: Arrays) -> float:
    """Return the seconds of one sample: the quickest of several runs, as others use the machine too."""
    rows = {name: array[: loaded.batch] for name, array in arrays.items()}
    best, begin = float("inf"), time.perf_counter()
    while True:
        start = time.perf_counter()
        loaded.run(rows)
        end = time.perf_counter()
        best = min(best, end - start)
        if end - begin > TRIAL_SECONDS:
            return best / loaded.batch


class LiteRTOnZeros:
    """An interpreter with what stands for zero in its inputs; open sizes are as told."""

    def __init__(
        self, load: Load, content: bytes, tflite: TFLiteModel, shapes: Mapping[str, Sequence[int]], threads: int
    ) -> None:
        self._interpreter = loaded = load(content, threads)
        for index, spec in tflite.bound_inputs:
            if spec.name in shapes:
                loaded.resize_tensor_input(index, list(shapes[spec.name]), strict=False)
        loaded.allocate_tensors()
        sizes = {detail["index"]: detail["shape"] for detail in loaded.get_input_details()}
        for index, spec in tflite.bound_inputs:
            if spec.dtype in TYPES:
                loaded.set_tensor(index, zeros(sizes[index], spec))

    def invoke(self) -> None:
        self._interpreter.invoke()

    def finish(self, invoked: bool) -> None:
        for detail in self._interpreter.get_output_details() if invoked else []:
            self._interpreter.get_tensor(detail["index"])


RUNTIMES = (
    RuntimeSpec(
        "litert",
        label="LiteRT",
        kernels="LiteRT's optimised ones, as on a phone",
        load=partial(LiteRT, "litert", optimised),
        load_zeros=partial(LiteRTOnZeros, optimised),
        runs_here=True,
        is_tuned=True,
    ),
    RuntimeSpec(
        "reference",
        label="LiteRT's reference kernels",
        kernels="LiteRT's reference kernels",
        load=partial(LiteRT, "reference", reference),
        load_zeros=partial(LiteRTOnZeros, reference),
    ),
)
