"""Ops that compare or sort the integers of int16 values, by their kernels for int32, which every runtime has.

    GREATER(x16, y16)            →  GREATER(CAST(x16), CAST(y16))
    values, places = TOPK(x16)   →  values32, places = TOPK(CAST(x16));  values = CAST(values32)

As all the values have one scale, their integers are in the order of what they stand for. TFLM compares int16 wrongly.
"""

from __future__ import annotations

import numpy as np

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.serialization import TYPE_CODES, options


def widen_operands(graph: Graph, op: Op) -> None:
    """Let an op that reads int16 values read int32 copies of them, and its results become int16 again.

    Args:
        graph: A graph with ops in int16.
        op: One with a version `in_int32`; all that it reads and writes in int16 has one scale.
    """
    copies: dict[Value, Value] = {}
    for place, value in enumerate(op.inputs):
        if value is None or value.dtype != "int16":
            continue
        if value not in copies:
            copies[value] = copy = graph.new_like(value, value.name + "_int32", "int32")
            if value.is_constant:
                copy.data = value.data.astype(np.int32)
            else:
                graph.insert(cast(value, copy), op)
            copy.quantize("int32", value.scale)
        graph.set_input(op, place, copies[value])
    after = graph.ops.index(op) + 1
    for place, value in enumerate(op.outputs):
        if value.dtype == "int16":
            wide = graph.new_like(value, value.name + "_int32", "int32")
            wide.quantize("int32", value.scale)
            op.outputs[place], wide.producer = wide, op
            graph.insert(cast(wide, value), after)


def cast(value: Value, copy: Value) -> Op:
    """Return the op that makes one type of another."""
    types = {"inDataType": TYPE_CODES[value.dtype], "outDataType": TYPE_CODES[copy.dtype]}
    return Op("CAST", [value], [copy], options("Cast", **types), op_spec("CAST").int16_border)
