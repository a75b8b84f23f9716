"""Names and a manifest are written into a .tflite file.

In: the bytes of a file, the names of its signature, a manifest. Out: bytes that differ in nothing else.
Source of the format: the TFLite schema, https://ai.google.dev/edge/litert (schema.fbs), metadata and signature_defs.
Knows nothing of where names and manifest come from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.flatbuffer.manifest import KEY, encode

ALIGNMENT = 16  # the schema's force_align for constant data; the generated Python writer ignores it


def rewrite(content: bytes, names: dict[str, str], manifest: dict[str, Any]) -> bytes:
    """Rename inputs and outputs in the signatures and store a manifest in place of one that is there.

    Args:
        content: A .tflite file.
        names: New name by old name, for inputs and outputs of every signature.
        manifest: What to store; must be JSON.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for signature in model.signatureDefs or []:
        for entry in [*(signature.inputs or []), *(signature.outputs or [])]:
            entry.name = names.get(entry.name.decode(), entry.name.decode())
    _store(model, KEY, encode(manifest))
    return pack(model)


def add_entry(content: bytes, name: str, data: bytes) -> bytes:
    """Store a metadata entry; one of that name is replaced."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    _store(model, name, data)
    return pack(model)


def _store(model: schema.ModelT, name: str, data: bytes) -> None:
    others = []
    for other in model.metadata or []:
        if other.name == name.encode():
            model.buffers[other.buffer].data = None
        else:
            others.append(other)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(data, np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, len(model.buffers) - 1
    model.metadata = [*others, entry]


def name_outputs(content: bytes, names: dict[str, str]) -> bytes:
    """Rename the tensors that are outputs; the converter calls them StatefulPartitionedCall.

    Args:
        content: A .tflite file.
        names: Name of the tensor by name of the output in the signature; a tensor that is an input keeps its name.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    for signature in model.signatureDefs or []:
        for entry in signature.outputs or []:
            name = names.get(entry.name.decode())
            if name and entry.tensorIndex not in graph.inputs:
                graph.tensors[entry.tensorIndex].name = name
    return pack(model)


def open_batch(content: bytes) -> bytes:
    """Let reshapes follow the batch: a target shape that begins with 1 begins with -1 instead, and has no other -1.

    For one sample both mean the same; for a batch only the second does. Keras 3 writes the first.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    changed = False
    for graph in model.subgraphs:
        users: dict[int, list[schema.OperatorT]] = {}
        for op in graph.operators or []:
            for index in _listed(op.inputs):
                users.setdefault(graph.tensors[index].buffer if index >= 0 else 0, []).append(op)
        for number, ops in users.items():
            data = model.buffers[number].data
            reshapes = all(
                model.operatorCodes[op.opcodeIndex].builtinCode == schema.BuiltinOperator.RESHAPE for op in ops
            )
            if number == 0 or not reshapes or data is None or len(data) % 4 or not len(data):
                continue
            shape = np.frombuffer(np.asarray(data, np.uint8).tobytes(), np.int32).copy()
            results = {
                tuple(map(int, _listed(graph.tensors[index].shape))) for op in ops for index in _listed(op.outputs)[:1]
            }
            if shape[0] == 1 and {len(result) for result in results} == {len(shape)} and len(results) == 1:
                shape[:] = next(iter(results))
                shape[0] = -1
                model.buffers[number].data = np.frombuffer(shape.tobytes(), np.uint8)
                for op in ops:
                    op.builtinOptions = None
                    op.builtinOptionsType = schema.BuiltinOptions.NONE
                changed = True
    return pack(model) if changed else content


def drop_unused(model: schema.ModelT) -> None:
    """Take tensors out of the main graph that nothing reads or makes, and empty the data that only they had."""
    graph = model.subgraphs[0]
    ends = [entry for one in model.signatureDefs or [] for entry in (*(one.inputs or []), *(one.outputs or []))]
    lists = [(op, name) for op in graph.operators for name in ("inputs", "outputs", "intermediates")]
    lists += [(graph, "inputs"), (graph, "outputs")]
    used = {int(i) for owner, name in lists if (found := getattr(owner, name)) is not None for i in found if i >= 0}
    used |= {entry.tensorIndex for entry in ends}
    order = sorted(used)
    place = {old: new for new, old in enumerate(order)} | {-1: -1}
    for owner, name in lists:
        if getattr(owner, name) is not None:
            setattr(owner, name, np.array([place[int(index)] for index in getattr(owner, name)], np.int32))
    for entry in ends:
        entry.tensorIndex = place[entry.tensorIndex]
    graph.tensors = [graph.tensors[index] for index in order]
    kept = {tensor.buffer for one in model.subgraphs for tensor in one.tensors}
    kept |= {entry.buffer for entry in model.metadata or []}
    for number, buffer in enumerate(model.buffers):
        if number not in kept:
            buffer.data = None


def keep_ops(content: bytes, first: int | None, last: int) -> bytes:
    """Cut some ops out of a file, to a file that runs alone.

    Args:
        content: A .tflite file.
        first: The first op of the first subgraph to keep; the activations that the ops read become the inputs. None:
            all from the beginning, with the inputs of the file.
        last: The op after the last one to keep, whose results become the outputs.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    graph.operators = graph.operators[first:last]
    written = {index for op in graph.operators for index in _listed(op.outputs)}
    read = dict.fromkeys(index for op in graph.operators for index in _listed(op.inputs) if index >= 0)
    if first is not None:
        graph.inputs = [index for index in read if index not in written and not _is_held(model, graph.tensors[index])]
    graph.outputs = [index for index in _listed(graph.operators[-1].outputs) if index >= 0]
    for signature in model.signatureDefs or []:
        if signature.subgraphIndex == 0:
            signature.outputs = [_named(index) for index in graph.outputs]
            signature.inputs = signature.inputs if first is None else [_named(index) for index in graph.inputs]
    return pack(model)


