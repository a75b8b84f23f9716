"""Names, a manifest and other entries are written into a .tflite file; reshapes let a batch through.

In: a file, as bytes or as graphs. Out: one that differs in nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from tfcompress.litert.graph import EditableFile, Graph, Op, Value
from tfcompress.litert.manifest import KEY, encode
from tfcompress.litert.serialization import read_graph, write_graph


def sign(file: EditableFile, names: Mapping[str, str], manifest: dict[str, Any]) -> None:
    """Rename inputs and outputs in the signatures and store a manifest in place of one that is there.

    Args:
        file: Changed in place.
        names: New name by old name, for inputs and outputs of every signature.
        manifest: What to store; must be JSON.
    """
    for graph in file.graphs:
        for signature in graph.signatures:
            signature.inputs = [(names.get(name, name), value) for name, value in signature.inputs]
            signature.outputs = [(names.get(name, name), value) for name, value in signature.outputs]
    file.set_metadata(KEY, encode(manifest))


def rewrite(content: bytes, names: Mapping[str, str], manifest: dict[str, Any]) -> bytes:
    """Return the bytes of a file with other names and a manifest; see `sign`."""
    file = read_graph(content)
    sign(file, names, manifest)
    return write_graph(file)


def add_entry(content: bytes, name: str, data: bytes) -> bytes:
    """Store a metadata entry; one of that name is replaced."""
    file = read_graph(content)
    file.set_metadata(name, data)
    return write_graph(file)


def without_entry(content: bytes, name: str) -> bytes:
    """Take a metadata entry out; a file that has none of that name stays as it is, byte for byte."""
    file = read_graph(content)
    kept = [(key, data) for key, data in file.metadata if key != name]
    if len(kept) == len(file.metadata):
        return content
    file.metadata = kept
    return write_graph(file)


def open_batch(content: bytes) -> bytes:
    """Return the bytes of a file with reshapes that follow the batch; see `opened_batch`."""
    file = read_graph(content)
    with opened_batch(file) as changed:
        return write_graph(file) if changed else content


@contextmanager
def opened_batch(file: EditableFile) -> Iterator[bool]:
    """Let reshapes follow the batch while the block runs; yields whether there are such.

    A target shape that begins with 1 begins with -1 instead, and has no other -1. For one sample both mean the same;
    for a batch only the second does. Keras 3 writes the first.
    """
    contents: list[tuple[Value, np.ndarray | None]] = []
    options: list[tuple[Op, Any]] = []
    for values, ops, shape in [found for graph in file.graphs for found in _fixed_reshapes(graph)]:
        contents += [(value, value.content) for value in values]
        options += [(op, op.options) for op in ops]
        opened = np.frombuffer(np.array([-1, *shape[1:]], np.int32).tobytes(), np.uint8)
        for value in values:
            value.content = opened
        for op in ops:
            op.options = None
    try:
        yield bool(contents)
    finally:
        for value, content in contents:
            value.content = content
        for op, settings in options:
            op.options = settings


def _fixed_reshapes(graph: Graph) -> Iterator[tuple[list[Value], list[Op], tuple[int, ...]]]:
    """Yield constants that serve as target shapes alone and begin with 1, their ops, and the shape of the results."""
    sharing: dict[int, list[Value]] = {}
    for value in graph.values:
        if value.content is not None and len(value.content) % 4 == 0:
            sharing.setdefault(id(value.content), []).append(value)
    for values in sharing.values():
        ops = [op for value in values for op in value.readers]
        if not ops or any(op.kind != "RESHAPE" or not op.outputs for op in ops):
            continue
        wanted, results = values[0].content.view(np.int32), {op.outputs[0].shape for op in ops}
        shape = next(iter(results))
        if wanted[0] == 1 and len(results) == 1 and len(shape) == len(wanted):
            yield values, ops, shape
