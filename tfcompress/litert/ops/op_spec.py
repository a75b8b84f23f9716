"""What a row of the op catalogue says of one LiteRT op: weights, int16 kernel, MACs, targets, what to write instead.

In: facts from the sources of LiteRT, TFLM and CMSIS-NN. Out: an `OpSpec`; the rows are in the other files of this
folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tfcompress.litert.op_facts import OpFacts, Tensor

Scale = Literal["own", "shared", "compared", "fixed"]


@dataclass(frozen=True)
class WeightPlaces:
    """Where an op with constant weights has its inputs, and what the axes of the kernel are."""

    data: int
    kernel: int
    bias: int
    scales: int | None
    """The axis along which scales differ where activations are int16; None: one scale for the whole kernel."""
    channels: int | None = None
    """The axis that is the channels of the result, for bias correction; None: its bias is not corrected."""


@dataclass(frozen=True)
class CmsisGap:
    """A case that TFLM's reference kernel of an op runs, and that of CMSIS-NN does not."""

    applies: Callable[[OpFacts], bool]
    reason: str
    """What CMSIS-NN does instead: the end of a sentence."""
    hint: str


@dataclass(frozen=True)
class OpSpec:
    """All that is known of one op.

    Example:
        >>> from tfcompress.litert.ops.op_catalogue import op_spec
        >>> op_spec("CONCATENATION").scale, op_spec("CONV_2D").int16, op_spec("ATAN2").tflm
        ('shared', 4, None)
    """

    name: str
    """The builtin's name in the schema; of a custom op the name that files have for it."""
    weights: WeightPlaces | None = None
    """Of ops that may have an int8 kernel beside activations of 8 or 16 bits."""
    multiplied: tuple[int, ...] | Callable[[OpFacts], tuple[int, ...]] = ()
    """Which inputs are weights that values are multiplied with."""
    macs: Callable[[OpFacts], int] | None = None
    """Multiplications with accumulation of one run; None: it does none."""
    int16: int | None = None
    """The version that has a kernel for int16 activations."""
    int4: int | None = None
    """The version that has a kernel for int8 activations and weights of four bits."""
    int16_border: int | None = None
    """Of casts: the version that leads from other types to int16 and back."""
    in_int32: int | None = None
    """The version for int32, in which it compares or sorts the integers of int16 values."""
    scale: Scale = "own"
    """"shared": all its activations have one scale. "compared": what it reads has. "fixed": in int16 the result has the
    scale 1 / 32768, and in int8 `int8_scale`."""
    int8_scale: float | None = None
    """The scale of its int8 result, where that is fixed."""
    copied: tuple[int, ...] | Literal["all"] = ()
    """Which inputs' integers go into the result as they are: constants there must be in its scale."""
    joins: Literal["parts", "choices"] | None = None
    """How it makes a result of several inputs whose integers it copies: side by side, or one of them for each value."""
    moves: bool = False
    """Whether its result has the values of its first input, all of them, in another shape or order."""
    keeps_factors: Literal["", "always", "sum", "reduction", "padding"] = ""
    """Whether a positive factor on a channel, which is an index of the last axis, of all that it reads becomes the
    factor of that channel of its result: always where that axis stays, or where there is no constant in the sum, the
    channels are not reduced, not padded."""
    steep: Callable[[np.ndarray], np.ndarray] | None = None
    """What it computes, where that changes most for the smallest values: integers may lose those."""
    open_size: bool = False
    """Whether its results may be of another size for each sample."""
    shape_from: int | None = None
    """From which input on constants tell the shape of its result."""
    any_number: bool = False
    """Whether it takes any number of operands, and its kernel looks at the types alone."""
    keeps_state: bool = False
    """Whether something stays from one inference to the next, in variables or in memory of its own."""
    gpu: bool = False
    """Whether the GPU delegate has it."""
    tflm: str | None = None
    """The function of TFLM's `MicroMutableOpResolver` that registers it; None: TFLM has no kernel."""
    typed: tuple[str, ...] = ()
    """The kernels for one type alone that TFLM has beside the one for all, as `Register_ADD_INT8`, in the headers that
    `micro_mutable_op_resolver.h` includes. INT8 and INT16 are of activations; INT4 has int8 ones and int4 weights."""
    unpacked: tuple[int, ...] = ()
    """Which constants the op DECODE may make: no kernel of TFLM, CMSIS-NN or ESP-NN looks at their values before it
    runs."""
    cmsis_nn: tuple[CmsisGap, ...] = ()
    """What CMSIS-NN, TFLM's kernels for Cortex-M, does not run of what TFLM has."""
    instead: str | None = None
    """What to write instead where it has no integer kernel."""


def operand(op: OpFacts, place: int) -> Tensor | None:
    """Return an input of an op by position; None where it is left out."""
    return op.operands[place] if place < len(op.operands) else None


def count(shape: tuple[int | None, ...]) -> int:
    """Return the number of values of a shape, with 1 for open sizes."""
    return math.prod(size or 1 for size in shape)


def has_5_axes_in_int8(op: OpFacts) -> bool:
    """Tell whether an op reads int8 and has more than the four axes that most kernels of CMSIS-NN are written for."""
    axes = max((len(tensor.shape) for tensor in (*op.inputs, *op.outputs)), default=0)
    return axes > 4 and bool(op.inputs) and op.inputs[0].dtype == "int8"


FEWER_AXES = "Replace the layer by one that works on fewer axes: a Reshape before it, and one behind."
"""The way out of `has_5_axes_in_int8`."""
