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

    return tf.nn.conv2d(inputs, tf.transpose(kernel, (1, 2, 3, 0)), **_geometry(op, 1))


def _depthwise(op: Op, inputs: Any, kernel: Any) -> Any:
    import tensorflow as tf

    channels = int(inputs.shape[-1])
    shaped = tf.reshape(kernel, (*kernel.shape[1:3], channels, kernel.shape[3] // channels))
    geometry = _geometry(op, max(op.options.strideH, op.options.strideW))
    return tf.nn.depthwise_conv2d(inputs, shaped, **geometry)


def _geometry(op: Op, stride: int) -> dict[str, Any]:
    form = op.options
    strides = [1, stride, stride, 1] if stride > 1 else [1, form.strideH, form.strideW, 1]
    dilations = [form.dilationHFactor, form.dilationWFactor]
    return {"strides": strides, "padding": "VALID" if form.padding else "SAME", "dilations": dilations}


def _dense(op: Op, inputs: Any, kernel: Any) -> Any:
    import tensorflow as tf

    return tf.matmul(tf.reshape(inputs, (-1, kernel.shape[1])), kernel, transpose_b=True)


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
