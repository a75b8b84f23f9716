"""What training rounds twice is rounded twice: operands of an op with one scale for all, and what has casts already.

z = CONCATENATION(x, y)        →   z = CONCATENATION(MUL(x, 1), y)        x has another range than z
r = DEQUANTIZE(QUANTIZE(x))    →   r = MUL(x, 1)                          x has a range of its own
both, where x is not in int8   →   casts

Without them the quantizer gives x the range of z, or z that of x. Casts are to the quantizer a wish to have x in float.
"""

from __future__ import annotations

from collections.abc import Callable

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.read_fake_quant import INT8_CASTS, int8_grid
from tfcompress.litert.passes.requantize_narrow import requantized


def requantize_operands(graph: Graph, is_apart: Callable[[Op], bool]) -> None:
    """Requantize operands whose ranges differ from that of the result.

    Args:
        graph: A float graph with ranges.
        is_apart: Tells whether an op is not to be in int8.
    """
    _share_ranges(graph)

    def is_int8(value: Value) -> bool:
        return value.producer is None or not is_apart(value.producer)

    for op in [op for op in graph.ops if op.kind == "QUANTIZE" and op.inputs[0].range and is_int8(op.inputs[0])]:
        for back in list(op.outputs[0].readers):
            graph.bypass(back, requantized(graph, op.inputs[0], *back.outputs[0].range, back))
        graph.remove(op)
    made: dict[tuple[int, tuple[float, float]], Value] = {}
    for op in [op for op in graph.ops if _is_shared(op) and not is_apart(op)]:
        wanted = op.outputs[0].range
        for place, value in enumerate(op.inputs):
            if wanted is None or value is None or value.is_constant or value.range in (None, wanted):
                continue
            if (id(value), wanted) not in made:
                made[id(value), wanted] = (
                    requantized(graph, value, *wanted, op)
                    if is_int8(value)
                    else _insert_casts(graph, value, wanted, graph.ops.index(op))
                )
            graph.set_input(op, place, made[id(value), wanted])
    # Rounded here, what is given out leaves its name, which tells the layer, to the op.
    for value in [value for value in graph.outputs if value.range and not is_int8(value)]:
        graph.set_output(_insert_casts(graph, value, value.range, len(graph.ops)), instead_of=value)


def _insert_casts(graph: Graph, value: Value, bounds: tuple[float, float], place: int) -> Value:
    rounded = graph.new_like(value, f"{value.name}_requantized_{len(graph.values)}", "int8")
    scale, zero_point = int8_grid(bounds)
    rounded.quantize("int8", scale)
    rounded.quantization.zero_points[:] = zero_point
    result = graph.new_like(value, f"{rounded.name}_float")
    result.range = bounds
    graph.insert(Op("QUANTIZE", [value], [rounded], version=INT8_CASTS["QUANTIZE"]), place)
    graph.insert(Op("DEQUANTIZE", [rounded], [result], version=INT8_CASTS["DEQUANTIZE"]), place + 1)
    return result


def _share_ranges(graph: Graph) -> None:
    """Give values without a range that of the op with one scale that alone reads them, or that writes them."""
    for op in reversed(graph.ops):
        if _is_shared(op) and op.outputs[0].range is not None:
            for value in op.inputs:
                if value is not None and value.dtype == "float32" and _is_only_for(graph, value, op):
                    value.range = op.outputs[0].range
    for op in graph.ops:
        found = {value.range for value in op.inputs if value is not None and value.dtype == "float32"}
        if _is_shared(op) and op.outputs[0].range is None and len(found) == 1 and None not in found:
            for value in op.outputs:
                if value.dtype == "float32":
                    value.range = next(iter(found))


def _is_only_for(graph: Graph, value: Value, op: Op) -> bool:
    alone = set(value.readers) == {op} and value not in graph.outputs and value.producer is not None
    return alone and value.range is None and not value.is_constant


def _is_shared(op: Op) -> bool:
    return op_spec(op.kind).scale == "shared"
