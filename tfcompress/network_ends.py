"""The first and the last nodes with weights in a graph, whatever its nodes are: they lose most in few bits.

In: nodes in the order of execution, and what each reads and writes. Out: those before which, or behind which, no other
one has weights.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

Node = TypeVar("Node")
Tensors = Callable[[Node], Iterable[Hashable]]


def first_and_last(
    nodes: Sequence[Node], has_weights: Callable[[Node], bool], reads: Tensors[Node], writes: Tensors[Node]
) -> list[Node]:
    """Return the nodes with weights at both ends of a graph.

    Args:
        nodes: In the order of execution.
        has_weights: Whether a node counts.
        reads: The tensors that a node reads, constants left out.
        writes: The tensors that it writes.
    """
    return [*_first(nodes, has_weights, reads, writes), *_first(nodes[::-1], has_weights, writes, reads)]


def _first(
    nodes: Sequence[Node], has_weights: Callable[[Node], bool], reads: Tensors[Node], writes: Tensors[Node]
) -> list[Node]:
    """Return the nodes with weights that, in this order and direction, none comes before."""
    behind: set[Hashable] = set()
    found = []
    for node in nodes:
        is_behind = not behind.isdisjoint(reads(node))
        if has_weights(node) and not is_behind:
            found.append(node)
        if is_behind or has_weights(node):
            behind.update(writes(node))
    return found
