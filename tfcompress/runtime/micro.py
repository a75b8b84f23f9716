"""A file in TensorFlow Lite Micro, the interpreter of microcontrollers.

In: a `TFLiteModel`. Out: an engine. Its C++ prints to stderr and
may abort: it belongs into a process of its own (`process`). Knows nothing of floats, nor of other runtimes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfcompress.errors import MissingPackageError, RunError
from tfcompress.flatbuffer.model import TFLiteModel
from tfcompress.flatbuffer.packing import is_sparse, within_flatbuffer
from tfcompress.flatbuffer.state import has_state, reset_restores_on_tflm
from tfcompress.isolation.memory_limit import address_space_left
from tfcompress.runtime.engine import Arrays, Shapes, in_batches, with_batch_axis

if TYPE_CHECKING:
    from tflite_micro.python.tflite_micro.runtime import Interpreter

ARENA = 2**29
"""Bytes that a file may use: more than any microcontroller has. What is not touched costs a computer nothing; where
the address space is limited, half of what is left."""


class Micro:
    """One file in the interpreter of tflite-micro."""

    def __init__(self, tflite: TFLiteModel, shapes: Shapes) -> None:
        self._tflite = tflite
        for spec in tflite.inputs:
            if None in spec.shape[1:]:
                raise RunError("TFLM needs inputs of one size.", received=spec, todo="Convert with a fixed input size.")
        held = {spec.shape[0] or 1 for spec in tflite.inputs if spec.shape}
        self.batch = max(held) if held else 1
        self._places = {index: place for place, index in enumerate(tflite.output_tensors)}
        self._has_state, self._can_reset = has_state(tflite), reset_restores_on_tflm(tflite)
        self._is_initial = True
        self._interpreter = self._allocated()

    def tune(self, arrays: Arrays) -> None:
        """Do nothing: the interpreter takes the batch of the file and no other."""

    def run(self, arrays: Arrays, keep_state: bool = False) -> Arrays:
        return in_batches(arrays, self.batch, lambda rows: self._invoke(rows, keep_state))

    def reset(self) -> None:
        """Return to the initial state."""
        if not self._is_initial:
            if self._can_reset:
                self._interpreter.reset()
            else:
                self._interpreter = self._allocated()
            self._is_initial = True

    def _allocated(self) -> Interpreter:
        try:
            return micro_interpreter(self._tflite.content)
        except (RuntimeError, ValueError) as error:
            raise RunError("TFLM must accept the file.", received=" ".join(str(error).split())) from error

    def _invoke(self, rows: Arrays, keep_state: bool) -> Arrays:
        if not keep_state:
            self.reset()
        self._is_initial = not self._has_state
        try:
            for place, (_, spec) in enumerate(self._tflite.bound_inputs):
                self._interpreter.set_input(rows[spec.name].reshape([size or 1 for size in spec.shape]), place)
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise RunError("TFLM must run the file.", received=" ".join(str(error).split())) from error
        return {
            spec.name: with_batch_axis(np.array(self._interpreter.get_output(self._places[index])), self.batch)
            for index, spec in self._tflite.bound_outputs
        }


def micro_interpreter(content: bytes) -> Interpreter:
    """Return TFLM's interpreter for a file, with constants that lie behind its flatbuffer brought into it.

    Raises:
        MissingPackageError: there is no tflite-micro.
        RunError: the file has sparse tensors.
    """
    try:
        from tflite_micro import runtime
    except ImportError as error:
        raise MissingPackageError(
            "The runtime 'tflm' needs the package tflite-micro.",
            received=str(error),
            todo="pip install 'tfcompress[micro]' (Linux on x86-64 only; on other systems use a container or the "
            "runtime 'reference').",
        ) from error
    left = address_space_left()
    size = min(ARENA, ARENA if left is None else left // 2)
    if is_sparse(content):
        raise RunError(
            "TFLM needs weights that are stored whole: it reads on behind sparse ones.",
            received="a tensor that is stored sparsely",
            todo="Convert the model without sparse tensors; zeros cost no more flash after deflate.",
        )
    return runtime.Interpreter.from_bytes(within_flatbuffer(content), arena_size=size)
