"""Names and a manifest are written into a .tflite file.

In: the bytes of a file, the names of its signature, a manifest. Out: bytes that differ in nothing else.
Source of the format: the TFLite schema, https://ai.google.dev/edge/litert (schema.fbs), metadata and signature_defs.
Knows nothing of where names and manifest come from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.flatbuffer.manifest import KEY, encode
from tfcompress.flatbuffer.packing import pack, unpack


def rewrite(content: bytes, names: dict[str, str], manifest: dict[str, Any]) -> bytes:
    """Rename inputs and outputs in the signatures and store a manifest in place of one that is there.

    Args:
        content: A .tflite file.
        names: New name by old name, for inputs and outputs of every signature.
        manifest: What to store; must be JSON.
    """
    model = unpack(content)
    renamed = {old.encode(): new for old, new in names.items()}
    for signature in model.signatureDefs or []:
        for entry in [*(signature.inputs or []), *(signature.outputs or [])]:
            entry.name = renamed.get(entry.name, entry.name)
    _store(model, KEY, encode(manifest))
    return pack(model)


def add_entry(content: bytes, name: str, data: bytes) -> bytes:
    """Store a metadata entry; one of that name is replaced."""
    model = unpack(content)
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


def open_batch(content: bytes) -> bytes:
    """Let reshapes follow the batch: a target shape that begins with 1 begins with -1 instead, and has no other -1.

    For one sample both mean the same; for a batch only the second does. Keras 3 writes the first.
    """
    model = unpack(content)
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


def _listed(numbers: Any) -> Any:
    """Return a vector of a file, or none of it where the file leaves it out."""
    return [] if numbers is None else numbers
