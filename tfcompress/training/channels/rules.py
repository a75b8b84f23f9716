"""Which rule follows which layer or operation.

In: a layer or operation of either Keras. Out: its rule, or None for what cannot be followed. Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tfcompress.training.channels import kernel_rules, norm_rules, recurrent_rules, tensor_rules
from tfcompress.training.channels.ledger import Axes
from tfcompress.training.channels.site import Site, kind_of

Rule = Callable[[Site], list[Axes]]

LAYERS: dict[Rule, str] = {
    kernel_rules.dense: "Dense",
    kernel_rules.convolution: "Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose "
    "Convolution1D Convolution2D Convolution3D",
    kernel_rules.depthwise: "DepthwiseConv1D DepthwiseConv2D",
    kernel_rules.separable: "SeparableConv1D SeparableConv2D",
    kernel_rules.embedding: "Embedding",
    kernel_rules.einsum_dense: "EinsumDense",
    recurrent_rules.recurrent: "LSTM GRU SimpleRNN",
    recurrent_rules.attention: "MultiHeadAttention",
    recurrent_rules.bidirectional: "Bidirectional",
    norm_rules.batch_norm: "BatchNormalization SyncBatchNormalization",
    norm_rules.layer_norm: "LayerNormalization RMSNormalization",
    norm_rules.group_norm: "GroupNormalization",
    norm_rules.layer_scale: "LayerScale",
    norm_rules.prelu: "PReLU",
    norm_rules.rescaling: "Rescaling",
    norm_rules.softmax: "Softmax",
    tensor_rules.same: "ReLU LeakyReLU ELU ThresholdedReLU Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D "
    "GaussianNoise GaussianDropout AlphaDropout ActivityRegularization Identity StochasticDepth UnitNormalization",
    tensor_rules.spatial: "MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D "
    "GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GlobalAveragePooling1D GlobalAveragePooling2D "
    "GlobalAveragePooling3D AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveMaxPooling1D "
    "AdaptiveMaxPooling2D ZeroPadding1D ZeroPadding2D ZeroPadding3D Cropping1D Cropping2D Cropping3D UpSampling1D "
    "UpSampling2D UpSampling3D Resizing CenterCrop RandomFlip RandomRotation RandomZoom RandomTranslation RandomCrop",
    tensor_rules.elementwise: "Add Subtract Multiply Average Maximum Minimum",
    tensor_rules.concatenate: "Concatenate",
    tensor_rules.reshape: "Reshape Flatten",
    tensor_rules.repeat_vector: "RepeatVector",
    tensor_rules.permute: "Permute",
}

OPERATIONS: dict[Rule, str] = {
    tensor_rules.same: "cast identity stop_gradient stopgradient abs absolute negative neg sqrt square exp log log1p "
    "sin clip clip_by_value leakyrelu relu6 nan_to_num sign erf round floor ceil reciprocal rsqrt "
    + " ".join(name.replace("_", "") + " " + name for name in sorted(kernel_rules.ELEMENTWISE)),
    tensor_rules.elementwise: "add subtract sub multiply mul truedivide true_divide truediv divide maximum minimum "
    "power pow squared_difference divide_no_nan floordivide mod radd rsub rmul rtruediv add_n",
    tensor_rules.concatenate: "concatenate concat",
    tensor_rules.reshape: "reshape squeeze expanddims expand_dims",
    tensor_rules.permute: "transpose",
    tensor_rules.reduce: "mean max min sum prod var std amax amin",
    tensor_rules.slices: "getitem",
    tensor_rules.split: "split",
    tensor_rules.unchanged: "pad",
}

_LAYERS = {name: rule for rule, names in LAYERS.items() for name in names.split()}
_OPERATIONS = {name: rule for rule, names in OPERATIONS.items() for name in names.split()}


def rule_of(operation: Any) -> Rule | None:
    """Return the rule of a layer or an operation; None where there is none, as for any custom layer."""
    kind, home = type(operation).__name__, type(operation).__module__
    if not home.startswith(("keras.", "tf_keras.")):
        return None
    if not _is_layer(operation):
        return _OPERATIONS.get(kind_of(operation).lower())
    if kind == "Activation":
        return _activation(operation)
    if kind == "TimeDistributed":
        inner = rule_of(operation.layer)
        return None if inner is None else partial(recurrent_rules.distributed, rule=inner)
    if kind == "Bidirectional" and type(operation.forward_layer).__name__ not in ("LSTM", "GRU", "SimpleRNN"):
        return None
    activation = getattr(operation, "activation", None)
    if hasattr(activation, "trainable_weights") and type(activation).__name__ not in kernel_rules.ELEMENTWISE:
        return None  # an activation that is a layer, with weights of its own perhaps
    return _LAYERS.get(kind)


def _is_layer(operation: Any) -> bool:
    return hasattr(operation, "trainable_weights") and not hasattr(operation, "symbol")


def _activation(layer: Any) -> Rule | None:
    name = kernel_rules.name_of(layer.activation)
    if name in ("softmax", "log_softmax"):
        return norm_rules.softmax
    return tensor_rules.same if name in kernel_rules.ELEMENTWISE else None
