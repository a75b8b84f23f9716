"""Names and a manifest are written into a .tflite file.

In: the bytes of a file, the names of its signature, a manifest. Out: bytes that differ in nothing else.
Source of the format: the TFLite schema, https://ai.google.dev/edge/litert (schema.fbs), metadata and signature_defs.
Knows nothing of where names and manifest come from.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.flatbuffer.model import MANIFEST_KEY

ALIGNMENT = 16  # the schema's force_align for constant data; the generated Python writer ignores it


def rewrite(content: bytes, names: dict[str, str], manifest: dict[str, Any]) -> bytes:
    """Rename inputs and outputs in the signatures and store a manifest.

    Args:
        content: A .tflite file.
        names: New name by old name, for inputs and outputs of every signature.
        manifest: What to store; must be JSON.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for signature in model.signatureDefs or []:
        for entry in [*(signature.inputs or []), *(signature.outputs or [])]:
            entry.name = names.get(entry.name.decode(), entry.name.decode())
    # Deflated, as it takes room in flash like everything else in the file.
    _store(model, MANIFEST_KEY, zlib.compress(json.dumps(manifest, sort_keys=True).encode(), 9))
    return pack(model)


def add_entry(content: bytes, name: str, data: bytes) -> bytes:
    """Store a metadata entry; one of that name is replaced."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    model.metadata = [entry for entry in model.metadata or [] if entry.name != name.encode()]
    _store(model, name, data)
    return pack(model)


def _store(model: schema.ModelT, name: str, data: bytes) -> None:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(data, np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]


def open_batch(content: bytes) -> bytes:
    """Let reshapes follow the batch: a target shape that begins with 1 begins with -1 instead.

    For one sample both mean the same; for a batch only the second does. Keras 3 writes the first.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    changed = False
    for graph in model.subgraphs:
        users: dict[int, list[schema.OperatorT]] = {}
        for op in graph.operators or []:
            for index in op.inputs if op.inputs is not None else []:
                users.setdefault(graph.tensors[index].buffer if index >= 0 else 0, []).append(op)
        for number, ops in users.items():
            data = model.buffers[number].data
            reshapes = all(
                model.operatorCodes[op.opcodeIndex].builtinCode == schema.BuiltinOperator.RESHAPE for op in ops
            )
            if number == 0 or not reshapes or data is None or len(data) % 4 or not len(data):
                continue
            shape = np.frombuffer(np.asarray(data, np.uint8).tobytes(), np.int32).copy()
            if shape[0] == 1 and (shape > 0).all():
                shape[0] = -1
                model.buffers[number].data = np.frombuffer(shape.tobytes(), np.uint8)
                for op in ops:
                    op.builtinOptions = None
                    op.builtinOptionsType = schema.BuiltinOptions.NONE
                changed = True
    return pack(model) if changed else content


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
    written = {index for op in graph.operators for index in op.outputs}
    read = dict.fromkeys(i for op in graph.operators for i in (op.inputs if op.inputs is not None else []) if i >= 0)
    if first is not None:
        graph.inputs = [index for index in read if index not in written and not _is_held(model, graph.tensors[index])]
    graph.outputs = [index for index in graph.operators[-1].outputs if index >= 0]
    for signature in model.signatureDefs or []:
        if signature.subgraphIndex == 0:
            signature.outputs = [_named(index) for index in graph.outputs]
            signature.inputs = signature.inputs if first is None else [_named(index) for index in graph.inputs]
    return pack(model)


def _is_held(model: schema.ModelT, tensor: schema.TensorT) -> bool:
    """Tell whether a tensor is no activation: a constant, or the state of a recurrent layer."""
    data = model.buffers[tensor.buffer].data
    return tensor.isVariable or (data is not None and len(data) > 0)


def _named(index: int) -> schema.TensorMapT:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = f"tensor_{index}", index
    return entry


def pack(model: schema.ModelT) -> bytes:
    """Serialise a model with its constant data aligned, as microcontrollers and vector code need it."""
    for buffer in model.buffers:
        buffer.__class__ = _AlignedBuffer
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


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
