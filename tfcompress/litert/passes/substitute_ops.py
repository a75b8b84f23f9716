"""Float ops that have no integer kernel, or a poor one, become float ops that have a good one and compute the same.

SQUARE(x)                 → MUL(x, x)
NEG(x)                    → MUL(x, -1)
RELU(x), RELU6(x)         → MUL(x, 1) with the activation fused       int8 alone
ADD_N(x, y, …)            → ADD(ADD(x, y), …)
SUM(x)                    → MUL(MEAN(x), count)
REVERSE_V2(x)             → GATHER(x, [n - 1, …, 0])
AVERAGE_POOL_2D(x)        → MEAN(x)                                   where it takes the whole image
CAST(x) of a bool          → SELECT_V2(x, 1, 0)
SPLIT(x), UNPACK(x)       → STRIDED_SLICE(x), one for each result     where the op is in float or int16
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.serialization import options

Rule = Callable[[Graph, Op], "list[Op] | None"]
"""Returns what takes the place of an op; None leaves it."""

FUSED_ACTIVATION = {"RELU": 1, "RELU6": 3}
"""The schema's numbers of activations that other ops can have fused."""


def substitute_ops(
    graph: Graph,
    is_apart: Callable[[Op], bool] = lambda _: False,
    is_kept: Callable[[Op], bool] = lambda _: False,
    *,
    fuse_relu: bool = True,
) -> None:
    """Replace ops of a graph whose results are in float.

    Args:
        graph: A float graph, before calibration.
        is_apart: Tells whether an op is not to be in int8 like the rest. Those with several outputs become slices, as
            the quantizer knows ops by the name of their one output.
        is_kept: Tells whether an op stays as it is.
        fuse_relu: Whether a lone RELU in int8 becomes a product; in int16 both are as slow.
    """
    for op in list(graph.ops):
        if is_kept(op) or not op.outputs or op.outputs[0].dtype != "float32":
            continue
        apart = is_apart(op)
        rule = (SLICED.get(op.kind) if apart else None) or SUBSTITUTES.get(op.kind)
        if op.kind in FUSED_ACTIVATION and (apart or not fuse_relu):
            rule = None
        made = None if rule is None else rule(graph, op)
        if made is not None:
            graph.replace(op, *made)


def _square(_: Graph, op: Op) -> list[Op]:
    return [_mul(op.inputs[0], op.inputs[0], op.outputs[0])]


def _negate(graph: Graph, op: Op) -> list[Op]:
    return [_mul(op.inputs[0], graph.constant(-1.0, "float32"), op.outputs[0])]


def _fuse_relu(graph: Graph, op: Op) -> list[Op]:
    """RELU in int8 is plain C++ in LiteRT, while XNNPACK has MUL, which rectifies what it puts out.

    On x86, 32 × 32 × 32 numbers: 250 µs against 3 by XNNPACK, 23 by LiteRT's own kernels; as slow by TFLM's.
    """
    return [_mul(op.inputs[0], graph.constant(1.0, "float32"), op.outputs[0], FUSED_ACTIVATION[op.kind])]


def _sum(graph: Graph, op: Op) -> list[Op]:
    """LiteRT's reference kernels take the scales of a quantized SUM wrongly; those of MEAN are right everywhere."""
    whole, result = op.inputs[0], op.outputs[0]
    count = int(np.prod(whole.shape)) / max(1, int(np.prod(result.shape)))
    mean = graph.new_like(result, result.name + "/mean")
    low, high = result.range or (0.0, 0.0)  # that of training; it awaits one like any other where there is none
    mean.range = (low / count, high / count)
    if result.quantization is not None:
        mean.quantization.bits = result.quantization.bits
    return [
        Op("MEAN", op.inputs, [mean], op.options),
        _mul(mean, graph.constant(count, "float32"), result),
    ]


