"""What the converter does with each kind of layer and operation: the table of rules.

In: a layer or an operation. Out: a `Rule`: a recipe, and what happens to the range of its result. Knows single
calls, not their neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

from tfcompress.training.float_graph import Call
from tfcompress.training.quantization import recipes, sums
from tfcompress.training.quantization.recipes import SIGMOID_RANGE, SIGMOID_STEP, TANH_RANGE, Recipe
from tfcompress.training.quantization.sums import KERNELS

Result = Literal["tracked", "same", "again", "joined", "fixed", "float"]


@dataclass(frozen=True)
class Rule:
    """How one call is quantized."""

    result: Result
    """tracked: a range of its own; same: exactly the values of its input; again: rounded on its input's grid;
    joined: one range that its inputs share; fixed: a range that the kernel demands; float: not quantized."""
    scheme: str
    """One phrase for the table."""
    recipe: Recipe | None = None
    range: tuple[float, float] | None = None
    folds: bool = False
    """It becomes part of a convolution or matrix product before it."""
    takes: bool = False
    """Batch norm and a ReLU after it become part of it."""
    biased: bool = False
    """On the device it adds an int32 bias."""
    multiplies: float | None = None
    """Its result is the product of its inputs, in whose int32 form 1 is worth the steps of the inputs times this."""
    slope: float | None = None
    """It multiplies what is below zero by this, and its kernel rounds both sides as sums are rounded."""
    averages: bool = False
    """Its result is the mean of values of its input."""
    activation: Any = None
    """The activation that the layer carries and that becomes a call of its own."""


SAME = [
    "Reshape",
    "Flatten",
    "Permute",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "Cropping1D",
    "Cropping2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "RepeatVector",
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "ActivityRegularization",
    "Identity",
    "GetItem",
    "Transpose",
    "Squeeze",
    "ExpandDims",
    "Split",
    "Pad",
    "Max",
    "math.reduce_max",
    "SlicingOpLambda",
    "reshape",
    "transpose",
    "squeeze",
    "expand_dims",
    "split",
    "pad",
    "RandomFlip",
    "RandomRotation",
    "RandomZoom",
    "RandomTranslation",
    "RandomContrast",
    "RandomBrightness",
    "RandomCrop",
    "StopGradient",
]
AGAIN = ["AveragePooling1D", "AveragePooling2D"]
TRACKED = [
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "Mean",
    "Embedding",
    "Matmul",
    "reduce_mean",
    "matmul",
    "Sqrt",
    "Rsqrt",
    "Square",
]
ARITHMETIC = [
    "Add",
    "Subtract",
    "Multiply",
    "TrueDivide",
    "Divide",
    "__operators__.add",
    "__operators__.sub",
    "__operators__.mul",
    "__operators__.truediv",
    "math.add",
    "math.subtract",
    "math.multiply",
    "math.truediv",
    "math.divide",
]
PRODUCTS = ["Multiply", "__operators__.mul", "math.multiply"]
MEANS = ["GlobalAveragePooling1D", "GlobalAveragePooling2D", "Mean", "reduce_mean"]
JOINED = ["Concatenate", "Maximum", "Minimum", "concat", "Stack", "math.maximum", "math.minimum"]
RECIPES = {
    "SeparableConv1D": sums.separable,
    "SeparableConv2D": sums.separable,
    "Rescaling": sums.rescaling,
    "Normalization": sums.rescaling,
    "PReLU": recipes.prelu,
    "Negative": recipes.negative,
    "math.negative": recipes.negative,
    "LayerNormalization": recipes.layer_norm,
    "MultiHeadAttention": recipes.attention,
}
NO_KERNEL = dict.fromkeys(("ELU", "elu"), "the converter has no int8 kernel for it")
ACTIVATIONS = {
    "silu": recipes.swish,
    "swish": recipes.swish,
    "hard_silu": recipes.hard_swish,
    "hard_swish": recipes.hard_swish,
    "hard_sigmoid": recipes.hard_sigmoid,
}
TRACKED_ACTIVATIONS = ("gelu",)
SLOPE = 0.2
"""That of the activation "leaky_relu", in both Kerases."""


def rule_of(operation: Any) -> Rule:
    """Return the rule for a layer or an operation."""
    if hasattr(operation, "int8_call"):
        return Rule("tracked", "custom: int8_call", lambda layer, *args, **kw: layer.int8_call(*args, **kw))
    name = type(operation).__name__
    if not type(operation).__module__.startswith(("keras.", "tf_keras.")):
        return Rule("float", "a custom layer without int8_call")
    if name in ("TFOpLambda",):
        name = operation.symbol.removeprefix("tf.").removeprefix("compat.v1.")
        name = {"nn.relu": "Relu", "nn.relu6": "Relu6", "math.reduce_mean": "reduce_mean"}.get(name, name)
    if name in KERNELS or name in ("SeparableConv1D", "SeparableConv2D"):
        if getattr(operation, "data_format", "channels_last") != "channels_last":
            return Rule("float", "channels first")
        recipe = sums.weighted if name in KERNELS else sums.separable
        return Rule(
            "tracked", "int8 kernel per channel", recipe, takes=True, biased=True, activation=_activation_of(operation)
        )
    if name == "BatchNormalization":
        axis = operation.axis if isinstance(operation.axis, int) else operation.axis[0]
        if axis not in (-1, operation.input_spec.ndim - 1):
            return Rule("float", "batch norm over an axis that is not the last")
        return Rule("tracked", "per-channel multiply and add", sums.batch_norm, folds=True, takes=True, biased=True)
    if name in ("ReLU", "Activation", "Softmax", "Relu", "Relu6", "Sigmoid", "Tanh", "Silu", "Gelu"):
        return _activation_rule(operation, name)
    if name in ("LeakyReLU", "LeakyRelu"):
        slope = float(operation.negative_slope if hasattr(operation, "negative_slope") else operation.alpha)
        return Rule("tracked", "int8 result", slope=slope)
    if name in ("Add", "Subtract", "Multiply", "Average") and hasattr(operation, "trainable"):
        return Rule("tracked", "int8 result", recipes.merged, takes=True, multiplies=1.0 if name in PRODUCTS else None)
    if name in RECIPES:
        return Rule("tracked", "int8 steps", RECIPES[name], biased=name in ("Rescaling", "Normalization"))
    if name in ("UpSampling1D", "UpSampling2D"):
        interpolation = getattr(operation, "interpolation", "nearest")
        exact = interpolation == "nearest"
        if interpolation in ("nearest", "bilinear"):
            return Rule("same" if exact else "again", "range of its input", recipes.upsampling)
        return Rule("float", f"{interpolation} interpolation")
    for names, result, scheme in (
        (SAME, "same", "range of its input"),
        (AGAIN, "again", "range of its input"),
        (TRACKED, "tracked", "int8 result"),
        (ARITHMETIC, "tracked", "int8 result"),
        (JOINED, "joined", "one range with its inputs"),
    ):
        if name in names:
            product = 1.0 if name in PRODUCTS else None
            return Rule(result, scheme, takes=name in ARITHMETIC, multiplies=product, averages=name in MEANS)
    return Rule("float", NO_KERNEL.get(name, f"no rule for {name}"))


def rule_of_call(call: Call, dtypes: Mapping[int, str], shapes: Mapping[int, tuple]) -> Rule:
    """Return the rule for one call, whose arguments may ask for what the rule of its layer cannot do."""
    kind, (args, kwargs) = type(call.operation).__name__, call.arguments
    rank = len(shapes[call.inputs[0]]) if call.inputs else 0
    if kind == "MultiHeadAttention":
        told = {key for key, value in kwargs.items() if value is not None and value is not False}
        if len(args) > 3 or told - {"query", "value", "key", "training", "use_causal_mask"}:
            return Rule("float", "a mask, or scores as a second result")
        if rank != 3:
            return Rule("float", "attention over other axes than the second")
    if kind in ("Rescaling", "Normalization") and not dtypes[call.inputs[0]].startswith(("float", "bfloat")):
        return Rule("float", "integers in")
    if kind == "Normalization" and any(size not in (1, None) for size in tuple(call.operation.mean.shape)[:-1]):
        return Rule("float", "an axis that is not the last")
    if kind == "Pad" and getattr(call.operation, "constant_values", None) not in (None, 0):
        return Rule("float", "padding with something else than 0")
    return rule_of(call.operation)


def _activation_of(layer: Any) -> Any:
    activation = getattr(layer, "activation", None)
    if activation is None or getattr(activation, "__name__", "") == "linear":
        return None
    return activation


def activation_rule(activation: Any) -> Rule:
    """Return the rule for an activation function or layer."""
    if hasattr(activation, "trainable"):
        return rule_of(activation)
    name = getattr(activation, "__name__", type(activation).__name__).lower()
    if name in ("relu", "relu6"):
        return Rule("tracked", "int8 result", folds=True, slope=0.0 if name == "relu" else None)
    if name == "leaky_relu":
        return Rule("tracked", "int8 result", slope=SLOPE)
    if name in ("softmax", "sigmoid"):
        return Rule("fixed", "range of the kernel", range=SIGMOID_RANGE)
    if name == "tanh":
        return Rule("fixed", "range of the kernel", range=TANH_RANGE)
    if name == "linear":
        return Rule("same", "range of its input")
    if name in ACTIVATIONS:
        recipe = ACTIVATIONS[name]
        fixed = (0.0, 1.0) if name == "hard_sigmoid" else None
        multiplies = SIGMOID_STEP if recipe is recipes.swish else None
        return Rule("fixed" if fixed else "tracked", "int8 steps", recipe, fixed, multiplies=multiplies)
    if name in TRACKED_ACTIVATIONS:
        return Rule("tracked", "int8 result")
    return Rule("float", NO_KERNEL.get(name, f"no rule for the activation {name}"))


def _activation_rule(operation: Any, name: str) -> Rule:
    if name == "ReLU":
        if float(operation.threshold or 0) or operation.max_value not in (None, 6, 6.0):
            return Rule("float", "ReLU with a threshold, or a limit other than 6")
        sloped = float(operation.negative_slope or 0)
        if sloped and operation.max_value is not None:
            return Rule("float", "ReLU with a slope and a limit")
        recipe = recipes.leaky_relu if sloped else None
        slope = sloped if operation.max_value is None else None
        return Rule("tracked", "int8 result", recipe, folds=not sloped, slope=slope)
    if name == "Activation":
        return activation_rule(operation.activation)
    if name == "Softmax" and getattr(operation, "axis", -1) not in (-1, None):
        return Rule("float", "softmax over an axis that is not the last")
    return activation_rule(SimpleNamespace(__name__=name.lower()))
