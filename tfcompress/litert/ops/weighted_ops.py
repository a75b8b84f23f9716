"""Convolutions, dense layers and products of matrices: the ops that multiply and accumulate.

    result = activation(sum of data × kernel + bias)

Source: `tensorflow/lite/kernels/*.cc` of TensorFlow 2.21 for which input is what; versions and the rest as
`op_catalogue` says.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tfcompress.litert.op_facts import OpFacts
from tfcompress.litert.ops.op_spec import (
    FEWER_AXES,
    CmsisGap,
    OpSpec,
    WeightPlaces,
    count,
    has_5_axes_in_int8,
    operand,
)


def _reads(op: OpFacts, place: int) -> str:
    return op.inputs[place].dtype if len(op.inputs) > place else ""


def _is_per_channel(op: OpFacts) -> bool:
    return len(op.inputs) > 1 and len(op.inputs[1].scales) > 1


def _is_grouped(op: OpFacts) -> bool:
    shapes = [tensor.shape for tensor in op.inputs[:2]]
    return len(shapes) == 2 and all(len(shape) == 4 for shape in shapes) and shapes[0][3] != shapes[1][3]


def _kernel(op: OpFacts, axes: int) -> list[int]:
    """Return the shape of a kernel; none where it makes no sense."""
    kernel = operand(op, 1)
    return [size or 1 for size in kernel.shape] if kernel is not None and len(kernel.shape) == axes else []


def _for_each_result(axes: int, summed: slice) -> Callable[[OpFacts], int]:
    """Each value of the result is a sum over some axes of the kernel."""

    def macs(op: OpFacts) -> int:
        kernel = _kernel(op, axes)
        return count(op.outputs[0].shape) * math.prod(kernel[summed]) if kernel else 0

    return macs


def _for_each_input(axes: int, place: int, taps: slice) -> Callable[[OpFacts], int]:
    """Each value that a transposed convolution reads meets every tap of every channel put out."""

    def macs(op: OpFacts) -> int:
        kernel, data = _kernel(op, axes), operand(op, place)
        return count(data.shape) * math.prod(kernel[taps]) if kernel and data else 0

    return macs


def _matrix_product(op: OpFacts) -> int:
    """The axis that is summed over, whether the first matrix is transposed or not."""
    left, rows = op.inputs[0].shape[-2:], op.outputs[0].shape[-2:-1]
    summed = count(left) // max(1, count(rows)) if len(left) == 2 else 0
    return count(op.outputs[0].shape) * summed


SPECS = (
    OpSpec(
        "CONV_2D",
        weights=WeightPlaces(data=0, kernel=1, bias=2, scales=0, channels=0),
        multiplied=(1,),
        macs=_for_each_result(4, slice(1, None)),
        int16=4,
        int4=7,
        gpu=True,
        tflm="AddConv2D",
        typed=("INT8", "INT16", "INT4"),
        unpacked=(1,),
        cmsis_nn=(
            CmsisGap(
                lambda op: (_reads(op, 0) == "int16" or _reads(op, 1) == "int4") and _is_grouped(op),
                "computes grouped convolutions in int8 only, and others without a word as if they had one group",
                'Convert with "int8", or split the layer into a convolution for each group and a Concatenate.',
            ),
        ),
    ),
    OpSpec(
        "DEPTHWISE_CONV_2D",
        weights=WeightPlaces(data=0, kernel=1, bias=2, scales=3, channels=-1),
        multiplied=(1,),
        macs=_for_each_result(4, slice(1, 3)),
        int16=5,
        int4=6,  # the schema says 7, which LiteRT's reference kernels do not answer to; kernels ask for the type
        gpu=True,
        tflm="AddDepthwiseConv2D",
        typed=("INT8", "INT16", "INT4"),
        unpacked=(1,),
    ),
    OpSpec(
        "FULLY_CONNECTED",
        # One scale in int16: CMSIS-NN, the kernels of most microcontrollers, refuses one for each output.
        weights=WeightPlaces(data=0, kernel=1, bias=2, scales=None, channels=0),
        multiplied=(1,),
        macs=_for_each_result(2, slice(-1, None)),
        int16=7,
        int4=10,
        gpu=True,
        tflm="AddFullyConnected",
        typed=("INT8", "INT16", "INT4"),
        unpacked=(1,),
        cmsis_nn=(
            CmsisGap(
                lambda op: _reads(op, 0) == "int16" and _is_per_channel(op),
                "refuses int16 activations with a scale for each output of the weights",
                'Convert the Keras model anew: tfcompress gives these weights one scale. Or convert with "int8".',
            ),
            CmsisGap(
                lambda op: _reads(op, 1) == "int4" and _is_per_channel(op),
                "refuses int4 weights with a scale for each output",
                "Convert with one scale for the weights (per-tensor), or with int8 weights.",
            ),
        ),
    ),
    OpSpec(
        "TRANSPOSE_CONV",
        weights=WeightPlaces(data=2, kernel=1, bias=3, scales=0),
        multiplied=(1,),
        macs=_for_each_input(4, 2, slice(3)),
        int16=3,
        gpu=True,
        tflm="AddTransposeConv",
        typed=("INT8",),
        unpacked=(1,),
    ),
    OpSpec(
        "BATCH_MATMUL",
        macs=_matrix_product,
        int16=3,
        gpu=True,
        tflm="AddBatchMatMul",
        typed=("INT8", "INT16"),
        unpacked=(0, 1),
        cmsis_nn=(CmsisGap(has_5_axes_in_int8, "takes at most 4 axes", FEWER_AXES),),
    ),
    OpSpec(
        "CONV_3D",
        multiplied=(1,),
        macs=_for_each_result(5, slice(4)),
        instead="It has no int8 kernel: use TimeDistributed(Conv2D), and Conv1D along the third axis.",
    ),
    OpSpec(
        "CONV_3D_TRANSPOSE",
        multiplied=(1,),
        macs=_for_each_input(5, 2, slice(4)),
        instead="It has no int8 kernel: use TimeDistributed(Conv2DTranspose).",
    ),
    # MediaPipe's.
    OpSpec("Convolution2DTransposeBias", multiplied=(1,), macs=_for_each_input(4, 0, slice(3))),
)
