"""Attention: projections, products of what they make, and a softmax.

In: a layer, a `Quantizer`, the arguments of its call. Out: its spec, and its form in steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tfcompress.layers.activation_forms import SIGMOID_RANGE
from tfcompress.layers.channel_rules import recurrent_rules
from tfcompress.layers.dense import einsum_layouts
from tfcompress.layers.example import LINE, Example
from tfcompress.layers.kernels import weighted
from tfcompress.layers.quantizer import Quantizer, as_keras
from tfcompress.layers.spec import CallInfo, LayerSpec


def attention(quantizer: Quantizer, layer: Any, query: Any, value: Any, key: Any = None, **kwargs: Any) -> Any:
    """Multi-head attention: four projections, two matrix products and a softmax."""
    import tensorflow as tf

    def projected(dense: Any, x: Any) -> Any:
        return weighted(quantizer, dense, einsum_layouts(dense), x)

    key = value if key is None else key
    q = quantizer.activation(projected(layer._query_dense, query), "query")
    k = quantizer.activation(projected(layer._key_dense, key), "key")
    v = quantizer.activation(projected(layer._value_dense, value), "value")
    q = quantizer.activation(q * (1 / math.sqrt(float(layer._key_dim))), "scaled")
    q, k, v = (tf.transpose(tensor, [0, 2, 1, 3]) for tensor in (q, k, v))
    scores = quantizer.activation(tf.matmul(q, k, transpose_b=True), "scores")
    if kwargs.get("use_causal_mask"):
        allowed = tf.linalg.band_part(tf.ones(scores.shape[-2:]), -1, 0)
        scores = quantizer.activation(scores - 32.0 * (1.0 - allowed), "masked")
    weights = quantizer.fixed(tf.nn.softmax(scores), *SIGMOID_RANGE)
    if quantizer.training:
        weights = layer._dropout_layer(weights)
    mixed = quantizer.activation(tf.transpose(tf.matmul(weights, v), [0, 2, 1, 3]), "mixed")
    return projected(layer._output_dense, mixed)


def through_softmax(_: Quantizer, layer: Any, *args: Any, **kwargs: Any) -> Any:
    """Through its Softmax layer instead of a fused function, in which a mask is minus infinity."""
    if kwargs.get("return_attention_scores"):
        return as_keras(layer, *args, **kwargs)
    return as_keras(layer, *args, **{**kwargs, "return_attention_scores": True})[0]


def by_arguments(spec: LayerSpec, layer: Any, call: CallInfo) -> LayerSpec:
    """Keep in float what the form cannot do."""
    told = {key for key, value in call.kwargs.items() if value is not None and value is not False}
    if len(call.args) > 3 or told - {"query", "value", "key", "training", "use_causal_mask"}:
        return spec.stays_float("a mask, or scores as a second result")
    if getattr(layer, "_use_gate", False):
        return spec.stays_float("a gate")
    if len(call.shapes[0]) != 3:
        return spec.stays_float("attention over other axes than the second")
    return spec


def _attended(**settings: Any) -> Callable[[Any, Any], Any]:
    return lambda k, x: k.layers.MultiHeadAttention(2, 4)(x, x, **settings)


_EXAMPLES = (
    Example("MultiHeadAttention", _attended(), LINE),
    Example("MultiHeadAttention, causal", _attended(use_causal_mask=True), LINE),
)

SPECS = (
    LayerSpec(
        ("MultiHeadAttention",),
        examples=_EXAMPLES,
        channels=recurrent_rules.attention,
        note="int8 steps",
        int8=through_softmax,
        rounded=attention,
        of_call=by_arguments,
    ),
)
