"""Ops that are in float become ops on int16 activations with int8 weights.

In: a file with float ops, the ranges of their activations by tensor name, and which ops are meant. Out: the file with
those ops in int16, QUANTIZE at their borders; an op without an int16 kernel is left as it is, and the caller's proof
finds it. Source: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec, 16x8.
Knows nothing of Keras or of how ranges are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.conversion.int16_kernels import BORDERS, FIXED, KINDS, SHARED, VERSIONS, WEIGHTS, opcode, options
from tfcompress.flatbuffer.packing import pack, unpack
from tfcompress.flatbuffer.rewrite import drop_unused

Range = tuple[float, float]
MOST = 32767
BYTES = {schema.TensorType.INT8: np.int8, schema.TensorType.UINT8: np.uint8}
LEAST = 1e-6
"""No activation's range is narrower than this, so that every scale is above zero."""


def to_int16(
    content: bytes,
    ranges: Mapping[str, Range],
    meant: Callable[[str], bool],
    ends: bool = False,
    requantize: bool = False,
) -> bytes:
    """Quantize ops to int16 activations.

    Args:
        content: A file with float ops.
        ranges: Smallest and largest value by name of each float activation.
        meant: Tells from the name of an op's first output whether the op is to be in int16.
        ends: Whether float inputs and outputs of the model become int16 too, where ops in int16 read or make them.
        requantize: Whether int8 becomes int16 in one QUANTIZE, which LiteRT has since 2.1.3. Otherwise it goes by way
            of int32, to the same numbers, which every runtime does.
    """
    model = unpack(content)
    _Graph(model, ranges, requantize).quantize(meant, ends)
    drop_unused(model)
    return pack(model)


