"""A file run op by op, any of its layers in integers or in float.

In: the int8 file and the float file of one model, and which layers to run in float. Out: the value of every tensor.
Integers and floats of a tensor are turned into each other where a layer of the other kind reads it, as a file with such
layers does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from tfcompress.comparison.whole_layers import Stretch, whole_layers
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError, RunError
from tfcompress.litert.extract_ops import keep_ops
from tfcompress.litert.op_names import layer_of
from tfcompress.litert.passes.equalize_channels import equalize, noted
from tfcompress.litert.serialization import read_graph, write_graph
from tfcompress.litert.stateful_ops import resource_variables
from tfcompress.litert.tflite_model import OpFacts, Tensor, TFLiteModel
from tfcompress.runtime.engines.litert_engine import optimised
from tfcompress.runtime.quantize_arrays import from_file, to_file
from tfcompress.runtime.run_once import require_survivable

Values = dict[str, np.ndarray]
"""By tensor name, the values for some samples: their number, then the shape of the tensor."""


@dataclass(frozen=True)
class OpStep:
    """One op of the int8 file, in integers, and in float where the float file has it too."""

    op: OpFacts
    layer: str
    reads: tuple[TensorSpec, ...]
    writes: tuple[TensorSpec, ...]
    integer: Callable[[list[np.ndarray]], list[np.ndarray]]
    floating: Callable[[list[np.ndarray]], list[np.ndarray]] | None
    twin: OpFacts | None = None
    """The op of the float file, where it is one op too."""

    def run(self, values: Values, in_float: bool) -> list[np.ndarray]:
        """Return what the op writes, from the values of what it reads."""
        read = [as_float(values[s.name], s) if in_float else as_integer(values[s.name], s) for s in self.reads]
        return (self.floating if in_float and self.floating else self.integer)(read)


class OpByOpRunner:
    """The two files, op beside op.

    Args:
        floating: The float file.
        quantized: The int8 file of the same model.

    Raises:
        DataError: the files are of different models.
        RunError: a file has resource variables, which pass values from op to op behind the graph.
    """

    def __init__(self, floating: TFLiteModel, quantized: TFLiteModel) -> None:
        for tflite in (floating, quantized):
            require_separable(tflite)
            require_survivable(tflite, "litert", {spec.name: spec.shape for spec in tflite.inputs})
        floating = _with_factors_of(floating, quantized)
        self._floating, self._quantized = floating, quantized
        tensors = quantized.subgraphs[0]
        inputs = {spec.name: tensors[index].name for index, spec in quantized.bound_inputs}
        theirs = {spec.name: floating.subgraphs[0][index].name for index, spec in floating.bound_inputs}
        if set(inputs) != set(theirs):
            raise DataError(
                "The float file and the int8 file must be of one model.", received=f"{[*theirs]} and {[*inputs]}"
            )
        # Tensors of both files have the same names, but for inputs and outputs, which are known by their signature.
        same = {theirs[name]: tensor for name, tensor in inputs.items()}
        ends = {spec.name: tensors[index].name for index, spec in quantized.bound_outputs}
        same |= {floating.subgraphs[0][i].name: ends[s.name] for i, s in floating.bound_outputs if s.name in ends}
        self.inputs = inputs
        self.steps = _steps(floating, quantized, same)
        if not any(step.floating for step in self.steps):
            raise DataError(
                "The float file and the int8 file must share tensors by name.",
                received="none that match",
                hint="Convert both from one model with the same weights.",
            )
        self.last_use = {spec.name: number for number, step in enumerate(self.steps) for spec in step.reads}

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that can run in float, in order."""
        return tuple(dict.fromkeys(step.layer for step in self.steps if step.floating))

    def begin(self, inputs: Values) -> Values:
        """Return the values of the inputs, from arrays by input name."""
        return {self.inputs[name]: array[:, np.newaxis] for name, array in inputs.items()}

    def run(self, inputs: Values, in_float: Collection[str] = ()) -> Values:
        """Return the outputs in float, by name.

        Args:
            inputs: Arrays by input name.
            in_float: The layers to run in float.
        """
        values = self.begin(inputs)
        outputs = {self._quantized.subgraphs[0][index].name for index, _ in self._quantized.bound_outputs}
        for number, step in enumerate(self.steps):
            written = self._written(number, values, in_float)
            values |= {spec.name: array for spec, array in zip(step.writes, written, strict=True)}
            for spec in step.reads:
                if self.last_use[spec.name] == number and spec.name not in outputs:
                    values.pop(spec.name, None)
        found = {}
        for index, spec in self._quantized.bound_outputs:
            tensor = self._quantized.subgraphs[0][index]
            found[spec.name] = as_float(values[tensor.name], _spec(tensor))[:, 0]
        return found

    def _written(self, number: int, values: Values, in_float: Collection[str]) -> list[np.ndarray]:
        step = self.steps[number]
        return step.run(values, step.layer in in_float and step.floating is not None)


def _with_factors_of(floating: TFLiteModel, quantized: TFLiteModel) -> TFLiteModel:
    """Return the float file with its channels multiplied as those of the integer file are, which changes no output."""
    factors = noted(quantized.file)
    if not factors:
        return floating
    file = read_graph(floating.content)
    equalize(file.main, factors)
    return TFLiteModel(write_graph(file))


def require_separable(tflite: TFLiteModel) -> None:
    """Raise `RunError` where ops pass values to each other behind the graph."""
    if count := resource_variables(tflite):
        raise RunError(
            "A file that runs op by op must not have resource variables: single ops do not share them.",
            received=f"{count} of them",
            hint="Use compare(), which runs the file as a whole.",
        )


