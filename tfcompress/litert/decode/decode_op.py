"""The DECODE ops of a file: what comes out of them, and whether TFLM stays within what it is given.

In: graphs. Out: the constants that were packed, or a `FileError`: TFLM believes streams and tables.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfcompress.errors import FileError
from tfcompress.litert.decode import huffman, lookup_table, pruning_mask
from tfcompress.litert.decode.encoding import DECODE, HEADER, VERSION, layout_of
from tfcompress.litert.graph import EditableFile, Graph, Op, Value

METHODS = {module.CODE: module for module in (lookup_table, huffman, pruning_mask)}


def decode_ops(file: EditableFile) -> list[tuple[Graph, Op]]:
    """Return the DECODE ops of a file, each with its graph."""
    return [(graph, op) for graph in file.graphs for op in graph.ops if op.is_custom and op.kind == DECODE]


def pairs(op: Op) -> Iterator[tuple[Value, Value, Value]]:
    """Yield stream, table and result of each constant that a DECODE op unpacks."""
    yield from zip(op.inputs[::2], op.inputs[1::2], op.outputs, strict=True)


def decoded(value: Value) -> np.ndarray | None:
    """Return the numbers of a value that a DECODE op writes, in its shape; None for all others."""
    if value.producer is None or not value.producer.is_custom or value.producer.kind != DECODE:
        return None
    stream, table = next((stream, table) for stream, table, result in pairs(value.producer) if result is value)
    return _decode(stream, table, value).reshape(value.shape)


def method_of(table: Value) -> str:
    """Return by which method a constant with this table is packed."""
    return METHODS[int(table.content[0])].METHOD


def require_decodable(file: EditableFile) -> None:
    """Refuse DECODE ops in which TFLM would read behind a stream or a table, or find no end.

    Raises:
        FileError: there is one.
    """
    known = set()
    for graph, op in decode_ops(file):
        try:
            if not op.outputs or len(op.inputs) != 2 * len(op.outputs):
                raise ValueError(f"{len(op.inputs)} inputs and {len(op.outputs)} outputs")
            for stream, table, result in pairs(op):
                if result.is_constant or result.is_variable or result in graph.inputs:
                    raise ValueError("a result that is there already")
                if any(each is None or each.content is None or each.is_variable for each in (stream, table)):
                    raise ValueError("a stream or table that is no constant")
                layout = layout_of(result)
                key = (id(stream.content), id(table.content), layout)
                if key not in known:
                    _decode(stream, table, result)
                    known.add(key)
        except ValueError as error:
            raise FileError(
                "A whole .tflite file is needed.",
                received=f"a file with packed weights that cannot be unpacked: {error}",
                hint="The file is damaged: pack or copy it again.",
            ) from error


def _decode(stream: Value, table: Value, result: Value) -> np.ndarray:
    head = table.content
    if len(head) < HEADER or int(head[1]) != VERSION or int(head[4]) != VERSION or int(head[0]) not in METHODS:
        raise ValueError(f"the header {head[:HEADER].tobytes().hex()}")
    return METHODS[int(head[0])].decode(stream.content, head, layout_of(result))