def _sum_of_several(graph: Graph, op: Op) -> list[Op]:
    """ADD_N has kernels for floats and int32 alone."""
    total, *others = [value for value in op.inputs if value is not None]
    made = []
    for place, value in enumerate(others):
        result = op.outputs[0]
        if place < len(others) - 1:
            result = graph.new_like(op.outputs[0], f"{op.name}/sum_{place}")
            result.range = (0.0, 0.0)  # it awaits a range like any other
        made.append(Op("ADD", [total, value], [result], options("Add")))
        total = result
    return made


def _reverse(graph: Graph, op: Op) -> list[Op] | None:
    """REVERSE_V2 has no int16 kernel, GATHER has one."""
    source, axes = op.inputs[0], op.inputs[1].data
    if axes is None or axes.size != 1:
        return None
    axis = int(axes.reshape(-1)[0]) % len(source.shape)
    order = graph.constant(np.arange(source.shape[axis] - 1, -1, -1))
    return [Op("GATHER", [source, order], op.outputs, options("Gather", axis=axis))]


def _cast(graph: Graph, op: Op) -> list[Op] | None:
    """A mask becomes a float by CAST, which has no integer form; a choice between two constants has one."""
    (source,), (result,) = op.inputs, op.outputs
    if source.dtype != "bool":
        return None
    result.range = result.range or (0.0, 0.0)  # it awaits a range like any other
    one, zero = (graph.constant(number, "float32") for number in (1.0, 0.0))
    return [Op("SELECT_V2", [source, one, zero], [result], options("SelectV2"))]


def _mean_of_the_image(graph: Graph, op: Op) -> list[Op] | None:
    """A pool has one scale with what it averages, so that small means keep few of the steps; MEAN has its own."""
    pool, image = op.options, op.inputs[0].shape[1:3]
    whole = (pool.filterHeight, pool.filterWidth) == image and op.outputs[0].shape[1:3] == (1, 1)
    if not whole or pool.fusedActivationFunction:
        return None
    return [Op("MEAN", [op.inputs[0], graph.constant([1, 2])], op.outputs, options("Reducer", keepDims=True))]


def _slice_of_split(graph: Graph, op: Op) -> list[Op] | None:
    whole, axes = op.inputs[1], op.inputs[0].data
    if axes is None:
        return None
    axis = int(axes.reshape(-1)[0]) % len(whole.shape)
    size = whole.shape[axis] // len(op.outputs)
    return [_slice(graph, whole, part, axis, size * place, size) for place, part in enumerate(op.outputs)]


def _slice_of_unpack(graph: Graph, op: Op) -> list[Op]:
    axis = op.options.axis % len(op.inputs[0].shape)
    return [_slice(graph, op.inputs[0], part, axis, place, 1, drop=True) for place, part in enumerate(op.outputs)]


def _slice(graph: Graph, whole: Value, part: Value, axis: int, start: int, size: int, *, drop: bool = False) -> Op:
    """Take a stretch of one axis, and everything of the others."""
    rank = len(whole.shape)
    ends = [graph.constant(np.eye(1, rank, axis, dtype=np.int32)[0] * end) for end in (start, start + size)]
    others = (1 << rank) - 1 - (1 << axis)
    form = options("StridedSlice", beginMask=others, endMask=others, shrinkAxisMask=1 << axis if drop else 0)
    return Op("STRIDED_SLICE", [whole, *ends, graph.constant(np.ones(rank))], [part], form)


def _mul(left: Value, right: Value, result: Value, fused: int = 0) -> Op:
    return Op("MUL", [left, right], [result], options("Mul", fusedActivationFunction=fused))


SUBSTITUTES: dict[str, Rule] = {
    "SQUARE": _square,
    "NEG": _negate,
    "RELU": _fuse_relu,
    "RELU6": _fuse_relu,
    "SUM": _sum,
    "ADD_N": _sum_of_several,
    "REVERSE_V2": _reverse,
    "AVERAGE_POOL_2D": _mean_of_the_image,
    "CAST": _cast,
}
SLICED: dict[str, Rule] = {"SPLIT": _slice_of_split, "UNPACK": _slice_of_unpack}
