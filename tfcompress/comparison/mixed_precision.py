"""A file run op by op, each layer in a precision of its own: as the file has it, or in a finer one.

In: an integer file and the float file of one model, and a precision by layer. Out: outputs. Finer than four-bit weights
are those of 8 bits, "int8"; than int8 activations those of 16, "int16", which are run as floats beside weights of 8
bits; and "float". Files with layers in 8 bits can be written as well, for their sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Literal

import numpy as np

from tfcompress.comparison.op_by_op import OpByOpRunner, OpStep, Values, activations, alone, as_float, as_integer
from tfcompress.litert.graph import EditableFile
from tfcompress.litert.manifest import entry
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.ops.op_spec import operand
from tfcompress.litert.passes.correct_biases import write_bias
from tfcompress.litert.passes.int16_forms import FORMS
from tfcompress.litert.passes.weights_in_int8 import real_numbers, write_int8
from tfcompress.litert.serialization import read_graph, write_graph
from tfcompress.litert.tflite_model import OpFacts, Tensor, TFLiteModel

Precision = Literal["int8", "int16", "float"]
Plan = Mapping[str, Precision]
"""The precision of layers that are not run as the file has them."""

Way = Callable[[list[np.ndarray]], list[np.ndarray]]


class MixedPrecisionRunner(OpByOpRunner):
    """The layers of a file, any of them finer.

    Args:
        floating: The float file.
        quantized: The integer file of the same model.

    Raises:
        DataError, RunError: as `OpByOpRunner` does.
    """

    def __init__(self, floating: TFLiteModel, quantized: TFLiteModel) -> None:
        super().__init__(floating, quantized)
        self._file = quantized
        weighted = [step for step in self.steps if _has_weights(step)]
        self._small = [step for step in weighted if _weights(step.op).dtype == "int4"]
        eight = self._with_int8(self._small)
        in_float = TFLiteModel(write_graph(self._in_float(eight, weighted)))
        in_int8 = TFLiteModel(write_graph(eight))
        self._ways: dict[str, dict[int, Way]] = {
            "int8": {id(step): self._alone(in_int8, step.op.place) for step in self._small},
            "int16": {id(step): self._alone(in_float, step.twin.place) for step in weighted},
        }

    @property
    def finer(self) -> dict[Precision, list[str]]:
        """The layers that can be in each precision, those that are the cheapest first.

        Files that `quantize` has made know no int16 layers.
        """
        lack = {step.layer for step in self.steps if step.floating and not _has_int16(step)}
        lack |= {step.layer for step in self.steps if any(tensor.dtype == "int16" for tensor in step.op.outputs)}
        lack |= {*self.layers} if self.is_wide or entry(self._file.manifest, "source") else set()
        return {
            "int8": list(dict.fromkeys(step.layer for step in self._small)),
            "int16": [layer for layer in self.layers if layer not in lack],
            "float": list(self.layers),
        }

    @property
    def is_wide(self) -> bool:
        """Whether the file is an "int16x8" one."""
        return entry(self._file.manifest, "settings", "quantization") == "int16x8"

    @property
    def in_int8(self) -> list[str]:
        """The layers whose weights have 8 bits and might have four."""
        able = [step for step in self.steps if _has_weights(step) and op_spec(step.op.name).int4 is not None]
        return list(dict.fromkeys(step.layer for step in able if step not in self._small))

    def size(self, in_int8: Collection[str]) -> int:
        """Return the bytes of the file with some layers' weights of four bits in 8."""
        return len(write_graph(self._with_int8([step for step in self._small if step.layer in in_int8])))

    def _written(self, number: int, values: Values, in_float: Collection[str]) -> list[np.ndarray]:
        step = self.steps[number]
        precision = in_float.get(step.layer) if isinstance(in_float, Mapping) else None
        way = self._ways.get(precision, {}).get(id(step))
        if way is None:
            return step.run(values, precision in ("float", "int16") and step.floating is not None)
        given = as_integer if precision == "int8" else as_float
        return way([given(values[spec.name], spec) for spec in step.reads])

    def _with_int8(self, steps: Collection[OpStep]) -> EditableFile:
        """Return the file with the weights of some ops in 8 bits."""
        file, written = read_graph(self._file.content), set()
        for step in steps:
            op, places = file.main.ops[step.op.place], op_spec(step.op.name).weights
            weights = self._floating.constant(_weights(step.twin))
            if id(op.inputs[places.kernel]) not in written:
                written.add(id(op.inputs[places.kernel]))
                write_int8(op, weights)
            bias = operand(step.twin, places.bias)
            numbers = np.zeros(op.outputs[0].shape[-1]) if bias is None else self._floating.constant(bias)
            write_bias(file.main, op, numbers)
        return file

    def _in_float(self, file: EditableFile, steps: Collection[OpStep]) -> EditableFile:
        """Return the float file with the weights of some ops as they are rounded in an integer file."""
        floats = read_graph(self._floating.content)
        for step in steps:
            place = op_spec(step.op.name).weights.kernel
            weights = file.main.ops[step.op.place].inputs[place]
            floats.main.ops[step.twin.place].inputs[place].data = real_numbers(weights)
        return floats

    def _alone(self, tflite: TFLiteModel, place: int) -> Way:
        op = next(op for op in tflite.ops if op.subgraph == 0 and op.place == place)
        return alone(tflite, place, place + 1, activations(tflite, op), op.outputs)


def _weights(op: OpFacts) -> Tensor:
    return op.inputs[op_spec(op.name).weights.kernel]


def _has_weights(step: OpStep) -> bool:
    """Tell whether a step is one op with rounded constant weights in both files."""
    places = op_spec(step.op.name).weights
    if places is None or step.twin is None or step.twin.name != step.op.name:
        return False
    ours, theirs = _weights(step.op), _weights(step.twin)
    return ours.dtype in ("int8", "int4") and bool(ours.bytes and ours.scales) and bool(theirs.bytes)


def _has_int16(step: OpStep) -> bool:
    return op_spec(step.op.name).int16 is not None or step.op.name in FORMS
