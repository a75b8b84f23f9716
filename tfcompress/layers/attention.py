"""Attention: projections, products of what they make, and a softmax.

In: a layer, a `Quantizer`, the arguments of its call. Out: its spec, and its form in steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from tfcompress.layers.activation_forms import SIGMOID_RANGE, SIGMOID_STEP
from tfcompress.layers.activations import masked_softmax
from tfcompress.layers.channel_rules import recurrent_rules
from tfcompress.layers.example import LINE, Example
from tfcompress.layers.layer_spec import CallInfo, LayerSpec
from tfcompress.layers.quantizer import Quantizer, as_keras, mask_of, step_between, unmasked


def attention(quantizer: Quantizer, layer: Any, query: Any, value: Any, key: Any = None, **kwargs: Any) -> Any:
    """Multi-head attention: four projections, two matrix products and a softmax."""
    import tensorflow as tf

    if why_not(layer, len(query.shape), kwargs):
        return through_softmax(layer, query, value, key, **kwargs)
    mask = mask_of_scores(layer, query, value, key, kwargs)
    key = value if key is None else key
    query, key, value = unmasked(query), unmasked(key), unmasked(value)
    q = quantizer.activation(quantizer.projected(layer._query_dense, query), "query")
    k = quantizer.activation(quantizer.projected(layer._key_dense, key), "key")
    v = quantizer.activation(quantizer.projected(layer._value_dense, value), "value")
    if (shared := getattr(layer, "num_repeats", 1)) > 1:  # several heads of queries read one of keys and values
        heads = np.repeat(np.arange(k.shape[2]), shared)
        k, v = tf.gather(k, heads, axis=2), tf.gather(v, heads, axis=2)
    factor = 1 / math.sqrt(float(layer.head_dim if hasattr(layer, "head_dim") else layer._key_dim))

    def unit(name: str, other: Any) -> Any:
        """Return the worth of 1 in products of a range and what has another step."""
        step = step_between(quantizer.range_of(name))
        return None if step is None else step * other

    q = quantizer.activation(q * factor, "scaled", unit("query", factor / 255.0))
    q, k, v = (tf.transpose(tensor, [0, 2, 1, 3]) for tensor in (q, k, v))
    of_scores = unit("scaled", step_between(quantizer.range_of("key")))
    scores = quantizer.activation(tf.matmul(q, k, transpose_b=True), "scores", of_scores)
    weights = tf.nn.softmax(scores) if mask is None else masked_softmax(quantizer, scores, mask[:, np.newaxis])
    weights = quantizer.fixed(weights, *SIGMOID_RANGE)
    if quantizer.training:
        weights = layer._dropout_layer(weights)
    mixed = tf.transpose(tf.matmul(weights, v), [0, 2, 1, 3])
    mixed = quantizer.activation(mixed, "mixed", unit("value", SIGMOID_STEP))
    return quantizer.projected(layer._output_dense, mixed)


def mask_of_scores(layer: Any, query: Any, value: Any, key: Any, kwargs: Mapping[str, Any]) -> Any:
    """Return which scores count, of the shape (batch, queries, keys), as a tensor or an array; None: all of them."""
    import tensorflow as tf

    def mask(tensor: Any, name: str) -> Any:
        given = kwargs.get(name)
        return mask_of(tensor) if given is None else given

    parts = []
    if (of_queries := mask(query, "query_mask")) is not None:
        parts.append(tf.cast(of_queries, "bool")[:, :, tf.newaxis])
    for tensor, name in ((value, "value_mask"), (None if key is value else key, "key_mask")):
        of_keys = None if tensor is None else mask(tensor, name)
        if of_keys is not None:
            parts.append(tf.cast(of_keys, "bool")[:, tf.newaxis, :])
    if (asked := kwargs.get("attention_mask")) is not None:
        known = asked if isinstance(asked, np.ndarray) else tf.get_static_value(asked)
        parts.append(tf.cast(asked, "bool") if known is None else known.astype(bool))
    if kwargs.get("use_causal_mask"):
        parts.append(np.tri(query.shape[1], value.shape[1], dtype=bool)[np.newaxis])
    return None if not parts else reduce(tf.logical_and, parts)


def through_softmax(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """Through its Softmax layer instead of a fused function, in which a mask is minus infinity."""
    if kwargs.get("return_attention_scores"):
        return as_keras(layer, *args, **kwargs)
    return as_keras(layer, *args, **{**kwargs, "return_attention_scores": True})[0]


def why_not(layer: Any, rank: int, kwargs: Mapping[str, Any]) -> str:
    """Return why the form does not do for a call; "" where it does."""
    if kwargs.get("return_attention_scores"):
        return "scores as a second result"
    if any(getattr(layer, name, None) for name in ("_use_gate", "use_gate", "_sliding_window", "sliding_window")):
        return "a gate, or a sliding window"
    return "attention over other axes than the second" if rank != 3 else ""


def by_arguments(spec: LayerSpec, layer: Any, call: CallInfo) -> LayerSpec:
    """Keep in float what the form cannot do."""
    told = {key for key, value in call.kwargs.items() if value is not None and value is not False}
    if len(call.args) > 3 or (call.layout < 3 and told - {"query", "value", "key", "training", "use_causal_mask"}):
        return spec.stays_float("a mask, or scores as a second result")
    why = why_not(layer, len(call.shapes[0]), call.kwargs)
    return spec.stays_float(why) if why else spec


def _attended(**settings: Any) -> Callable[[Any, Any], Any]:
    return lambda k, x: k.layers.MultiHeadAttention(2, 4)(x, x, **settings)


_EXAMPLES = (
    Example("MultiHeadAttention", _attended(), LINE),
    Example("MultiHeadAttention, causal", _attended(use_causal_mask=True), LINE),
)
_GROUPED = Example(
    "GroupQueryAttention",
    lambda k, x: k.layers.GroupQueryAttention(4, 4, 2)(x, x),
    LINE,
    needs="layers.GroupQueryAttention",
)

SPECS = (
    LayerSpec(
        ("MultiHeadAttention",),
        examples=_EXAMPLES,
        channels=recurrent_rules.attention,
        note="int8 steps",
        int8=attention,
        of_call=by_arguments,
    ),
    LayerSpec(
        ("GroupedQueryAttention",),
        examples=(_GROUPED,),
        note="int8 steps",
        int8=attention,
        trained_since=3,
        of_call=by_arguments,
    ),
)