class _Graph:
    """The main graph of a file while its ops change."""

    def __init__(self, model: schema.ModelT, ranges: Mapping[str, Range], requantize: bool) -> None:
        self.model, self.graph, self.ranges, self.requantize = model, model.subgraphs[0], ranges, requantize
        self.before: dict[int, list[schema.OperatorT]] = {}  # ops to put before an op, by its id
        self.after: list[schema.OperatorT] = []
        self.constants: dict[tuple[bytes, bytes], int] = {}
        self.cast: dict[int, int] = {}  # tensor → its int16 twin
        for op in self.graph.operators:
            op.inputs = np.array(op.inputs if op.inputs is not None else [], np.int32)  # what was read is read-only
        self.graph.outputs = np.array(self.graph.outputs, np.int32)
        self.made_by = {int(index): op for op in self.graph.operators for index in op.outputs}

    def quantize(self, meant: Callable[[str], bool], ends: bool) -> None:
        chosen = [op for op in self.graph.operators if self._is_possible(op) and meant(self._name(op.outputs[0]))]
        inside = {int(index) for op in chosen for index in op.outputs}
        if ends:
            read = {int(index) for op in chosen for index in self._active(op)}
            inside |= {int(index) for index in self.graph.inputs if self._is_float(int(index)) and int(index) in read}
        reads = {id(op): [int(index) for index in op.inputs] for op in chosen}
        largest = self._largest(chosen, inside)
        for op in chosen:
            self._enter(op, inside, largest)
        for index in inside:
            if self._is_float(index):
                self._set(index, schema.TensorType.INT16, largest[index] / MOST)
        for op in chosen:
            self._weights(op, reads[id(op)])
            self._version(op)
        twins = self._leave(chosen, inside)
        if not ends:
            self._end_in_float(inside, twins)
        self._arrange()

    def _is_possible(self, op: schema.OperatorT) -> bool:
        name = self._kind(op)
        floats = [int(index) for index in (*op.inputs, *op.outputs) if index >= 0 and self._is_float(int(index))]
        weights = WEIGHTS.get(name)
        held = weights is None or self._data(int(op.inputs[weights.kernel])) is not None
        return name in VERSIONS and bool(floats) and held

    def _largest(self, chosen: list[schema.OperatorT], inside: set[int]) -> dict[int, float]:
        """Return the largest magnitude of each tensor that becomes int16; some ops want one scale for several."""
        parent: dict[int, int] = {}

        def root(index: int) -> int:
            while parent.setdefault(index, index) != index:
                index = parent[index]
            return index

        fixed: dict[int, float] = {}
        for op in chosen:
            active = self._active(op)
            if self._kind(op) in SHARED:
                for index in active[1:]:
                    parent[root(index)] = root(active[0])
            else:
                for index in active:
                    root(index)
            if self._kind(op) in FIXED:
                fixed[int(op.outputs[0])] = 1.0
        largest: dict[int, float] = {}
        for index in parent:
            own = 0.0 if index in fixed else self._magnitude(index)
            largest[root(index)] = max(own, largest.get(root(index), LEAST))
        for index in fixed:
            largest[root(index)] = MOST / 32768
        return {index: largest[root(index)] for index in parent}

    def _magnitude(self, index: int) -> float:
        data = self._data(index)
        if data is not None:
            return float(np.abs(data).max(initial=0.0))
        name = self._name(index)
        if name in self.ranges:
            return max(map(abs, self.ranges[name]))
        maker = self.made_by.get(index)
        if maker is not None and self._kind(maker) == "DEQUANTIZE":
            return self._span(int(maker.inputs[0]))
        reader = next((op for op in self.graph.operators if index in op.inputs and self._kind(op) == "QUANTIZE"), None)
        return LEAST if reader is None else self._span(int(reader.outputs[0]))

    def _span(self, index: int) -> float:
        """Return the largest magnitude that an integer tensor can hold."""
        given = self.graph.tensors[index]
        scale, zero = float(given.quantization.scale[0]), int(given.quantization.zeroPoint[0])
        limits = np.iinfo({schema.TensorType.INT16: np.int16, **BYTES}[given.type])
        return scale * max(limits.max - zero, zero - limits.min)

    def _enter(self, op: schema.OperatorT, inside: set[int], largest: dict[int, float]) -> None:
        """Let an op read int16 twins of what comes from outside."""
        for place, index in enumerate(map(int, op.inputs)):
            if index not in self._active(op) or index in inside:
                continue
            if index not in self.cast:
                self.cast[index] = self._twin(index, op, largest[index])
            op.inputs[place] = self.cast[index]

    def _twin(self, index: int, reader: schema.OperatorT, magnitude: float) -> int:
        data = self._data(index)
        twin = self._new(self.graph.tensors[index], self._name(index) + "_int16")
        self._set(twin, schema.TensorType.INT16, magnitude / MOST)
        if data is not None:
            steps = np.clip(np.rint(data / np.float64(magnitude / MOST)), -MOST, MOST)
            self.graph.tensors[twin].buffer = self._store(steps.astype(np.int16))
            return twin
        maker = self.made_by.get(index)
        source = int(maker.inputs[0]) if maker is not None and self._kind(maker) == "DEQUANTIZE" else index
        casts = self.before.setdefault(id(reader), [])
        if self.graph.tensors[source].type in BYTES and not self.requantize:
            source = self._widened(source, casts)
        casts.append(self._op("QUANTIZE", source, twin))
        return twin

    def _widened(self, source: int, casts: list[schema.OperatorT]) -> int:
        """Return the int32 twin of an int8 or uint8 tensor, with its scale and zero point."""
        twin = self._new(self.graph.tensors[source], self._name(source) + "_int32")
        self.graph.tensors[twin].type = schema.TensorType.INT32
        self.graph.tensors[twin].quantization = self.graph.tensors[source].quantization
        cast = self._op("CAST", source, twin)
        cast.builtinOptionsType, cast.builtinOptions = schema.BuiltinOptions.CastOptions, schema.CastOptionsT()
        cast.builtinOptions.inDataType = self.graph.tensors[source].type
        cast.builtinOptions.outDataType = schema.TensorType.INT32
        casts.append(cast)
        return twin

    def _leave(self, chosen: list[schema.OperatorT], inside: set[int]) -> dict[int, int]:
        """Let float ops read float twins; returns the twins."""
        own = {id(op) for op in chosen}
        twins: dict[int, int] = {}
        for op in list(self.graph.operators):
            if id(op) in own or self._kind(op) == "QUANTIZE":
                continue
            for place, index in enumerate(map(int, op.inputs)):
                if index in inside and self.graph.tensors[index].type == schema.TensorType.INT16:
                    if index not in twins:
                        twins[index] = self._float_twin(index)
                        self.before.setdefault(id(op), []).append(self._op("DEQUANTIZE", index, twins[index]))
                    op.inputs[place] = twins[index]
        return twins

    def _end_in_float(self, inside: set[int], twins: dict[int, int]) -> None:
        """Let the model give out floats where its last op is in int16 now."""
        for place, index in enumerate(map(int, self.graph.outputs)):
            if index not in inside or self.graph.tensors[index].type != schema.TensorType.INT16:
                continue
            if index not in twins:
                twins[index] = self._float_twin(index)
                self.after.append(self._op("DEQUANTIZE", index, twins[index]))
            self.graph.outputs[place] = twins[index]
            for signature in self.model.signatureDefs or []:
                for entry in signature.outputs:
                    entry.tensorIndex = twins[index] if entry.tensorIndex == index else entry.tensorIndex

    def _float_twin(self, index: int) -> int:
        twin = self._new(self.graph.tensors[index], self._name(index) + "_float")
        self.graph.tensors[twin].type = schema.TensorType.FLOAT32
        return twin

    def _weights(self, op: schema.OperatorT, reads: list[int]) -> None:
        places = WEIGHTS.get(self._kind(op))
        if places is None:
            return
        kernel = self._data(reads[places.kernel]).astype(np.float64)
        others = tuple(axis for axis in range(kernel.ndim) if axis != places.axis)
        scales = np.atleast_1d(np.maximum(np.abs(kernel).max(others), 1e-9) / 127)
        if len(reads) > places.bias and reads[places.bias] >= 0:  # which is in these steps, and must fit into int32
            read = float(self.graph.tensors[op.inputs[places.data]].quantization.scale[0])
            least = np.abs(self._data(reads[places.bias]).astype(np.float64)) / (read * 2**31)
            scales = np.maximum(scales, least if len(scales) > 1 else least.max())
        shape = [-1 if axis == places.axis else 1 for axis in range(kernel.ndim)]
        steps = np.clip(np.rint(kernel / scales.reshape(shape)), -127, 127).astype(np.int8)
        op.inputs[places.kernel] = self._constant(reads[places.kernel], steps, scales, places.axis or 0)
        if len(reads) > places.bias and reads[places.bias] >= 0:
            unit = scales * float(self.graph.tensors[op.inputs[places.data]].quantization.scale[0])
            sums = np.rint(self._data(reads[places.bias]).astype(np.float64) / unit).astype(np.int64)
            op.inputs[places.bias] = self._constant(reads[places.bias], sums, unit, 0)

    def _constant(self, index: int, values: np.ndarray, scales: np.ndarray, axis: int) -> int:
        key = values.tobytes(), scales.tobytes()
        if key in self.constants:  # one kernel serves all steps of a sequence
            return self.constants[key]
        self.constants[key] = twin = self._new(self.graph.tensors[index], self._name(index))
        kind = {1: schema.TensorType.INT8, 8: schema.TensorType.INT64}[values.itemsize]
        self._set(twin, kind, scales, axis)
        self.graph.tensors[twin].buffer = self._store(values)
        return twin

    def _version(self, op: schema.OperatorT) -> None:
        name = self._kind(op)
        op.opcodeIndex = opcode(self.model, name, VERSIONS[name])
        options(op, name)

    def _arrange(self) -> None:
        """Put the new ops in their places, and drop casts that nothing reads any more."""
        placed = [new for op in self.graph.operators for new in (*self.before.get(id(op), ()), op)] + self.after
        read = {int(index) for op in placed for index in op.inputs} | {*map(int, self.graph.outputs)}
        self.graph.operators = [op for op in placed if self._kind(op) != "DEQUANTIZE" or read & {*map(int, op.outputs)}]

    def _active(self, op: schema.OperatorT) -> list[int]:
        """List the tensors of an op that become int16: all in float but kernels and biases."""
        places = WEIGHTS.get(self._kind(op))
        inputs = [int(op.inputs[places.data])] if places else [int(index) for index in op.inputs if index >= 0]
        kinds = (schema.TensorType.FLOAT32, schema.TensorType.INT16)
        return [index for index in (*inputs, *map(int, op.outputs)) if self.graph.tensors[index].type in kinds]

    def _is_float(self, index: int) -> bool:
        return self.graph.tensors[index].type == schema.TensorType.FLOAT32

    def _kind(self, op: schema.OperatorT) -> str:
        return KINDS.get(self.model.operatorCodes[op.opcodeIndex].builtinCode, "")

    def _name(self, index: int) -> str:
        name = self.graph.tensors[index].name
        return name.decode() if isinstance(name, bytes) else str(name)

    def _data(self, index: int) -> np.ndarray | None:
        tensor = self.graph.tensors[index]
        data = self.model.buffers[tensor.buffer].data
        if data is None or not len(data) or tensor.type != schema.TensorType.FLOAT32:
            return None
        shape = tensor.shape if tensor.shape is not None else ()
        return np.frombuffer(np.asarray(data, np.uint8).tobytes(), np.float32).reshape(shape)

    def _set(self, index: int, kind: int, scale: float | np.ndarray, axis: int = 0) -> None:
        tensor, scales = self.graph.tensors[index], np.atleast_1d(np.asarray(scale, np.float32))
        tensor.type, tensor.quantization = kind, schema.QuantizationParametersT()
        tensor.quantization.scale = scales
        tensor.quantization.zeroPoint = np.zeros(len(scales), np.int64)
        tensor.quantization.quantizedDimension = axis

    def _new(self, like: schema.TensorT, name: str) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.shapeSignature = name, like.shape, like.shapeSignature
        tensor.type, tensor.hasRank = like.type, like.hasRank
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def _store(self, values: np.ndarray) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def _op(self, kind: str, source: int, result: int) -> schema.OperatorT:
        op = schema.OperatorT()
        op.opcodeIndex = opcode(self.model, kind, BORDERS[kind])
        op.inputs, op.outputs = np.array([source], np.int32), np.array([result], np.int32)
        return op