def as_float(array: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Return values as floats."""
    return array if array.dtype.kind == "f" else from_file(array, spec)


def as_integer(array: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Return values in the type that the file has."""
    return to_file(array, spec) if array.dtype.kind == "f" and spec.scale is not None else array


def _by_output(tflite: TFLiteModel, same: dict[str, str]) -> dict[tuple[str, ...], tuple[int, OpFacts]]:
    """Return the ops of the float file, by the names that the int8 file has for what they write and read."""
    ops = [op for op in tflite.ops if op.subgraph == 0]

    def names(tensors: tuple[Tensor, ...]) -> tuple[str, ...]:
        return tuple(same.get(tensor.name, tensor.name) for tensor in tensors)

    return {(*names(op.outputs), "<", *names(activations(tflite, op))): (number, op) for number, op in enumerate(ops)}


def _steps(floating: TFLiteModel, quantized: TFLiteModel, same: dict[str, str]) -> list[OpStep]:
    """Return the ops of the integer file in order; those of a layer that is other ops in float are one step."""
    ops = [op for op in quantized.ops if op.subgraph == 0]
    sources = _sources(ops)
    twins = _by_output(floating, same)
    matched = {layer_of(quantized, op) for op in ops if _twin(quantized, op, twins, sources)}
    whole = whole_layers(floating, quantized, matched)
    twins = _by_output(floating, same | {theirs.writes.name: ours.writes.name for ours, theirs in whole.values()})
    starts = {ours.first: layer for layer, (ours, _) in whole.items()}
    steps, number = [], 0
    while number < len(ops):
        layer = starts.get(number)
        if layer is None:
            steps.append(_step(quantized, number, ops[number], floating, _twin(quantized, ops[number], twins, sources)))
            number += 1
        else:
            steps.append(_whole_step(layer, ops, floating, quantized, *whole[layer]))
            number = whole[layer][0].last
    return steps


def _sources(ops: list[OpFacts]) -> dict[int, str]:
    """Return the name of what a tensor is another type of, by its index."""
    found: dict[int, str] = {}
    for op in ops:
        if op.name in ("QUANTIZE", "DEQUANTIZE", "CAST") and len(op.inputs) == len(op.outputs) == 1:
            found[op.outputs[0].index] = found.get(op.inputs[0].index, op.inputs[0].name)
    return found


def _twin(
    quantized: TFLiteModel, op: OpFacts, twins: dict[tuple[str, ...], tuple[int, OpFacts]], sources: dict[int, str]
) -> tuple[int, OpFacts] | None:
    """Return the op of the float file that writes and reads the same."""
    if not any(tensor.scales for tensor in op.outputs):
        return None
    reads, writes = activations(quantized, op), tuple(tensor.name for tensor in op.outputs)
    direct = twins.get((*writes, "<", *(tensor.name for tensor in reads)))
    return direct or twins.get((*writes, "<", *(sources.get(tensor.index, tensor.name) for tensor in reads)))


def _step(
    quantized: TFLiteModel, number: int, op: OpFacts, floating: TFLiteModel, twin: tuple[int, OpFacts] | None
) -> OpStep:
    reads = activations(quantized, op)
    return OpStep(
        op=op,
        layer=layer_of(quantized, op),
        reads=tuple(map(_spec, reads)),
        writes=tuple(map(_spec, op.outputs)),
        integer=alone(quantized, number, number + 1, reads, op.outputs),
        floating=alone(floating, twin[0], twin[0] + 1, activations(floating, twin[1]), twin[1].outputs)
        if twin
        else None,
        twin=twin[1] if twin else None,
    )


def _whole_step(
    layer: str, ops: list[OpFacts], floating: TFLiteModel, quantized: TFLiteModel, ours: Stretch, theirs: Stretch
) -> OpStep:
    return OpStep(
        op=ops[ours.last - 1],
        layer=layer,
        reads=(_spec(ours.reads),),
        writes=(_spec(ours.writes),),
        integer=alone(quantized, ours.first, ours.last, (ours.reads,), (ours.writes,)),
        floating=alone(floating, theirs.first, theirs.last, (theirs.reads,), (theirs.writes,)),
    )


def alone(
    tflite: TFLiteModel, first: int, last: int, read: tuple[Tensor, ...], written: tuple[Tensor, ...]
) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
    """Return a function that runs some ops in a row, sample by sample."""
    loaded = optimised(keep_ops(tflite.content, first, last), threads=1)
    loaded.allocate_tensors()
    reads = [tensor.index for tensor in read]

    def run(arrays: list[np.ndarray]) -> list[np.ndarray]:
        rows = []
        for sample in range(len(arrays[0])):
            for index, array in zip(reads, arrays, strict=True):
                loaded.set_tensor(index, array[sample])
            loaded.reset_all_variables()
            loaded.invoke()
            rows.append([np.array(loaded.get_tensor(tensor.index)) for tensor in written])
        return [np.stack(column) for column in zip(*rows, strict=True)]

    return run


def activations(tflite: TFLiteModel, op: OpFacts) -> tuple[Tensor, ...]:
    """Return what an op reads that is neither constant nor the state of a recurrent layer."""
    written = {tensor.index for other in tflite.ops if other.subgraph == 0 for tensor in other.outputs}
    written |= {index for index, _ in tflite.bound_inputs}
    return tuple({tensor.index: tensor for tensor in op.inputs if tensor.index in written}.values())


def _spec(tensor: Tensor) -> TensorSpec:
    scaled = len(tensor.scales) == 1 and not tensor.is_float
    zero = (tensor.zero_points or (0,))[0]
    return TensorSpec(
        tensor.name, tensor.shape, tensor.dtype, tensor.scales[0] if scaled else None, zero if scaled else None
    )
