"""What a layer with a kernel sums up, computed in TensorFlow, so that it has a gradient.

CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED: (op, inputs, kernel as the file has it) → sums without bias
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfcompress.litert.graph import Op


def _convolution(op: Op, inputs: Any, kernel: Any) -> Any:
    import tensorflow as tf

    form = op.options
    return tf.nn.convolution(  # conv2d has a gradient of dilated kernels on some processors alone
        inputs,
        tf.transpose(kernel, (1, 2, 3, 0)),
        strides=[form.strideH, form.strideW],
        padding=_padding(op),
        dilations=[form.dilationHFactor, form.dilationWFactor],
    )


def _depthwise(op: Op, inputs: Any, kernel: Any) -> Any:
    import tensorflow as tf

    channels = int(inputs.shape[-1])
    shaped = tf.reshape(kernel, (*kernel.shape[1:3], channels, kernel.shape[3] // channels))
    form = op.options
    stride, dilations = max(form.strideH, form.strideW), [form.dilationHFactor, form.dilationWFactor]
    return tf.nn.depthwise_conv2d(inputs, shaped, [1, stride, stride, 1], _padding(op), dilations=dilations)


def _padding(op: Op) -> str:
    return "VALID" if op.options.padding else "SAME"


def _dense(op: Op, inputs: Any, kernel: Any) -> Any:
    import tensorflow as tf

    return tf.matmul(tf.reshape(inputs, (-1, kernel.shape[1])), kernel, transpose_b=True)


def has_sums(op: Op) -> bool:
    """Tell whether TensorFlow computes the sums of an op, and their gradient, on every processor."""
    if op.kind not in SUMS:
        return False
    if op.kind == "FULLY_CONNECTED":
        return True
    form, read, kernel = op.options, op.inputs[0].shape, op.inputs[1].shape
    strides, dilations = (form.strideH, form.strideW), (form.dilationHFactor, form.dilationWFactor)
    if max(strides) > 1 and max(dilations) > 1:
        return False
    if op.kind == "CONV_2D":
        return read[-1] == kernel[-1]  # of one group
    return strides[0] == strides[1] or min(read[1:3]) == 1


SUMS: Mapping[str, Callable[[Op, Any, Any], Any]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
}


ACTIVATIONS = {
    0: (-np.inf, np.inf),
    1: (0.0, np.inf),
    2: (-1.0, 1.0),
    3: (0.0, 6.0),
}
"""What the activation that is part of an op cuts results to, by its number in the schema."""
