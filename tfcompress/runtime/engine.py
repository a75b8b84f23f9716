"""What runs a file: one shape for all of them, so that who feeds them need not know which one it is.

In: arrays by input name, in the types of the file. Out: arrays by output name, in the types of the file.
Knows nothing of floats, of batches of data, nor of where the engine runs. The engines are the files of `engines/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import RunError
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.plugins import plugin_of, plugins
from tfcompress.typing import Runtime

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


NOT_UTF8 = "a name of an input, an output or a signature that is not UTF-8"
"""What stands for the words of Python's interpreters about such a file; those of C++, and TFLM's, take it."""
NEW_NAMES = "Have whoever writes the file give these names in UTF-8; for microcontrollers it is good as it is."


def words_of(error: Exception) -> str:
    """Return what a runtime says against a file, in one line; which name it is where it cannot read one."""
    if isinstance(error, UnicodeDecodeError):
        return f"{NOT_UTF8}: {bytes(error.object)!r}"
    return " ".join(str(error).split())


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
        ...

    def reset(self) -> None:
        """Return to the initial state."""


class ZeroRun(Protocol):
    """A file that is loaded with what stands for zero in its inputs, to be tried or timed."""

    def invoke(self) -> None:
        """Run it."""

    def finish(self, invoked: bool) -> None:
        """Read what it put out, and print to stderr what the runtime tells of itself."""


@dataclass(frozen=True)
class RuntimeSpec:
    """One runtime: how it loads a file, and what is to be known of it."""

    name: Runtime
    label: str
    """As sentences call it."""
    kernels: str
    """Which kernels these are, for the docs and the command line."""
    load: Callable[[TFLiteModel, Shapes, int, int], Engine]
    """Loads a file for shapes, a number of threads, and a batch where the file allows it; `RunError` if it refuses."""
    load_zeros: Callable[[bytes, TFLiteModel, Mapping[str, Sequence[int]], int], ZeroRun]
    """Loads bytes with the inputs of a file, for shapes and a number of threads."""
    runs_here: bool = False
    """Whether a file that this process made may run in this process; else it runs in processes of its own."""
    is_tuned: bool = False
    """Whether batches and threads make it quicker, so that they are measured."""
    is_tried: bool = True
    """Whether a file is run once on zeros elsewhere before an engine loads it."""
    has_threads: bool = True
    unpacks: bool = False
    """Whether it has the op DECODE, by which `pack` stores weights."""
    facts: Callable[[TFLiteModel], dict[str, str | int | float]] = lambda _: {}
    """What `check` tells of a file that it runs; `RunError` if it does not run it after all."""
    way_out: str = "Replace the layer that makes it, or convert it in other types."
    """What to do about an op that it refuses."""


@cache
def runtimes() -> dict[Runtime, RuntimeSpec]:
    """Return all runtimes by name."""
    return {spec.name: spec for spec in plugins("tfcompress.runtime.engines", "RUNTIMES")}


def runtime_of(name: object) -> RuntimeSpec:
    """Return a runtime by its name.

    Raises:
        SettingError: there is none of that name.
    """
    return plugin_of(name, runtimes(), "runtime")


def require_numbers(tflite: TFLiteModel) -> None:
    """Raise `RunError` unless a file takes and gives numbers, which is all that a `Runner` can feed and return."""
    strange = [str(spec) for spec in (*tflite.inputs, *tflite.outputs) if spec.dtype not in TYPES]
    if strange or not tflite.inputs or not tflite.outputs:
        raise RunError(
            "A file must take and give numbers.",
            received=", ".join(strange) or f"{len(tflite.inputs)} inputs and {len(tflite.outputs)} outputs",
        )


def require_unpacked(tflite: TFLiteModel, runtime: Runtime) -> None:
    """Raise `RunError` if the weights of a file are packed, which TFLM alone unpacks."""
    if tflite.packing is not None and not runtime_of(runtime).unpacks:
        raise RunError(
            "Packed weights need TFLM: no other runtime has the op DECODE.",
            received=f"a file that pack has made, for the runtime {runtime!r}",
            hint=f"Run {tflite.packing.plain_file} there, or this one with the runtime 'tflm'.",
        )


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


def zeros(shape: Sequence[int], spec: TensorSpec) -> np.ndarray:
    """Return what stands for zero in an input."""
    return np.full(shape, spec.zero_point or 0, spec.dtype)
