"""Files as other tools write them, made from ones at hand or op by op; used by tests and by the fuzzer."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.litert.flatbuffer import pack

TYPES = {"float32": np.float32, "int8": np.int8, "int32": np.int32, "int64": np.int64, "bool": np.bool_}


def unpacked(content: bytes) -> schema.ModelT:
    """The file as the generated code reads it, without the project's reader."""
    return schema.ModelT.InitFromPackedBuf(content, 0)


def plainly_packed(model: schema.ModelT) -> bytes:
    """Bytes as the generated code writes them, without the project's writer."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def with_constants_behind(content: bytes, least: int = 1, *, twin: bool = False) -> bytes:
    """Move constants of so many bytes or more, and options of custom ops, behind the flatbuffer.

    With a twin the largest constant has a second buffer and tensor at the same place.
    """
    model = unpacked(content)
    ops = [op for graph in model.subgraphs for op in graph.operators if op.customOptions is not None]
    buffers = [buffer for buffer in model.buffers if buffer.data is not None and len(buffer.data) >= least]
    behind = [bytes(bytearray(buffer.data)) for buffer in buffers] + [bytes(bytearray(op.customOptions)) for op in ops]
    for buffer, data in zip(buffers, behind, strict=False):
        buffer.data, buffer.offset, buffer.size = None, 2, len(data)
    for op, data in zip(ops, behind[len(buffers) :], strict=True):
        op.customOptions, op.largeCustomOptionsOffset, op.largeCustomOptionsSize = None, 2, len(data)
    largest = max(buffers, key=lambda buffer: buffer.size, default=None)
    if twin:
        copy, tensor = schema.BufferT(), schema.TensorT()
        copy.offset, copy.size = 2, largest.size
        model.buffers.append(copy)
        tied = next(one for one in model.subgraphs[0].tensors if model.buffers[one.buffer] is largest)
        tensor.name, tensor.shape, tensor.type, tensor.buffer = "tied", tied.shape, tied.type, len(model.buffers) - 1
        model.subgraphs[0].tensors.append(tensor)
    end = len(plainly_packed(model))  # offsets are of one size, so that they do not change it
    parts = []
    for position, data in enumerate(behind):
        padding = -end % 16
        if position < len(buffers):
            buffers[position].offset = end + padding
        else:
            ops[position - len(buffers)].largeCustomOptionsOffset = end + padding
        parts.append(b"\0" * padding + data)
        end += padding + len(data)
    if twin:
        copy.offset = largest.offset
    return plainly_packed(model) + b"".join(parts)


def with_old_codes(content: bytes) -> bytes:
    """Leave the kinds of ops in `deprecated_builtin_code` alone, as converters of before 2020 did."""
    model = unpacked(content)
    for code in model.operatorCodes:
        code.deprecatedBuiltinCode, code.builtinCode = max(code.deprecatedBuiltinCode, code.builtinCode), 0
    return plainly_packed(model)


class Graph:
    """A graph made op by op; tensors are numbers."""

    def __init__(self, model: schema.ModelT) -> None:
        self._model, self._graph = model, schema.SubGraphT()
        self._graph.tensors, self._graph.operators, self._graph.inputs, self._graph.outputs = [], [], [], []
        model.subgraphs.append(self._graph)

    @classmethod
    def of(cls, model: schema.ModelT, number: int) -> Graph:
        """A graph that is in a model already, to go on with."""
        found = cls.__new__(cls)
        found._model, found._graph = model, model.subgraphs[number]
        return found

    def tensor(self, shape, dtype="float32", name=None, variable=False) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type = list(shape), getattr(schema.TensorType, dtype.upper())
        tensor.name = f"t{len(self._graph.tensors)}" if name is None else name
        tensor.hasRank, tensor.isVariable = True, variable
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def constant(self, values, dtype="float32", shape=None) -> int:
        index = self.tensor(np.shape(values) if shape is None else shape, dtype)
        data = values if isinstance(values, bytes) else np.asarray(values, TYPES[dtype]).tobytes()
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        self._model.buffers.append(buffer)
        self._graph.tensors[index].buffer = len(self._model.buffers) - 1
        return index

    def op(self, name, inputs, outputs, options=None, version=1, custom=None) -> None:
        code, op = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version, code.customCode = min(code.builtinCode, 127), version, custom
        self._model.operatorCodes.append(code)
        op.opcodeIndex = len(self._model.operatorCodes) - 1
        op.inputs, op.outputs = list(inputs), list(outputs)
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            op.builtinOptions, op.builtinOptionsType = options, getattr(schema.BuiltinOptions, kind)
        self._graph.operators.append(op)

    def ends(self, inputs, outputs) -> None:
        self._graph.inputs, self._graph.outputs = list(inputs), list(outputs)

    @property
    def raw(self) -> schema.SubGraphT:
        return self._graph


def empty_model() -> schema.ModelT:
    model = schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes, model.buffers = 3, [], [], [schema.BufferT()]
    return model


def one_op(name, inputs, outputs, options=None, custom=None, constant=()) -> bytes:
    """A file of one op, from the shapes of what it reads and writes; None for an input that is left out."""
    model = empty_model()
    graph = Graph(model)
    reads = [
        -1
        if shape is None
        else graph.constant(np.zeros(shape))
        if place in constant
        else graph.tensor(shape, variable=False)
        for place, shape in enumerate(inputs)
    ]
    writes = [graph.tensor(shape) for shape in outputs]
    graph.op(name, reads, writes, options, custom=custom)
    graph.ends([index for place, index in enumerate(reads) if index >= 0 and place not in constant], writes)
    return pack(model)


def loop(trips: int, *, known: bool = True, kind: str = "LESS", joined: bool = False) -> bytes:
    """A file with a WHILE whose body multiplies a vector of 4 with a matrix, from a count of 0 in steps of 2."""
    model = empty_model()
    main, condition, body = Graph(model), Graph(model), Graph(model)
    x = main.tensor((1, 4), name="x")
    start = main.constant(np.array([0]), "int32") if known else main.tensor((1,), "int32", name="start")
    limit = main.constant(np.array([2 * trips]), "int32")
    results = [main.tensor((1,), "int32"), main.tensor((1,), "int32"), main.tensor((1, 4), name="y")]
    options = schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = 1, 2
    main.op("WHILE", [start, limit, x], results, options)
    main.ends([x] if known else [x, start], results[2:])
    count, end = condition.tensor((1,), "int32"), condition.tensor((1,), "int32")
    value, goes_on = condition.tensor((1, 4)), condition.tensor((1,), "bool")
    if joined:
        parts = [condition.tensor((1,), "bool") for _ in range(2)]
        condition.op(kind, [count, end], parts[:1])
        condition.op("LESS", [count, condition.constant(np.array([1000]), "int32")], parts[1:])
        condition.op("LOGICAL_AND", parts, [goes_on])
    else:
        condition.op(kind, [count, end], [goes_on])
    condition.ends([count, end, value], [goes_on])
    count, end, value = body.tensor((1,), "int32"), body.tensor((1,), "int32"), body.tensor((1, 4))
    after, product = body.tensor((1,), "int32"), body.tensor((1, 4))
    body.op("ADD", [count, body.constant(np.array([2]), "int32")], [after], schema.AddOptionsT())
    weights = body.constant(np.eye(4) / 2)
    body.op("FULLY_CONNECTED", [value, weights, -1], [product], schema.FullyConnectedOptionsT())
    body.ends([count, end, value], [after, end, product])
    return pack(model)
