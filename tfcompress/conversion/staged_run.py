"""A file run on samples stage by stage: what later ops read stays on disk, so that no op runs twice.

In: a file as a graph, samples on disk. Out: what an activation held on each sample. Between two stages constants may
change: an op reads those of the moment at which it runs.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np

from tfcompress.conversion.batch_engine import BatchEngine, in_type_of
from tfcompress.conversion.samples import Calibration
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.litert.graph import EditableFile, Graph, Op, Signature, Value


@dataclass(frozen=True)
class _Held:
    """A raw file with what an activation held on all samples."""

    path: Path
    spec: TensorSpec
    is_sample: bool = False


class StagedRun:
    """The stages of a file, in the order of its ops.

    Args:
        file: The file.
        calibration: The samples, in the order of the file's inputs.
        samples: How many of them.
        folder: Where activations are kept; it holds nothing else.
    """

    def __init__(self, file: EditableFile, calibration: Calibration, samples: int, folder: Path) -> None:
        self._file, self._samples, self._folder = file, samples, folder
        self._calibration, self._numbers, self._at = calibration, count(), 0
        inputs = dict(file.main.signatures[0].inputs) if file.main.signatures else {}
        places = [inputs.get(f"input_{i}", value) for i, value in enumerate(file.main.inputs)]
        self._held = {
            value: _Held(calibration.folder / f"input_{i}", spec, is_sample=True)
            for i, (value, spec) in enumerate(zip(places, calibration.specs, strict=True))
        }

    def run_until(self, op: Op, also: Collection[Value] = ()) -> None:
        """Run all ops before one, and keep what it and later ones read, and other activations."""
        self._run(self._file.main.ops.index(op), also)

    def holds(self, value: Value | None) -> Value | None:
        """Return an activation if it is kept now, and None if not."""
        return value if value in self._held else None

    def values(self, value: Value) -> np.ndarray:
        """Return what an activation held in the file, samples along the first axis: a view of the disk."""
        held = self._held[value]
        return np.memmap(held.path, held.spec.dtype, "r", shape=self._shape(held.spec.shape))

    def _shape(self, one: tuple[int, ...]) -> tuple[int, ...]:
        return (self._samples * one[0], *one[1:])

    def _run(self, place: int, also: Collection[Value]) -> None:
        ops, place = self._file.main.ops, max(place, self._at)
        later = {value for op in ops[place:] for value in op.inputs if value is not None}
        stage = ops[self._at : place]
        made = [value for op in stage for value in op.outputs if value in later or value in also]
        if new := [value for value in made if value.shape and value not in self._held]:
            self._keep(stage, new)
        if all(value.shape[:1] == (1,) for value in made if value in later):  # else the next one begins here as well
            self._at = place
            for value in [value for value in self._held if value not in later and value not in also]:
                self._drop(value)

    def _keep(self, stage: list[Op], wanted: list[Value]) -> None:
        inside = {value for op in stage for value in op.outputs}
        read = [value for value in self._held if value not in inside and any(value in op.inputs for op in stage)]
        inputs = [(f"input_{i}", value) for i, value in enumerate(read)]
        used = dict.fromkeys(value for op in stage for value in (*op.inputs, *op.outputs, *op.intermediates) if value)
        values = [*used, *(value for value in read if value not in used)]
        part = Graph("stage", stage, values, read, [], [Signature("stage", inputs, [])])
        engine = BatchEngine(replace(self._file, graphs=[part]), wanted, self._rows(read))
        files = {value: self._file_for(value) for value in wanted}

        def take(number: int, batch: Mapping[Value, np.ndarray]) -> None:
            for value, array in files.items():
                array[number * engine.batch * value.shape[0] :][: len(batch[value])] = batch[value]

        engine.run(take, lambda _: None)

    def _rows(self, read: list[Value]) -> Calibration:
        """Return what a stage reads as samples of it."""
        return _Rows(
            self._folder,
            tuple(self._held[value].spec for value in read),
            self._samples,
            {},
            "",
            paths=tuple(self._held[value].path for value in read),
        )

    def _file_for(self, value: Value) -> np.ndarray:
        held = _Held(self._folder / f"values_{next(self._numbers)}", TensorSpec(value.name, value.shape, value.dtype))
        self._held[value] = held
        return np.memmap(held.path, value.dtype, "w+", shape=self._shape(value.shape))

    def _drop(self, value: Value) -> None:
        held = self._held.pop(value)
        if not held.is_sample:
            held.path.unlink()


@dataclass(frozen=True)
class _Rows(Calibration):
    """Samples of a stage: each input lies in a file of its own name."""

    paths: tuple[Path, ...] = ()

    def _read(self, index: int, spec: TensorSpec, start: int, count: int) -> np.ndarray:
        size, dtype = math.prod(spec.shape[1:]), np.dtype(spec.dtype)
        flat = np.fromfile(self.paths[index], dtype, count * size, offset=start * size * dtype.itemsize)
        return flat.reshape(count, *spec.shape[1:])


def real(value: Value, array: np.ndarray) -> np.ndarray:
    """Return some rows of an activation as real numbers."""
    array = in_type_of(value, array)  # samples are floats
    if array.dtype.kind == "f":
        return np.array(array)
    return (array.astype(np.float32) - value.zero_point) * np.float32(value.scale)
