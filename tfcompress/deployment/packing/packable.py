"""Which constants of a file may be packed: integers that kernels read while they run, and not before.

In: a file. Out: its packable constants; ops say which of their inputs those are (`op_spec(…).unpacked`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tfcompress.litert.constants import unpacked
from tfcompress.litert.decode.encoding import Layout, layout_of
from tfcompress.litert.graph import EditableFile, Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.insert_decode import unpacked_like

TYPES = {"int8", "int16", "int4"}


@dataclass(frozen=True, eq=False)
class Packable:
    """One constant: tensors that share its bytes, in any graphs, are packed together or not at all."""

    values: tuple[Value, ...]
    numbers: np.ndarray
    layout: Layout

    @property
    def size(self) -> int:
        """Bytes as they are now."""
        return len(self.values[0].content)

    @property
    def unpacked_size(self) -> int:
        """Bytes in the arena."""
        return self.numbers.nbytes

    @property
    def readers(self) -> list[Op]:
        """The ops that read it, each with a DECODE of its own."""
        return [*dict.fromkeys(op for value in self.values for op in value.readers)]


def packables(file: EditableFile) -> list[Packable]:
    """Return the constants of a file that may be packed, in its order."""
    sharing: dict[int, list[tuple[Graph, Value]]] = {}
    for graph in file.graphs:
        for value in graph.values:
            if value.content is not None:
                sharing.setdefault(id(value.content), []).append((graph, value))
    return [found for users in sharing.values() if (found := _packable(users)) is not None]


def float_weights(file: EditableFile) -> list[Value]:
    """Return the constants of floats that would be packed if they were integers, those of 16 bits among them."""
    return [
        value
        for graph in file.graphs
        for value in graph.values
        if value.content is not None and value.dtype.startswith("float")
        if any(_places(value)) or any(op.kind == "DEQUANTIZE" for op in value.readers)
    ]


def _packable(users: list[tuple[Graph, Value]]) -> Packable | None:
    if not all(_may_be_unpacked(graph, value) for graph, value in users):
        return None
    first = users[0][1]
    try:
        layouts = {layout_of(unpacked_like(value)) for _, value in users}
    except ValueError:
        return None
    if len(layouts) > 1 or {value.dtype for _, value in users} != {first.dtype}:
        return None
    count = math.prod(first.shape)
    numbers = unpacked(np.frombuffer(first.content.tobytes(), np.uint8), first.dtype)[:count]
    return Packable(tuple(value for _, value in users), numbers, layouts.pop()) if len(numbers) == count else None


def _may_be_unpacked(graph: Graph, value: Value) -> bool:
    given = {*graph.inputs, *graph.outputs, *(one for each in graph.signatures for _, one in each.outputs)}
    plain = value.dtype in TYPES and not value.is_variable and value.rest.get("sparsity") is None
    return plain and value not in given and bool(value.readers) and all(_places(value))


def _places(value: Value) -> Iterator[bool]:
    """Tell for each input that a constant is whether a DECODE may make it."""
    for op in dict.fromkeys(value.readers):
        allowed = () if op.is_custom else op_spec(op.kind).unpacked
        yield from (place in allowed for place, one in enumerate(op.inputs) if one is value)
