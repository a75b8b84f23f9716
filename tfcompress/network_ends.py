"""The first and the last nodes with weights in a graph, whatever its nodes are: they lose most in few bits.

In: nodes in the order of execution, and what each reads and writes. Out: those before which, or behind which, no other
one has weights. What they hold is told where it is much.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from tfcompress.console import say

Node = TypeVar("Node")
Tensors = Callable[[Node], Iterable[Hashable]]

MUCH, LISTED = 0.25, 0.05
"""The parts of all weights from which on layers that keep 8 bits by rule are told at all, and one by one."""


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


def tell_kept(kept: Mapping[str, int], whole: int) -> None:
    """Say which layers keep weights of 8 bits by rule, where that is much of what four bits were to halve.

    Args:
        kept: Their weights, by layer.
        whole: All weights.
    """
    if sum(kept.values()) < MUCH * whole:
        return
    largest = sorted(kept.items(), key=lambda item: -item[1])
    rows = [f"{layer} with {count / whole:.0%} of all weights" for layer, count in largest if count >= LISTED * whole]
    say(
        f"8 bits stay in {', '.join(rows) or f'{len(kept)} layers'}, as in first, last and depthwise layers unless "
        "keep_int8=[…] names which do ([] for none), or flash= of convert chooses"
    )
