"""A file without what no runtime reads: how it was made, and what tensors inside are called.

In: the bytes of a file. Out: fewer bytes that compute the same.
"""

from __future__ import annotations

from tfcompress.litert.manifest import KEY
from tfcompress.litert.serialization import read_graph, write_graph

NOTES = {KEY, "CONVERSION_METADATA", "min_runtime_version"}
"""Entries that tell how a file was made; others, such as those of MediaPipe, are read by somebody."""


def bare(content: bytes) -> bytes:
    """Return a file without its manifest, TensorFlow's notes, and the names of tensors that are no input or output."""
    file = read_graph(content)
    file.metadata = [(name, data) for name, data in file.metadata if name not in NOTES]
    file.description = ""
    for graph in file.graphs:
        ends = {*graph.inputs, *graph.outputs}
        for value in graph.values:
            if value not in ends:
                value.name = ""
    return write_graph(file)
