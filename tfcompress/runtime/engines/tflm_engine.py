"""The runtime "tflm": TensorFlow Lite Micro, the interpreter of microcontrollers.

In: a `TFLiteModel`. Out: an engine. Its C++ prints to stderr and may abort: it belongs into a process of its own
(`supervised`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfcompress.errors import RunError
from tfcompress.litert.stateful_ops import has_state, reset_restores_on_tflm
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.runtime.engine import Arrays, RuntimeSpec, Shapes, in_batches, with_batch_axis, zeros
from tfcompress.runtime.micro_interpreter import micro_interpreter
from tfcompress.runtime.tflm_arena import least_arena

if TYPE_CHECKING:
    from tflite_micro.python.tflite_micro.runtime import Interpreter


class Micro:
    """One file in the interpreter of tflite-micro, which has one thread and takes the batch of the file."""

    def __init__(self, tflite: TFLiteModel, shapes: Shapes, threads: int = 1, batch: int = 1) -> None:
        self._tflite = tflite
        for spec in tflite.inputs:
            if None in spec.shape[1:]:
                raise RunError("TFLM needs inputs of one size.", received=spec, hint="Convert with a fixed input size.")
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


class TFLMOnZeros:
    """An interpreter with what stands for zero in its inputs; open sizes are 1."""

    def __init__(self, content: bytes, tflite: TFLiteModel, shapes: Mapping[str, Sequence[int]], threads: int) -> None:
        self._interpreter = micro_interpreter(content)
        for place, (_, spec) in enumerate(tflite.bound_inputs):
            shape = self._interpreter.get_input_details(place)["shape"]
            self._interpreter.set_input(zeros(shape, spec), place)

    def invoke(self) -> None:
        self._interpreter.invoke()

    def finish(self, invoked: bool) -> None:
        self._interpreter.print_allocations()  # to stderr, which the parent reads


RUNTIMES = (
    RuntimeSpec(
        "tflm",
        label="TFLM",
        kernels="TensorFlow Lite Micro, as on a microcontroller (`pip install 'tfcompress[micro]'`)",
        load=Micro,
        load_zeros=TFLMOnZeros,
        is_tried=False,
        has_threads=False,
        unpacks=True,
        facts=lambda tflite: {"arena needed, bytes": least_arena(tflite)},
        way_out="Replace the layer by ones whose ops TFLM has, or leave it out of the model and compute it in C.",
    ),
)
