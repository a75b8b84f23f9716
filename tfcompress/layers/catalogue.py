"""All that is known of layers: the specs of every family, and which of them is that of a layer.

In: a layer, an operation or an activation function of either Keras. Out: its `LayerSpec`, settled by its settings and
by the arguments of its call. A custom layer has the spec in its attribute `layer_spec`, or that of its `int8_call`.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers import (
    activations,
    attention,
    augmentation,
    bidirectional,
    convolution,
    dense,
    embedding,
    merging,
    normalization,
    pooling,
    recurrent,
    reshaping,
    time_distributed,
)
from tfcompress.layers.channel_rules.layer_call import Rule, kind_of
from tfcompress.layers.channel_rules.tensor_rules import same
from tfcompress.layers.example import Example
from tfcompress.layers.layer_spec import CallInfo, KernelLayout, LayerSpec

SPECS: tuple[LayerSpec, ...] = (
    *activations.SPECS,
    *convolution.SPECS,
    *dense.SPECS,
    *embedding.SPECS,
    *recurrent.SPECS,
    *bidirectional.SPECS,
    *time_distributed.SPECS,
    *attention.SPECS,
    *normalization.SPECS,
    *pooling.SPECS,
    *merging.SPECS,
    *reshaping.SPECS,
    *augmentation.SPECS,
)

_BY_NAME = {name: spec for spec in SPECS for name in spec.names}


def _plain(kind: str) -> str:
    return kind.rpartition(".")[2].removeprefix("reduce_").replace("_", "").lower()


_BY_KIND = {_plain(name): spec for spec in SPECS for name in spec.names if spec.channels is not None}
"""What operations are called differs more between the Kerases than how channels go through them."""


def layer_spec(operation: Any) -> LayerSpec:
    """Return the spec of a layer, an operation or an activation function, settled by its settings."""
    own = getattr(operation, "layer_spec", None)
    if isinstance(own, LayerSpec):
        return own.of_settings(own, operation) if own.of_settings else own
    if hasattr(operation, "int8_call"):
        return CUSTOM
    name = name_of(operation)
    found = _BY_NAME.get(name)
    home = getattr(operation if is_function(operation) else type(operation), "__module__", None) or ""
    if found is None or not home.startswith(found.homes):
        return LayerSpec(result="float", note=_why_unknown(operation, name, home))
    if found.inner is not None:
        return layer_spec(found.inner(operation))
    settled = found.of_settings(found, operation) if found.of_settings else found
    return settled if settled.note else settled.but(note=f"no rule for {name}")


def call_spec(operation: Any, call: CallInfo) -> LayerSpec:
    """Return the spec for one call, whose arguments may ask for what the layer's form cannot do."""
    spec = layer_spec(operation)
    return spec if spec.of_call is None or spec.result == "float" else spec.of_call(spec, operation, call)


def channel_rule_of(operation: Any) -> Rule | None:
    """Return how channels pass through a layer, an operation or an activation; None where that is unknown."""
    activation = getattr(operation, "activation", None)
    if hasattr(activation, "trainable_weights") and channel_rule_of(activation) is not same:
        return None  # an activation that is a layer, with weights of its own perhaps
    if name_of(operation) in _BY_NAME or is_function(operation) or not _is_operation(operation):
        return layer_spec(operation).channels
    found = _BY_KIND.get(_plain(kind_of(operation)))
    return None if found is None else found.channels


def examples() -> dict[str, Example]:
    """Return the small models of all layers, by title."""
    return {example.title: example for spec in SPECS for example in spec.examples}


def layout_of(layer: Any, name: str) -> KernelLayout:
    """Return the axes of a weight, also of a class that inherits from one of Keras; most are (…, input, output)."""
    spec = inherited_layer_spec(layer)
    settled = spec.of_settings(spec, layer) if spec.kernels and spec.of_settings else spec
    return settled.kernels.get(name) or _LAYOUTS.get(name, KernelLayout())


def inherited_layer_spec(layer: Any) -> LayerSpec:
    """Return the spec of the nearest class of Keras above that of a layer, whose computation may be another one."""
    for base in type(layer).__mro__:
        spec = _BY_NAME.get(base.__name__)
        if spec is not None and base.__module__.startswith(spec.homes):
            return spec
    norm = any("Norm" in base.__name__ for base in type(layer).__mro__)  # of the user's own, or of another library
    return LayerSpec(result="float", note=f"no rule for {name_of(layer)}", prunable=not norm)


def name_of(operation: Any) -> str:
    """Return the name under which the catalogue knows a layer, an operation or a function."""
    symbol = getattr(operation, "symbol", None)  # an operation of TensorFlow in a model of tf_keras
    if isinstance(symbol, str):
        return symbol.removeprefix("tf.").removeprefix("compat.v1.")
    return operation.__name__ if is_function(operation) else type(operation).__name__


def is_function(operation: Any) -> bool:
    """Tell whether it is a function and not a layer or an operation."""
    return isinstance(getattr(operation, "__name__", None), str) and not hasattr(operation, "trainable")


def _is_operation(operation: Any) -> bool:
    """Tell whether it is an operation of a Keras, and no layer."""
    is_layer = hasattr(operation, "trainable_weights") and not hasattr(operation, "symbol")
    return not is_layer and type(operation).__module__.startswith(("keras.", "tf_keras."))


def _why_unknown(operation: Any, name: str, home: str) -> str:
    if is_function(operation):
        return f"no rule for the activation {name}"
    return f"no rule for {name}" if home.startswith(LayerSpec().homes) else "a custom layer without int8_call"


def _custom(quantizer: Any, layer: Any, *args: Any, **kwargs: Any) -> Any:
    return layer.int8_call(quantizer, *args, **kwargs)


CUSTOM = LayerSpec(note="custom: int8_call", rounded=_custom)
"""The spec of a custom layer that brings its own form."""
_LAYOUTS = {"depthwise_kernel": convolution.BY_CHANNEL, **embedding.TABLE}
"""Those of weights that any layer gives such a name."""
