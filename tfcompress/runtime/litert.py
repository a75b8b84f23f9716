"""Runs a .tflite file in LiteRT: floats in, floats out, whatever types the file itself has.

In: a `TFLiteModel` and data. Out: arrays, batched, in the order of the data. Knows nothing of Keras, nor of what is
done with the arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from tfcompress.console import progress
from tfcompress.cores import cores
from tfcompress.data import TensorSpec, batches
from tfcompress.errors import RunError, SettingError
from tfcompress.flatbuffer.model import TFLiteModel, load
from tfcompress.flatbuffer.rewrite import open_batch
from tfcompress.runtime.probe import require_survivable

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

Runtime = Literal["litert", "reference"]

MOST_AT_ONCE = 64
INPUT_BYTES_AT_ONCE = 8 * 2**20
"""A batch holds this many bytes of input at most, so that activations stay in reach of the cache and the memory."""


class Runner:
    """Runs a .tflite file with the manners of `keras.Model.predict`.

    Args:
        tflite: A `TFLiteModel`, or the path of a .tflite file.
        runtime: "litert": the optimised kernels, as on a phone. "reference": LiteRT's reference kernels, which
            compute as microcontrollers do.

    Raises:
        SettingError: an unknown runtime.
        FileError: no readable .tflite file.
        RunError: the runtime refuses the file.

    Example:
        >>> runner = tfcompress.Runner(tflite)
        >>> runner.predict(x_test[:5]).shape
        (5, 10)
    """

    def __init__(self, tflite: TFLiteModel | str | PathLike[str], *, runtime: Runtime = "litert") -> None:
        if runtime not in get_args(Runtime):
            raise SettingError(
                f"runtime must be one of {', '.join(map(repr, get_args(Runtime)))}.", received=repr(runtime)
            )
        self.tflite = tflite if isinstance(tflite, TFLiteModel) else load(tflite)
        self.runtime: Runtime = runtime
        self._batched: _Loaded | None = None
        self._batched_is_right: bool | None = None  # None: not yet tried
        self._single: _Loaded | None = None
        self._open: bytes | None = None
        if not any(None in spec.shape[1:] for spec in self.tflite.inputs):
            self._single = self._load(1, {spec.name: spec.shape for spec in self.tflite.inputs})

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What `predict` takes: the file's inputs, in float32 where the file has quantized integers."""
        return tuple(_as_float(spec) for spec in self.tflite.inputs)

    def predict(self, x: Any) -> np.ndarray | dict[str, np.ndarray]:
        """Run the file on data.

        Args:
            x: An array of shape (samples, …), a dict by input name, a `tf.data.Dataset` or a generator; floats
                as the Keras model takes them. Labels in (x, y) are dropped.

        Returns:
            The output of shape (samples, …), in float32 where the file has quantized integers; for several
            outputs a dict by name.

        Raises:
            DataError: the data does not fit the inputs.
            RunError: the runtime fails.
        """
        total = len(x) if isinstance(x, np.ndarray) and x.ndim else None
        parts: list[dict[str, np.ndarray]] = []
        with progress(f"running on {self.runtime}", total) as advance:
            for batch in batches(x, self.inputs, size=self._batch_size(), what="x"):
                parts.append(self.run(batch.inputs))
                advance(len(batch))
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return joined if len(joined) > 1 else next(iter(joined.values()))

    def run(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run checked arrays by input name; returns arrays by output name.

        Args:
            arrays: One array an input, each of shape (samples, …) and of the type in `inputs`.
        """
        count = len(next(iter(arrays.values())))
        shapes = {name: array.shape for name, array in arrays.items()}
        if self._single is None or not self._single.takes(shapes):
            self._single, self._batched, self._batched_is_right = self._load(1, shapes), None, None
        if count == 1 or self._batched_is_right is False:
            return self._single.run(arrays)
        if self._batched is None:
            self._batched = self._try_batched(shapes)
        if self._batched is not None and self._batched_is_right is None:
            self._batched_is_right = self._agree(arrays)
        if self._batched is None or not self._batched_is_right:
            self._batched, self._batched_is_right = None, False
            return self._single.run(arrays)
        return self._batched.run(arrays)

    def _batch_size(self) -> int:
        sizes = [4 * int(np.prod([size or 1 for size in spec.shape[1:]])) for spec in self.tflite.inputs]
        return int(np.clip(INPUT_BYTES_AT_ONCE // max(1, sum(sizes)), 1, MOST_AT_ONCE))

    def _load(self, batch: int, shapes: Mapping[str, tuple[int | None, ...]]) -> _Loaded:
        require_survivable(self.tflite, self.runtime == "reference", shapes)
        try:
            return _Loaded(self.tflite, self.runtime, batch, shapes)
        except (RuntimeError, ValueError) as error:
            raise RunError(
                f"The runtime {self.runtime!r} must accept the file.",
                received=" ".join(str(error).split()),
                todo="An op named there has no kernel for these types in this version.",
            ) from error

    def _try_batched(self, shapes: Mapping[str, tuple[int | None, ...]]) -> _Loaded | None:
        try:
            self._open = self._open or open_batch(self.tflite.content)
            return _Loaded(self.tflite, self.runtime, self._batch_size(), shapes, self._open)
        except (RuntimeError, ValueError):  # some graphs hold their batch size as a constant
            return None

    def _agree(self, arrays: Mapping[str, np.ndarray]) -> bool:
        """Tell whether the file computes in a batch what it computes one by one; some graphs do not."""
        if self._batched is None or self._single is None:
            return False
        try:
            together = self._batched.run(arrays)
        except (RunError, ValueError):
            return False
        for row in {0, len(next(iter(arrays.values()))) - 1}:
            alone = self._single.run({name: array[row : row + 1] for name, array in arrays.items()})
            for name, (_, spec) in zip(alone, self.tflite.bound_outputs, strict=True):
                if together[name].shape[1:] != alone[name].shape[1:]:
                    return False
                step = spec.scale or 1e-4 * float(np.abs(alone[name]).max(initial=0.0)) + 1e-6
                difference = np.abs(np.subtract(together[name][row], alone[name][0], dtype=np.float64))
                if difference.max(initial=0) > 1.001 * step:
                    return False
        return True


class _Loaded:
    """An interpreter with its tensors allocated for one batch size."""

    def __init__(
        self,
        tflite: TFLiteModel,
        runtime: Runtime,
        batch: int,
        shapes: Mapping[str, tuple[int | None, ...]],
        content: bytes | None = None,
    ) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        resolver = OpResolverType.BUILTIN_REF if runtime == "reference" else OpResolverType.AUTO
        self._tflite = tflite
        self._interpreter: Interpreter = Interpreter(
            model_content=content or tflite.content, num_threads=cores(), experimental_op_resolver_type=resolver
        )
        self._samples = {name: shape[1:] for name, shape in shapes.items()}
        held = {spec.shape[0] or 1 for spec in tflite.inputs if spec.shape}
        # A file with a batch of its own keeps it; samples are padded to it.
        self.batch = max(held) if batch == 1 and held else batch
        for index, spec in tflite.bound_inputs:
            wanted = (self.batch, *shapes[spec.name][1:]) if spec.shape else ()
            if wanted != spec.shape:
                self._interpreter.resize_tensor_input(index, wanted, strict=False)
        self._interpreter.allocate_tensors()

    def takes(self, shapes: Mapping[str, tuple[int | None, ...]]) -> bool:
        return self._samples == {name: shape[1:] for name, shape in shapes.items()}

    def run(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        count = len(next(iter(arrays.values())))
        parts = [self._invoke(arrays, start) for start in range(0, count, self.batch)]
        return {
            name: np.concatenate([part[name] for part in parts])[:count] if len(parts) > 1 else parts[0][name][:count]
            for name in parts[0]
        }

    def _invoke(self, arrays: Mapping[str, np.ndarray], start: int) -> dict[str, np.ndarray]:
        for index, spec in self._tflite.bound_inputs:
            rows = to_file(arrays[spec.name][start : start + self.batch], spec)
            if len(rows) < self.batch:
                rows = np.concatenate([rows, np.repeat(rows[-1:], self.batch - len(rows), axis=0)])
            self._interpreter.set_tensor(index, rows)
        self._interpreter.reset_all_variables()  # recurrent layers keep their state between calls otherwise
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise RunError("The runtime must run the file.", received=" ".join(str(error).split())) from error
        results = {}
        for index, spec in self._tflite.bound_outputs:
            array = np.array(self._interpreter.get_tensor(index))
            if array.ndim == 0 or len(array) != self.batch:
                if self.batch > 1:
                    raise RunError("Each output must have the batch as its first axis.", received=array.shape)
                array = array[np.newaxis]
            results[spec.name] = from_file(array, spec)
        return results


def to_file(array: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Turn floats into the file's integers: divide, round, clip, and only then cast.

    Args:
        array: Floats.
        spec: The input of the file; without a scale the array is only cast.
    """
    if spec.scale is None:
        return np.ascontiguousarray(array, spec.dtype)
    limits = np.iinfo(spec.dtype)
    steps = np.rint(array / np.float32(spec.scale)) + (spec.zero_point or 0)
    return np.clip(steps, limits.min, limits.max).astype(spec.dtype)


def from_file(array: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Turn the file's integers into floats; arrays without a scale stay as they are."""
    if spec.scale is None:
        return array
    return (array.astype(np.float32) - np.float32(spec.zero_point or 0)) * np.float32(spec.scale)


def _as_float(spec: TensorSpec) -> TensorSpec:
    return spec if spec.scale is None else replace(spec, dtype="float32", scale=None, zero_point=None)
