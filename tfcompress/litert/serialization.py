"""The bytes of a .tflite file become an `EditableFile`, and the other way round.

Everything that a file says survives: several subgraphs and signatures, intermediates of recurrent ops, custom options,
sparsity, metadata; `unpack` has brought in what lies behind the flatbuffer. Source of the format: the TFLite schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.litert.flatbuffer import pack, unpack
from tfcompress.litert.graph import EditableFile, Graph, Op, Quantization, Signature, Value

OP_KINDS = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}
DTYPES = {value: name.lower() for name, value in vars(schema.TensorType).items() if name.isupper()}
OP_CODES = {name: value for value, name in OP_KINDS.items()}
TYPE_CODES = {name: value for value, name in DTYPES.items()}

VALUE_REST = ("sparsity", "hasRank", "variantTensors", "externalBuffer")
OP_REST = (
    "customOptions",
    "customOptionsFormat",
    "mutatingVariableInputs",
    "builtinOptions2Type",
    "builtinOptions2",
    "debugMetadataIndex",
)
"""Entries that no pass looks at, which are kept as they are."""


def read_graph(content: bytes) -> EditableFile:
    """Return the file as graphs that can be edited.

    Args:
        content: A .tflite file whose offsets are sound; see `bounds.require_sound`.
    """
    model = unpack(content)
    buffers = [
        None if each.data is None or not len(each.data) else np.asarray(each.data, np.uint8) for each in model.buffers
    ]
    graphs = [_graph(model, number, buffers) for number in range(len(model.subgraphs))]
    metadata = [(_text(entry.name), buffers[entry.buffer]) for entry in model.metadata or []]
    return EditableFile(
        graphs,
        [(name, np.zeros(0, np.uint8) if data is None else data) for name, data in metadata],
        _text(model.description),
        model.version,
        {name: getattr(model, name) for name in ("externalBufferGroups", "externalBuffers")},
    )


def write_graph(file: EditableFile) -> bytes:
    """Return the bytes of a file, with constants aligned and what is alike written once."""
    model = schema.ModelT()
    model.version, model.description = file.version, _bytes(file.description)
    model.buffers, model.operatorCodes, model.signatureDefs = [schema.BufferT()], [], []
    for name, value in file.rest.items():
        setattr(model, name, value)
    writer = _Writer(model)
    model.subgraphs = [writer.graph(graph, number) for number, graph in enumerate(file.graphs)]
    model.metadata = [writer.metadata(name, data) for name, data in file.metadata]
    return pack(model)


def options(kind: str, **settings: Any) -> Any:
    """Return the settings of an op as the schema has them, such as `options("Reducer", keepDims=True)`."""
    made = getattr(schema, f"{kind}OptionsT")()
    for name, value in settings.items():
        setattr(made, name, value)
    return made


def _graph(model: schema.ModelT, number: int, buffers: list[np.ndarray | None]) -> Graph:
    raw = model.subgraphs[number]
    values = [_value(tensor, buffers[tensor.buffer]) for tensor in _list(raw.tensors)]
    graph = Graph(_text(raw.name), values=values, rest={"debugMetadataIndex": raw.debugMetadataIndex})
    graph.inputs, graph.outputs = ([values[i] for i in _list(side)] for side in (raw.inputs, raw.outputs))
    for entry in _list(raw.operators):
        graph.append(_op(entry, model.operatorCodes[entry.opcodeIndex], values))
    graph.signatures = [
        Signature(_text(one.signatureKey), *(_named(side, values) for side in (one.inputs, one.outputs)))
        for one in _list(model.signatureDefs)
        if one.subgraphIndex == number
    ]
    return graph


def _value(raw: schema.TensorT, content: np.ndarray | None) -> Value:
    signature = tuple(map(int, _list(raw.shapeSignature)))
    return Value(
        _text(raw.name),
        tuple(map(int, _list(raw.shape))),
        DTYPES[raw.type],
        content,
        None if raw.quantization is None else _quantization(raw.quantization),
        signature if raw.shapeSignature is not None else None,
        bool(raw.isVariable),
        rest={name: getattr(raw, name) for name in VALUE_REST},
    )


def _quantization(raw: schema.QuantizationParametersT) -> Quantization:
    bounds = (_list(raw.min), _list(raw.max))
    return Quantization(
        np.asarray(_list(raw.scale), np.float32),
        np.asarray(_list(raw.zeroPoint), np.int64),
        raw.quantizedDimension,
        (float(bounds[0][0]), float(bounds[1][0])) if all(map(len, bounds)) else None,
        (raw.detailsType, raw.details),
    )


def _op(raw: schema.OperatorT, code: schema.OperatorCodeT, values: list[Value]) -> Op:
    return Op(
        _text(code.customCode) if code.customCode else OP_KINDS.get(code.builtinCode, f"BUILTIN_{code.builtinCode}"),
        [None if i < 0 else values[i] for i in _list(raw.inputs)],
        [values[i] for i in _list(raw.outputs) if i >= 0],
        raw.builtinOptions,
        code.version,
        bool(code.customCode),
        [values[i] for i in _list(raw.intermediates) if i >= 0],
        {name: getattr(raw, name) for name in OP_REST},
    )


def _named(entries: Any, values: list[Value]) -> list[tuple[str, Value]]:
    return [(_text(entry.name), values[entry.tensorIndex]) for entry in _list(entries)]


class _Writer:
    """Fills the objects of the schema from graphs, numbering tensors, buffers and op codes."""

    def __init__(self, model: schema.ModelT) -> None:
        self._model = model
        self._buffers: dict[int, int] = {}
        self._codes: dict[tuple[str, int, bool], int] = {}
        self._kept: list[np.ndarray] = []  # so that no id is given twice

    def graph(self, graph: Graph, number: int) -> schema.SubGraphT:
        places = {id(value): place for place, value in enumerate(graph.values)}

        def numbers(values: Sequence[Value | None]) -> np.ndarray:
            return np.array([-1 if value is None else places[id(value)] for value in values], np.int32)

        raw = schema.SubGraphT()
        raw.name, raw.debugMetadataIndex = _bytes(graph.name), graph.rest.get("debugMetadataIndex", -1)
        raw.tensors = [self._tensor(value) for value in graph.values]
        raw.inputs, raw.outputs = numbers(graph.inputs), numbers(graph.outputs)
        raw.operators = []
        for op in graph.ops:
            entry = self._op(op)
            entry.inputs, entry.outputs = numbers(op.inputs), numbers(op.outputs)
            entry.intermediates = numbers(op.intermediates) if op.intermediates else None
            raw.operators.append(entry)
        for signature in graph.signatures:
            one = schema.SignatureDefT()
            one.signatureKey, one.subgraphIndex = _bytes(signature.key), number
            one.inputs, one.outputs = (
                [_entry(name, places[id(value)]) for name, value in side]
                for side in (signature.inputs, signature.outputs)
            )
            self._model.signatureDefs.append(one)
        return raw

    def metadata(self, name: str, data: np.ndarray) -> schema.MetadataT:
        entry = schema.MetadataT()
        entry.name, entry.buffer = _bytes(name), self._buffer(data)
        return entry

    def _tensor(self, value: Value) -> schema.TensorT:
        raw = schema.TensorT()
        for name, content in value.rest.items():
            setattr(raw, name, content)
        raw.hasRank = value.rest.get("hasRank", True)
        raw.name, raw.shape, raw.type = _bytes(value.name), np.array(value.shape, np.int32), TYPE_CODES[value.dtype]
        raw.buffer = 0 if value.content is None else self._buffer(value.content)
        raw.isVariable = value.is_variable
        if value.shape_signature is not None:
            raw.shapeSignature = np.array(value.shape_signature, np.int32)
        if (known := value.quantization) is not None:
            raw.quantization = made = schema.QuantizationParametersT()
            made.scale = known.scales if len(known.scales) else None
            made.zeroPoint = known.zero_points if len(known.zero_points) else None
            made.quantizedDimension, (made.detailsType, made.details) = known.axis, known.details
            if known.range is not None:
                made.min, made.max = (np.array([bound], np.float32) for bound in known.range)
        return raw

    def _op(self, op: Op) -> schema.OperatorT:
        raw = schema.OperatorT()
        for name, content in op.rest.items():
            setattr(raw, name, content)
        raw.opcodeIndex = self._code(op)
        raw.builtinOptions = op.options
        if op.options is not None:
            raw.builtinOptionsType = getattr(schema.BuiltinOptions, type(op.options).__name__.removesuffix("T"))
        return raw

    def _code(self, op: Op) -> int:
        key = (op.kind, op.version, op.is_custom)
        if key not in self._codes:
            self._codes[key] = len(self._model.operatorCodes)
            entry = schema.OperatorCodeT()
            kind = "CUSTOM" if op.is_custom else op.kind
            entry.builtinCode = OP_CODES[kind] if kind in OP_CODES else int(kind.removeprefix("BUILTIN_"))
            entry.customCode = _bytes(op.kind) if op.is_custom else None
            entry.deprecatedBuiltinCode, entry.version = min(entry.builtinCode, 127), op.version
            self._model.operatorCodes.append(entry)
        return self._codes[key]

    def _buffer(self, content: np.ndarray) -> int:
        if id(content) not in self._buffers:
            buffer = schema.BufferT()
            buffer.data = content
            self._buffers[id(content)] = len(self._model.buffers)
            self._kept.append(content)
            self._model.buffers.append(buffer)
        return self._buffers[id(content)]


def _entry(name: str, place: int) -> schema.TensorMapT:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = _bytes(name), place
    return entry


def _list(value: Any) -> Any:
    return [] if value is None else value


def _text(value: bytes | str | None) -> str:
    """Decode a name so that bytes that are no UTF-8 come back as they were."""
    return (value or b"").decode("utf-8", "surrogateescape") if not isinstance(value, str) else value


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")
