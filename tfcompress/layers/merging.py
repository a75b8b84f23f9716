"""Layers and operations that make one tensor of several, and arithmetic.

In: a layer or operation, a `Quantizer`, tensors. Out: its spec, and its form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tfcompress.layers.channel_rules.tensor_rules import concatenate, elementwise, same
from tfcompress.layers.example import Example, convolved, merge
from tfcompress.layers.layer_spec import Form, Fusion, LayerSpec
from tfcompress.layers.quantizer import Quantizer


def merged(combination: str, mean: bool = False) -> Form:
    """Return the form that combines two tensors at a time by a function of TensorFlow, as the device does."""

    def form(quantizer: Quantizer, _: Any, tensors: Sequence[Any]) -> Any:
        import tensorflow as tf

        combine: Callable[[Any, Any], Any] = getattr(tf, combination)
        rank = max(len(tensor.shape) for tensor in tensors)
        tensors = [_of_rank(tensor, rank) for tensor in tensors]
        result = tensors[0]
        for index, tensor in enumerate(tensors[1:]):
            result = combine(result, tensor)
            if index < len(tensors) - 2 or mean:
                result = quantizer.activation(result, f"partial_{index}")
        return result * (1.0 / len(tensors)) if mean else result

    return form


def _of_rank(tensor: Any, rank: int) -> Any:
    """Return a tensor with axes of one after the batch, as many as it lacks, as Keras does it."""
    import tensorflow as tf

    while len(tensor.shape) < rank:
        tensor = tf.expand_dims(tensor, 1)
    return tensor


def negative(_: Quantizer, __: Any, x: Any, **___: Any) -> Any:
    """-x as a product: the device has no int8 NEG."""
    return x * -1.0


def of_two(spec: LayerSpec, operation: Any) -> LayerSpec:
    """Take an operation as it is: unlike the layer of that name it has two tensors."""
    return spec if hasattr(operation, "trainable") else spec.but(int8=None)


def layers_alone(spec: LayerSpec, operation: Any) -> LayerSpec:
    """Keep the operation of that name in float."""
    return spec if hasattr(operation, "trainable") else spec.stays_float("").but(channels=None)


_ARITHMETIC = LayerSpec(channels=elementwise, fusion=Fusion.ABSORBS_NEXT)
_PRODUCT = _ARITHMETIC.but(product=1.0)
_SHARED = LayerSpec(result="shared_range", note="one range with its inputs")
_FLOAT = LayerSpec(channels=elementwise, result="float", note="")


def _squeezed_and_excited(k: Any, x: Any) -> Any:
    """A gate for each channel, from its mean."""
    gate = k.layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = k.layers.Conv2D(2, 1, activation="relu")(gate)
    return k.layers.Multiply()([x, k.layers.Conv2D(4, 1, activation="sigmoid")(gate)])


_GATE = Example("squeeze and excite", _squeezed_and_excited)
_SUM = Example("x + y", lambda k, x: x + convolved(k, x))
_AFFINE = Example("x * 0.5 - y", lambda k, x: x * 0.5 - convolved(k, x))

SPECS = (
    _ARITHMETIC.but(names=("Add",), examples=(merge("Add"), _SUM), int8=merged("add"), of_settings=of_two),
    _ARITHMETIC.but(names=("Subtract",), examples=(merge("Subtract"),), int8=merged("subtract"), of_settings=of_two),
    _PRODUCT.but(names=("Multiply",), examples=(merge("Multiply"), _GATE), int8=merged("multiply"), of_settings=of_two),
    _ARITHMETIC.but(
        names=("Average",), examples=(merge("Average"),), int8=merged("add", mean=True), of_settings=layers_alone
    ),
    _ARITHMETIC.but(names=("__operators__.add", "math.add", "__operators__.sub", "math.subtract"), examples=(_AFFINE,)),
    _ARITHMETIC.but(names=("TrueDivide", "Divide", "__operators__.truediv", "math.truediv", "math.divide")),
    _PRODUCT.but(names=("__operators__.mul", "math.multiply")),
    _SHARED.but(names=("Concatenate", "concat"), examples=(merge("Concatenate"),), channels=concatenate),
    _SHARED.but(names=("Stack",)),
    _SHARED.but(
        names=("Maximum", "Minimum", "math.maximum", "math.minimum"),
        examples=(merge("Maximum"), merge("Minimum")),
        channels=elementwise,
    ),
    LayerSpec(("Negative", "math.negative"), channels=same, note="int8 steps", rounded=negative),
    LayerSpec(("Matmul", "matmul")),
    LayerSpec(("Sqrt", "Rsqrt", "Square"), channels=same),
    _FLOAT.but(names=("power", "pow", "squared_difference", "divide_no_nan", "floordivide", "mod", "add_n")),
    _FLOAT.but(names=("sub", "mul", "div", "radd", "rsub", "rmul", "rtruediv")),
    _FLOAT.but(names=("cast", "abs", "absolute", "neg", "exp", "log", "log1p", "sin", "reciprocal"), channels=same),
    _FLOAT.but(names=("clip", "clip_by_value", "nan_to_num", "sign", "erf"), channels=same),
    _FLOAT.but(names=("round", "floor", "ceil"), channels=same),
)