def _listed(numbers: Any) -> Any:
    """Return a vector of a file, or none of it where the file leaves it out."""
    return [] if numbers is None else numbers


def _is_held(model: schema.ModelT, tensor: schema.TensorT) -> bool:
    """Tell whether a tensor is no activation: a constant, or the state of a recurrent layer."""
    data = model.buffers[tensor.buffer].data
    return tensor.isVariable or (data is not None and len(data) > 0)


def _named(index: int) -> schema.TensorMapT:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = f"tensor_{index}", index
    return entry


def pack(model: schema.ModelT) -> bytes:
    """Serialise a model with its constant data aligned, as microcontrollers and vector code need it.

    Vectors of one content have one place: to change a file, change a `ModelT` of it, not bytes.
    """
    for buffer in model.buffers:
        buffer.__class__ = _AlignedBuffer
    builder = _SharingBuilder(most=sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):
    """Writes vectors and strings that are alike once: zero points of channels are 8 bytes each, and all are 0.

    Args:
        most: Bytes to save at most; `bounds` takes a file that unfolds to far more than it is for a hostile one.
    """

    def __init__(self, most: int) -> None:
        super().__init__(1024)
        self._left = most
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802, the base class's name
        return self._shared((x.dtype.str, x.tobytes()), lambda: super(_SharingBuilder, self).CreateNumpyVector(x))

    def CreateString(self, s: str | bytes, encoding: str = "utf-8", errors: str = "strict") -> int:  # noqa: N802
        content = s.encode(encoding, errors) if isinstance(s, str) else bytes(s)
        return self._shared(("string", content), lambda: super(_SharingBuilder, self).CreateString(content))

    def _shared(self, key: tuple[str, bytes], write: Callable[[], int]) -> int:
        known = key in self._written and self._left >= len(key[1])
        if known:
            self._left -= len(key[1])
        else:
            self._written[key] = write()
        return self._written[key]


class _AlignedBuffer(schema.BufferT):
    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802, the generated code's name
        data = None
        if self.data is not None and len(self.data):
            content = np.asarray(self.data, np.uint8).tobytes()
            builder.StartVector(1, len(content), ALIGNMENT)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            data = builder.EndVector()
        schema.BufferStart(builder)
        if data is not None:
            schema.BufferAddData(builder, data)
        if self.offset:
            schema.BufferAddOffset(builder, self.offset)
        if self.size:
            schema.BufferAddSize(builder, self.size)
        return schema.BufferEnd(builder)
