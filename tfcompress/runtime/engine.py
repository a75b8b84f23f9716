"""What runs a file: one shape for all of them, so that who feeds them need not know which one it is.

In: arrays by input name, in the types of the file. Out: arrays by output name, in the types of the file.
Knows nothing of floats, of batches of data, nor of where the engine runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol, get_args

import numpy as np

from tfcompress.errors import RunError, SettingError
from tfcompress.flatbuffer.model import TFLiteModel

Runtime = Literal["litert", "reference", "tflm"]
Arrays = dict[str, np.ndarray]
Shapes = Mapping[str, tuple[int | None, ...]]
"""The shape of each input, with its batch axis."""


TYPES = {
    "bool",
    "float16",
    "float32",
    "float64",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}
"""What NumPy and the interpreters both have as numbers."""


def require_runtime(name: object) -> None:
    """Raise `SettingError` unless there is such a runtime."""
    if name not in get_args(Runtime):
        raise SettingError(f"runtime must be one of {', '.join(map(repr, get_args(Runtime)))}.", received=repr(name))


def require_numbers(tflite: TFLiteModel) -> None:
    """Raise `RunError` unless a file takes and gives numbers, which is all that a `Runner` can feed and return."""
    strange = [str(spec) for spec in (*tflite.inputs, *tflite.outputs) if spec.dtype not in TYPES]
    if strange or not tflite.inputs or not tflite.outputs:
        raise RunError(
            "A file must take and give numbers.",
            received=", ".join(strange) or f"{len(tflite.inputs)} inputs and {len(tflite.outputs)} outputs",
        )


class Engine(Protocol):
    """A file that is loaded and can be run."""

    batch: int
    """How many samples it takes at once; what is missing is padded."""

    def tune(self, arrays: Arrays) -> None:
        """Measure on some samples which batch is quickest, and keep it."""

    def run(self, arrays: Arrays, keep_state: bool = False) -> Arrays:
        """Run any number of samples, in order.

        Args:
            arrays: The samples.
            keep_state: Whether each sample goes on from the state that the one before it left, across calls as well;
                else each begins in the initial state.
        """

    def reset(self) -> None:
        """Return to the initial state."""


def load_engine(tflite: TFLiteModel, runtime: Runtime, shapes: Shapes, threads: int, batch: int) -> Engine:
    """Load a file into this process.

    Args:
        tflite: The file.
        runtime: Which kernels.
        shapes: The shape of each input; open sizes take these.
        threads: How many threads one run may use.
        batch: How many samples to take at once where the file allows it.

    Raises:
        RunError: the runtime refuses the file.
    """
    if runtime == "tflm":
        from tfcompress.runtime.micro import Micro

        return Micro(tflite, shapes)
    from tfcompress.runtime.litert import LiteRT

    return LiteRT(tflite, runtime, shapes, threads, batch)


def in_batches(arrays: Arrays, batch: int, invoke: Callable[[Arrays], Arrays]) -> Arrays:
    """Run samples in steps of `batch`, the last one padded with its own last sample, and join what comes out.

    Args:
        arrays: The samples.
        batch: How many `invoke` takes.
        invoke: Runs exactly `batch` samples.
    """
    count = len(next(iter(arrays.values())))
    parts = []
    for start in range(0, count, batch):
        rows = {name: array[start : start + batch] for name, array in arrays.items()}
        missing = batch - min(batch, count - start)
        if missing:
            rows = {name: np.concatenate([row, np.repeat(row[-1:], missing, axis=0)]) for name, row in rows.items()}
        parts.append(invoke(rows))
    return {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}


def with_batch_axis(array: np.ndarray, batch: int) -> np.ndarray:
    """Return an output of `batch` samples; a file of batch 1 may leave the axis out."""
    if array.ndim and len(array) == batch:
        return array
    if batch > 1:
        raise RunError("Each output must have the batch as its first axis.", received=array.shape)
    return array[np.newaxis]
