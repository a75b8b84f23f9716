"""Arithmetic, comparisons and logic: each value of the result depends on one value of each operand.

    result = f(x), result = f(x, y), with broadcasting

Sources: as `op_catalogue` says.
"""

from __future__ import annotations

import numpy as np

from tfcompress.litert.ops.op_spec import FEWER_AXES, CmsisGap, OpSpec, has_5_axes_in_int8

ROUNDING = "Rounding has no integer kernel, and int8 rounds anyway: leave it out or move it behind the model."
ANGLES = "Angles have no integer kernel: compute sine and cosine before the model, or as a constant."


def _choice(name: str, tflm: str) -> OpSpec:
    """Return the row of an op that takes the larger or the smaller of two values."""
    abort = CmsisGap(has_5_axes_in_int8, "aborts on more than 4 axes", FEWER_AXES)
    return OpSpec(
        name,
        int16=4,
        scale="shared",
        copied=(0, 1),
        joins="choices",
        gpu=True,
        tflm=tflm,
        cmsis_nn=(abort,),
    )


SPECS = (
    OpSpec("ADD", keeps_factors="sum", int16=3, gpu=True, tflm="AddAdd", unpacked=(0, 1), typed=("INT8", "INT16")),
    OpSpec("ADD_N", keeps_factors="sum", any_number=True, gpu=True, tflm="AddAddN"),
    OpSpec("SUB", keeps_factors="sum", int16=5, gpu=True, tflm="AddSub", unpacked=(0, 1)),
    OpSpec("MUL", int16=4, gpu=True, tflm="AddMul", unpacked=(0, 1), typed=("INT8",)),
    OpSpec("DIV", gpu=True, tflm="AddDiv"),
    OpSpec("FLOOR_DIV", gpu=True, tflm="AddFloorDiv"),
    OpSpec("FLOOR_MOD", gpu=True, tflm="AddFloorMod", instead="Compute the remainder before the model."),
    OpSpec("POW", gpu=True, instead="A whole power is a product: x * x; a root is tf.sqrt."),
    OpSpec("SQUARED_DIFFERENCE", gpu=True, tflm="AddSquaredDifference"),
    OpSpec("ATAN2", gpu=True),
    _choice("MAXIMUM", "AddMaximum"),
    _choice("MINIMUM", "AddMinimum"),
    OpSpec("ABS", int16=3, gpu=True, tflm="AddAbs"),
    OpSpec("NEG", gpu=True, tflm="AddNeg"),
    OpSpec("SIGN", gpu=True),
    OpSpec("SQUARE", gpu=True, tflm="AddSquare"),
    OpSpec("SQRT", steep=np.sqrt, gpu=True, tflm="AddSqrt"),
    OpSpec("RSQRT", int16=3, steep=lambda x: 1 / np.sqrt(x), gpu=True, tflm="AddRsqrt"),
    OpSpec("EXP", int16=2, gpu=True, tflm="AddExp"),
    OpSpec("LOG", int16=2, steep=np.log, gpu=True, tflm="AddLog"),
    OpSpec("SIN", gpu=True, tflm="AddSin", instead=ANGLES),
    OpSpec("COS", gpu=True, tflm="AddCos", instead=ANGLES),
    OpSpec("COMPLEX_ABS", instead="Spectra have no integer kernel: compute them before the model."),
    OpSpec("FLOOR", gpu=True, tflm="AddFloor", instead=ROUNDING),
    OpSpec("CEIL", gpu=True, tflm="AddCeil", instead=ROUNDING),
    OpSpec("ROUND", tflm="AddRound", instead=ROUNDING),
    OpSpec("EQUAL", scale="compared", in_int32=1, gpu=True, tflm="AddEqual"),
    OpSpec(
        "NOT_EQUAL",
        scale="compared",
        in_int32=1,
        gpu=True,
        tflm="AddNotEqual",
        instead="A comparison of floats with floats: compare what layers of the integer file make, or ids.",
    ),
    OpSpec("GREATER", scale="compared", in_int32=1, gpu=True, tflm="AddGreater"),
    OpSpec("GREATER_EQUAL", scale="compared", in_int32=1, gpu=True, tflm="AddGreaterEqual"),
    OpSpec("LESS", scale="compared", in_int32=1, gpu=True, tflm="AddLess"),
    OpSpec("LESS_EQUAL", scale="compared", in_int32=1, gpu=True, tflm="AddLessEqual"),
    OpSpec("LOGICAL_AND", gpu=True, tflm="AddLogicalAnd"),
    OpSpec("LOGICAL_OR", tflm="AddLogicalOr"),
    OpSpec("LOGICAL_NOT", tflm="AddLogicalNot"),
    OpSpec("SELECT", scale="shared", copied=(1, 2), joins="choices", gpu=True),
    OpSpec("SELECT_V2", int16=1, scale="shared", copied=(1, 2), joins="choices", gpu=True, tflm="AddSelectV2"),
    OpSpec("STABLEHLO_CLAMP", gpu=True),
    OpSpec("BUCKETIZE", instead="Discretization compares floats: sort into bins before the model and pass int32 ids."),
)
