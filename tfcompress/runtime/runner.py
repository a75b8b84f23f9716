"""Runs a .tflite file on any runtime: floats in, floats out, whatever types the file itself has.

In: a `TFLiteModel` and data. Out: arrays, batched, in the order of the data.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, groupby
from os import PathLike
from typing import Any

import numpy as np

from tfcompress.console import progress
from tfcompress.cpu_cores import cores
from tfcompress.data.batches import batches
from tfcompress.data.data_forms import Data
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError, SettingError
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.runtime.autotune import quickest
from tfcompress.runtime.engine import Arrays, Engine, Shapes, require_numbers, runtime_of
from tfcompress.runtime.engine_pool import Pool
from tfcompress.runtime.isolated_engine import Supervised
from tfcompress.runtime.quantize_arrays import as_float, from_file, to_file
from tfcompress.runtime.run_once import is_ours, require_survivable
from tfcompress.typing import Runtime

MAX_AT_ONCE = 256
INPUT_BYTES_AT_ONCE = 16 * 2**20
"""A batch holds this many bytes of input at most, so that activations stay in reach of the cache and the memory."""
WORTH_TUNING = 16
"""Fewer samples are run before a measurement of what is quickest could pay."""


class Runner:
    """Runs a .tflite file with the manners of `keras.Model.predict`.

    Args:
        tflite: A `TFLiteModel`, or the path of a .tflite file.
        runtime: Which kernels. "litert": the optimised ones, as on a phone. "reference": LiteRT's reference kernels.
            "tflm": the interpreter of microcontrollers, from the package `tflite-micro`
            (`pip install 'tfcompress[micro]'`). `tfcompress compare --help` lists all.
        workers: How many processes to run the file in. Default: the optimised kernels run a file that this process
            converted in this process, on all cores; all else runs in processes, as many as there are cores and work
            for them.

    A process that dies is replaced, with a warning, and its batch is run again; what dies twice is a `RunError` that
    names the op. Which batch is quickest, and whether one interpreter on all cores or one a core, is measured on the
    first samples. A file with state (recurrent ops, resource variables) starts each sample in its initial state, on
    every runtime, unless `predict` is asked to keep it.

    Raises:
        SettingError: an unknown runtime, or no number of processes.
        FileError: no readable .tflite file.
        RunError: the runtime refuses the file, or the file kills it.
        MissingPackageError: "tflm" without its package.

    Example:
        >>> runner = tfcompress.Runner(tflite)
        >>> runner.predict(x_test[:5]).shape
        (5, 10)
    """

    def __init__(
        self,
        tflite: TFLiteModel | str | PathLike[str],
        *,
        runtime: Runtime = "litert",
        workers: int | None = None,
    ) -> None:
        spec = runtime_of(runtime)
        if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
            raise SettingError("workers must be a number of processes, 1 or more.", received=repr(workers))
        self.tflite = as_tflite(tflite)
        self.runtime: Runtime = runtime
        # What survives zeros may still crash or hang on other data: only what this process made runs in it.
        here = spec.runs_here and workers is None and is_ours(self.tflite)
        self._load = _Load(self.tflite, runtime, here, {spec.name: (1, *spec.shape[1:]) for spec in self.tflite.inputs})
        self._most = workers or cores()
        self._pool: Pool[Engine] | None = None
        self._sequential: list[tuple[Shapes, Engine]] = []
        """Engines that no sequence runs in now, and the shapes they are loaded for: one for each thread that asks."""
        self._is_tuned = False
        _all.add(self)
        if not any(None in shape for shape in self._load.shapes.values()):
            self._pool = self._untuned(self._load())  # loaded now, so that a file that is refused is told here

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What `predict` takes: the file's inputs, in float32 where the file has quantized integers."""
        return tuple(as_float(spec) for spec in self.tflite.inputs)

    def predict(self, x: Data, *, keep_state: bool = False) -> np.ndarray | Any:
        """Run the file on data.

        Args:
            x: An array of shape (samples, …), a dict by input name, a `tf.data.Dataset` or a generator; floats
                as the Keras model takes them. Labels in (x, y) are dropped. A few batches are held at a time.
            keep_state: Take the samples as one sequence: each goes on from the state that the one before it left, as a
                streaming model does on a device. The sequence starts in the initial state and runs in one interpreter.
                Default: each sample starts in the initial state.

        Returns:
            The output of shape (samples, …), in float32 where the file has quantized integers; for several
            outputs a dict by name.

        Raises:
            DataError: the data does not fit the inputs, or the samples of a sequence are of several shapes.
            SettingError: `keep_state` with a file that takes several samples at once.
            RunError: the runtime fails.
        """
        if keep_state and any(spec.shape and (spec.shape[0] or 1) > 1 for spec in self.tflite.inputs):
            raise SettingError(
                "keep_state needs a file that takes one sample at a time.",
                received=f"a batch of {max(spec.shape[0] or 1 for spec in self.tflite.inputs if spec.shape)}",
                hint="Convert it with batch size 1.",
            )
        total = len(x) if isinstance(x, np.ndarray) and x.ndim else None
        parts: list[Arrays] = []
        data = (batch.inputs for batch in batches(x, self.inputs, size=self._batch_size(), what="x"))
        with progress(f"running on {self.runtime}", total) as advance:
            for part in self._in_order(data) if keep_state else self._each(data):
                parts.append(part)
                advance(_count(part))
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return joined if len(joined) > 1 else next(iter(joined.values()))

    def run(self, arrays: Mapping[str, np.ndarray]) -> Arrays:
        """Run checked arrays by input name; returns arrays by output name.

        Args:
            arrays: One array an input, each of shape (samples, …) and of the type in `inputs`.

        Raises:
            DataError: there are no samples.
            RunError: the runtime fails.
        """
        count = _count(arrays)
        if not count:
            raise DataError("There must be at least one sample to run.", received="none")
        size = max(1, -(-count // self._most))
        pieces = ({name: a[start : start + size] for name, a in arrays.items()} for start in range(0, count, size))
        parts = [*self._each(pieces)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _begin_anew(self) -> None:
        """Leave all that is loaded to the process that this one is a fork of; the next run loads it again."""
        _left.append((self._pool, self._sequential))
        self._pool, self._sequential, self._is_tuned = None, [], False

    def _each(self, data: Iterable[Arrays]) -> Iterator[Arrays]:
        """Yield the outputs of each piece of the data; pieces of another shape have the file loaded anew."""
        for shapes, pieces in groupby(data, _shapes):
            head = next(pieces)
            pool = self._prepared(head, shapes)
            yield from pool.map(self._work, chain([head], pieces))  # noqa: B031, the same group goes on

    def _in_order(self, data: Iterator[Arrays]) -> Iterator[Arrays]:
        """Yield the outputs of each piece of one sequence, from one engine that starts in the initial state."""
        head = next(iter(data))
        shapes = _shapes(head)
        idle = self._sequential
        try:
            held, engine = idle.pop()
        except IndexError:
            held, engine = None, None
        if engine is None or held != shapes:
            engine = replace(self._load, shapes=shapes)()
        try:
            engine.reset()
            for arrays in chain([head], data):
                if _shapes(arrays) != shapes:
                    raise DataError(
                        "The samples of one sequence must have one shape.", received=f"{shapes} and {_shapes(arrays)}"
                    )
                yield self._work(engine, arrays, keep_state=True)
        finally:
            idle.append((shapes, engine))

    def _prepared(self, head: Arrays, shapes: Shapes) -> Pool[Engine]:
        if self._pool is None or shapes != self._load.shapes:
            self._load = replace(self._load, shapes=shapes)
            self._pool, self._is_tuned = self._untuned(), False
        # The kernels of the other runtimes are so slow that batches and threads change nothing.
        if (
            runtime_of(self.runtime).is_tuned
            and not self._is_tuned
            and _count(head) >= min(WORTH_TUNING, max(2, self._batch_size()))
        ):
            self._pool = quickest(self._load, self._most, self._to_file(head), threads_too=self._load.here)
            self._is_tuned = True
        return self._pool

    def _untuned(self, first: Engine | None = None) -> Pool[Engine]:
        return Pool(self._load, 1 if self._load.here else self._most, first)

    def _batch_size(self) -> int:
        sizes = [4 * int(np.prod([size or 1 for size in spec.shape[1:]])) for spec in self.tflite.inputs]
        return int(np.clip(INPUT_BYTES_AT_ONCE // max(1, sum(sizes)), 1, MAX_AT_ONCE))

    def _to_file(self, arrays: Arrays) -> Arrays:
        return {spec.name: to_file(arrays[spec.name], spec) for spec in self.tflite.inputs}

    def _work(self, engine: Engine, arrays: Arrays, keep_state: bool = False) -> Arrays:
        raw = engine.run(self._to_file(arrays), keep_state)
        return {spec.name: from_file(raw[spec.name], spec) for spec in self.tflite.outputs}


@dataclass(frozen=True)
class _Load:
    """Loads the file into an engine."""

    tflite: TFLiteModel
    runtime: Runtime
    here: bool
    """In this process, or in one of its own."""
    shapes: Shapes

    def __call__(self, threads: int | None = None, batch: int = 1) -> Engine:
        require_numbers(self.tflite)
        spec = runtime_of(self.runtime)
        if spec.is_tried:
            require_survivable(self.tflite, self.runtime, self.shapes)  # anyone can write a manifest
        if self.here:
            return spec.load(self.tflite, self.shapes, threads or cores(), batch)
        return Supervised(self.tflite, self.runtime, self.shapes, threads or 1, batch)


def _shapes(arrays: Arrays) -> Shapes:
    return {name: (1, *array.shape[1:]) for name, array in arrays.items()}


def _count(arrays: Mapping[str, np.ndarray]) -> int:
    return len(next(iter(arrays.values())))


_all: weakref.WeakSet[Runner] = weakref.WeakSet()
_left: list[object] = []
"""What forks hold of their parents: the threads of these interpreters are not there, so they are not even deleted."""


def _begin_all_anew() -> None:
    for runner in [*_all]:
        runner._begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all_anew)
