"""Pooling, reductions and what runs along an axis: fewer values than were read, or sums of them.

    result = f(all values of x along some axes)

Sources: as `op_catalogue` says.
"""

from __future__ import annotations

from tfcompress.litert.ops.op_spec import OpSpec

SPECS = (
    OpSpec(
        "AVERAGE_POOL_2D",
        keeps_factors="always",
        int16=3,
        scale="shared",
        gpu=True,
        tflm="AddAveragePool2D",
        typed=("INT8", "INT16"),
    ),
    OpSpec(
        "MAX_POOL_2D",
        keeps_factors="always",
        int16=3,
        scale="shared",
        gpu=True,
        tflm="AddMaxPool2D",
        typed=("INT8", "INT16"),
    ),
    OpSpec("L2_POOL_2D", tflm="AddL2Pool2D"),
    OpSpec("MEAN", keeps_factors="reduction", int16=3, gpu=True, tflm="AddMean"),
    OpSpec("SUM", keeps_factors="reduction", int16=2, gpu=True, tflm="AddSum"),
    OpSpec("REDUCE_ANY"),
    OpSpec("REDUCE_MAX", int16=3, scale="shared", gpu=True, tflm="AddReduceMax"),
    OpSpec("REDUCE_MIN", int16=3, scale="shared", gpu=True, tflm="AddReduceMin"),
    OpSpec("REDUCE_PROD", gpu=True),
    OpSpec("REDUCE_ALL", tflm="AddReduceAll"),
    OpSpec("ARG_MAX", in_int32=1, tflm="AddArgMax"),
    OpSpec("ARG_MIN", in_int32=1, tflm="AddArgMin"),
    OpSpec("TOPK_V2", scale="shared", in_int32=1),
    OpSpec("NON_MAX_SUPPRESSION_V4", open_size=True),
    OpSpec("NON_MAX_SUPPRESSION_V5", open_size=True),
    OpSpec(
        "CUMSUM",
        gpu=True,
        tflm="AddCumSum",
        instead="tf.cumsum: a matrix product with tf.linalg.band_part(tf.ones((n, n)), 0, -1). "
        "For few steps write it out: slices, additions and tf.stack.",
    ),
    OpSpec("RFFT2D", instead="Spectra have no integer kernel: compute them before the model."),
)
