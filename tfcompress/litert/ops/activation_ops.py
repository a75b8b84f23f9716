"""Activations, and the normalizations that stand at the end of a network.

    result = f(x), where f is the activation of a layer

Sources: as `op_catalogue` says.
"""

from __future__ import annotations

from tfcompress.litert.ops.op_spec import OpSpec

SPECS = (
    OpSpec("RELU", keeps_factors="always", int16=3, gpu=True, tflm="AddRelu"),
    OpSpec("RELU6", int16=3, gpu=True, tflm="AddRelu6"),
    OpSpec("RELU_N1_TO_1", gpu=True),
    OpSpec("LEAKY_RELU", keeps_factors="always", int16=2, gpu=True, tflm="AddLeakyRelu"),
    OpSpec("PRELU", keeps_factors="always", gpu=True, tflm="AddPrelu"),
    OpSpec(
        "ELU",
        gpu=True,
        tflm="AddElu",
        instead="Use the activation 'elu' of Keras instead of tf.nn.elu: it is converted in another form.",
    ),
    OpSpec("GELU", gpu=True),
    OpSpec("HARD_SWISH", gpu=True, tflm="AddHardSwish"),
    OpSpec("LOGISTIC", int16=3, scale="fixed", int8_scale=1 / 256, gpu=True, tflm="AddLogistic"),
    OpSpec("TANH", int16=3, scale="fixed", int8_scale=1 / 128, gpu=True, tflm="AddTanh"),
    OpSpec(
        "SOFTMAX",
        int16=3,
        scale="fixed",
        int8_scale=1 / 256,
        gpu=True,
        tflm="AddSoftmax",
        typed=("INT8", "INT16", "INT8_INT16"),
    ),
    OpSpec("LOG_SOFTMAX", tflm="AddLogSoftmax"),
    OpSpec("L2_NORMALIZATION", tflm="AddL2Normalization"),
)
