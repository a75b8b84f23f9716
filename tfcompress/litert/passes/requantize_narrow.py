"""What a wide result takes in that is narrow is requantized at the border, so that others still read its fine steps.

    CONCATENATION(x, y)   x from -1 to 1, the rest from -500 to 500  →  CONCATENATION(MUL(x, 1), y)
    SELECT_V2(c, x, y)    alike

As the quantizer gives an op that copies integers one scale, x would have that of y wherever it is read. The product has
a range of its own, and the quantizer leaves it; why it does not become a QUANTIZE, tells `requantize_by_product`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.serialization import options

MAX_RATIO = {"parts": 8.0, "choices": 2.0}
"""How many times as wide as an input a result may be before the input keeps its own scale. Rounding once more costs
half a bit: for parts side by side it has to bring several; of what is chosen most may be of the narrow input."""

MAX_RATIO_ALONE = 100.0
"""The same where nothing else reads the input: it may as well have the wide scale, as long as a kernel can go from its
sums to that."""

MARK = "/requantized_"
"""What the names of copies in a wider range end with, and a number."""


def requantize_narrow(graph: Graph, is_apart: Callable[[Op], bool]) -> None:
    """Put a product with 1, in the range of the result, before inputs that are much narrower.

    Args:
        graph: A float graph with ranges, before those of one scale are tied.
        is_apart: Tells whether an op is not to be in int8.
    """
    for op in list(graph.ops):
        joins = op_spec(op.kind).joins
        if joins is None or is_apart(op) or op.outputs[0].range is None:
            continue
        ranged = [value for value in op.inputs if value is not None and value.range is not None]
        low = min([op.outputs[0].range[0], *(value.range[0] for value in ranged)])
        high = max([op.outputs[0].range[1], *(value.range[1] for value in ranged)])
        for place, value in enumerate(op.inputs):
            if value is None or value.is_constant or value.range is None or value.dtype != "float32":
                continue
            span = value.range[1] - value.range[0]
            others = len(value.readers) > 1 or value in graph.outputs
            enough = MAX_RATIO[joins] if others else MAX_RATIO_ALONE
            if span * enough >= high - low:
                continue
            graph.set_input(op, place, requantized(graph, value, low, high, op))


def requantized(graph: Graph, value: Value, low: float, high: float, reader: Op) -> Value:
    """Return a value times 1 in another range.

    Args:
        graph: A float graph with ranges.
        value: What is requantized.
        low: Where its new range begins.
        high: Where it ends.
        reader: The op before which it is done.
    """
    copy = graph.new_like(value, f"{value.name}{MARK}{len(graph.ops)}")
    copy.range = (low, high)
    number = sum(MARK in op.name for op in graph.ops) + 1
    factor = graph.constant(1 + number * EPSILON, "float32")  # one of its own: alike products would become one
    graph.insert(Op("MUL", [value, factor], [copy], options("Mul")), reader)
    return copy


SHIELDED = "/as_it_is_"
"""What the names of copies end with that keep the quantizer from tying scales, and a number."""

EPSILON = float(np.finfo(np.float32).eps)
NEARLY_ONE = 1 + EPSILON
"""A factor that no compiler folds."""


def shield_scales(graph: Graph, is_apart: Callable[[Op], bool]) -> dict[str, Op]:
    """Put a product between ops in int8 and ops that join them and are apart; return the reader by the product's name.

    The quantizer gives what a concatenation reads one scale, also where the concatenation is not in int8.

    Args:
        graph: A float graph with ranges.
        is_apart: Tells whether an op is not to be in int8.
    """
    made = {}
    for op in [op for op in graph.ops if op_spec(op.kind).joins and is_apart(op)]:
        for place, value in enumerate(op.inputs):
            if value is None or value.is_constant or value.range is None or value.dtype != "float32":
                continue
            if value.producer is not None and is_apart(value.producer):
                continue
            copy = graph.new_like(value, f"{value.name}{SHIELDED}{len(graph.ops)}")
            copy.range = value.range
            product = Op("MUL", [value, graph.constant(NEARLY_ONE, "float32")], [copy], options("Mul"))
            graph.insert(product, op)
            graph.set_input(op, place, copy)
            made[copy.name] = op
    return made


def drop_shields(graph: Graph) -> None:
    """Take out the products that `shield_scales` has put in.

    Args:
        graph: The graph as the quantizer gives it back.
    """
    for op in [op for op in graph.ops if op.kind == "MUL" and SHIELDED in op.name]:
        source, copy = next((value for value in op.inputs if not value.is_constant), None), op.outputs[0]
        if source is None or source.dtype != copy.dtype:
            continue
        graph.read_instead(copy, source)
        if copy not in graph.outputs:
            graph.remove(op)
