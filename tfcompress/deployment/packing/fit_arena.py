"""Which constants stay as they are so that TFLM runs the packed file within an arena.

What is unpacked lies in the arena beside the activations of the op that reads it. A constant whose op has most beside
it stays plain first; how many must is found by halves, by running TFLM.

In: packable constants of a file and a limit. Out: those to pack.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tfcompress.deployment.packing.packable import Packable
from tfcompress.errors import SettingError
from tfcompress.litert.graph import EditableFile, Graph, Op, Value


def fit_arena(
    file: EditableFile,
    constants: Sequence[Packable],
    limit: int,
    packs: Callable[[list[Packable]], bool],
    arena_of: Callable[[list[Packable]], int],
    plain: int,
) -> list[Packable]:
    """Return as many constants as can be packed.

    Args:
        file: The plain file.
        constants: Those that may be packed; at least one.
        limit: Bytes of arena.
        packs: Tells whether one of these gets smaller without the others, which may have a table in common.
        arena_of: Measures the file in which these are packed.
        plain: Bytes of arena of the plain file.

    Raises:
        SettingError: with a single one packed TFLM needs more; the error says the least.
    """
    live = {op: size for graph in file.graphs for op, size in _live_bytes(graph).items()}
    order = sorted(constants, key=lambda one: max(live[op] for op in one.readers) + one.unpacked_size)
    if arena_of(order) <= limit:
        return order
    first = next(count for count in range(1, len(order) + 1) if packs(order[:count]))
    low, high = first - 1, len(order)  # so many of the first fit, and so many do not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if arena_of(order[:middle]) <= limit else (low, middle)
    if low < first:
        least = arena_of(order[:first])
        raise SettingError(
            f"arena must be at least {least:,} bytes: that much TFLM needs as soon as a constant is packed.",
            received=f"{limit:,}",
            hint=f"The plain file needs {plain:,}. Give more, or leave the limit out.",
        )
    return order[:low]


def _live_bytes(graph: Graph) -> dict[Op, int]:
    """Return the bytes of the activations that are there while each op runs."""
    places = {op: place for place, op in enumerate(graph.ops)}
    sums = np.zeros(len(graph.ops) + 1, np.int64)
    for value in graph.values:
        if value.content is None and not value.is_variable:
            first = 0 if value.producer is None else places[value.producer]
            last = (
                len(graph.ops) if value in graph.outputs else max((places[op] for op in value.readers), default=first)
            )
            sums[first : last + 1] += _bytes(value)
    return {op: int(sums[place]) for op, place in places.items()}


def _bytes(value: Value) -> int:
    try:
        width = np.dtype(value.dtype).itemsize
    except TypeError:
        width = 1
    return math.prod(max(1, size) for size in value.shape) * width
