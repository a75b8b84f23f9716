"""Which graphs of a file an op runs: the bodies of loops and branches, and what else is a graph of its own.

In: an op of a graph. Out: numbers of graphs.
Source of the format: the TFLite schema, https://ai.google.dev/edge/litert (schema.fbs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tfcompress.litert.graph import Op

FIELDS: dict[str, tuple[str, ...]] = {
    "CallOptions": ("Subgraph",),
    "CallOnceOptions": ("InitSubgraphIndex",),
    "IfOptions": ("ThenSubgraphIndex", "ElseSubgraphIndex"),
    "WhileOptions": ("CondSubgraphIndex", "BodySubgraphIndex"),
    "StablehloReduceOptions": ("BodySubgraphIndex",),
    "StablehloReduceWindowOptions": ("BodySubgraphIndex",),
    "StablehloScatterOptions": ("UpdateComputationSubgraphIndex",),
    "StablehloSortOptions": ("ComparatorSubgraphIndex",),
    "StablehloWhileOptions": ("CondSubgraphIndex", "BodySubgraphIndex"),
    "StableHLOCompositeOptions": ("DecompositionSubgraphIndex",),
}
"""Where the options of an op name graphs, in the spelling of the generated reader."""

BRANCHES = "StablehloCaseOptions"
"""The one kind of options with any number of graphs."""


def calls_of(op: Op) -> tuple[int, ...]:
    """Return the graphs that an op runs."""
    found: list[int] = []
    for options, name in _options(op):
        found += [getattr(options, _attribute(field)) for field in FIELDS.get(name, ())]
        if name == BRANCHES and options.branchSubgraphIndices is not None:
            found += map(int, options.branchSubgraphIndices)
    return tuple(found)


def renumber_calls(op: Op, number: Callable[[int], int]) -> None:
    """Change which graphs an op runs.

    Args:
        op: The op.
        number: Returns the new number of a graph.
    """
    for options, name in _options(op):
        for field in FIELDS.get(name, ()):
            setattr(options, _attribute(field), number(getattr(options, _attribute(field))))
        if name == BRANCHES and options.branchSubgraphIndices is not None:
            options.branchSubgraphIndices = [number(int(index)) for index in options.branchSubgraphIndices]


def _options(op: Op) -> Iterator[tuple[Any, str]]:
    for options in (op.options, op.rest.get("builtinOptions2")):
        yield options, type(options).__name__.removesuffix("T")


def _attribute(field: str) -> str:
    return field[0].lower() + field[1:]
