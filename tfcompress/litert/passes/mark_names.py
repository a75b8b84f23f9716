"""Names that stay apart while another tool adds digits to them.

mul_1, mul_11    →   mul_1~7~, mul_11~8~    before TensorFlow's quantizer, which puts a digit behind the name of a copy
mul_1~7~1        →   mul_11 and as many _ as make it a name of its own     behind it
relu~5~;add~4~   →   relu                                                  of ops that are apart, which it has fused

Ranges, and what is in float or int16, are found by name: "mul_11" must not be a copy of "mul_1".
"""

from __future__ import annotations

import re
from collections.abc import Collection

from tfcompress.litert.graph import Graph

MARK = re.compile(r"~\d+~")


def mark_names(graph: Graph) -> None:
    """Put a mark behind the name of each value, behind which digits make no other name."""
    for place, value in enumerate(graph.values):
        value.name = f"{value.name}~{place}~"


def unmark_names(graph: Graph, apart: Collection[str] = ()) -> None:
    """Take the marks out; what has got digits behind its mark has no name that another value had before.

    Args:
        graph: What the other tool has made of a graph with marks.
        apart: The names, without marks, of what ops write that it had to leave in float.
    """
    copies = []
    taken: set[str] = set()
    for value in graph.values:
        if MARK.search(value.name) and not value.name.endswith("~"):
            copies.append(value)
            continue
        first, *rest = MARK.split(value.name)
        value.name = first if len(rest) > 1 and first in apart else MARK.sub("", value.name)
        taken.add(value.name)
    for value in copies:
        value.name = MARK.sub("", value.name)
        while value.name in taken:
            value.name += "_"
        taken.add(value.name)
