"""Which graphs of a file an op runs: the bodies of loops and branches, and what else is a graph of its own.

In: an op, as the flatbuffer has it or as an `OperatorT`. Out: numbers of graphs.
Source of the format: the TFLite schema, https://ai.google.dev/edge/litert (schema.fbs).
"""

from __future__ import annotations

from collections.abc import Callable

from ai_edge_litert import schema_py_generated as schema

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


def calls_of(op: schema.OperatorT) -> tuple[int, ...]:
    """Return the graphs that an op runs."""
    found: list[int] = []
    for options in (op.builtinOptions, op.builtinOptions2):
        name = type(options).__name__.removesuffix("T")
        found += [getattr(options, _attribute(field)) for field in FIELDS.get(name, ())]
        if name == BRANCHES and options.branchSubgraphIndices is not None:
            found += map(int, options.branchSubgraphIndices)
    return tuple(found)


def calls_as_packed(op: schema.Operator) -> tuple[int, ...]:
    """Return the graphs that an op of a flatbuffer runs, before anything of it is unpacked."""
    for union, kind, held in (
        (schema.BuiltinOptions, op.BuiltinOptionsType(), op.BuiltinOptions()),
        (schema.BuiltinOptions2, op.BuiltinOptions2Type(), op.BuiltinOptions2()),
    ):
        for name in (*FIELDS, BRANCHES):
            if held is not None and kind and kind == getattr(union, name, None):
                options = getattr(schema, name)()
                options.Init(held.Bytes, held.Pos)
                if name == BRANCHES:
                    return tuple(options.BranchSubgraphIndices(i) for i in range(options.BranchSubgraphIndicesLength()))
                return tuple(getattr(options, field)() for field in FIELDS[name])
    return ()


def renumber_calls(op: schema.OperatorT, number: Callable[[int], int]) -> None:
    """Change which graphs an op runs.

    Args:
        op: The op.
        number: Returns the new number of a graph.
    """
    for options in (op.builtinOptions, op.builtinOptions2):
        name = type(options).__name__.removesuffix("T")
        for field in FIELDS.get(name, ()):
            setattr(options, _attribute(field), number(getattr(options, _attribute(field))))
        if name == BRANCHES and options.branchSubgraphIndices is not None:
            options.branchSubgraphIndices = [number(int(index)) for index in options.branchSubgraphIndices]


def _attribute(field: str) -> str:
    return field[0].lower() + field[1:]
