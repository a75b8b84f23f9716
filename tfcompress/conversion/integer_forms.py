"""Layers whose Keras form has no good integer form compute the same in another one, while a model is exported.

In: a float model of either Keras. Out: nothing; while the block runs, those layers are called in the other form, with
the same weights. Values that span a wide range, such as a variance, are computed under the scope INT16, which is in
int16 in the file: int8 has 255 steps from the smallest to the largest variance, too few for most models.
Knows nothing of files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from tfcompress import kerases
from tfcompress.conversion.recurrent_forms import INT16, STEPS, recurrent

MASKED = -128.0
"""Added to the scores that a mask takes out; e ** -128 is nothing, and a range that holds it keeps its fine steps."""


def layer_norm(layer: Any, call: Callable[..., Any], x: Any, **_: Any) -> Any:
    """LayerNormalization: centred, then divided by the root of the mean square."""
    import tensorflow as tf

    if getattr(layer, "rms_scaling", False):  # an old mixture of both norms
        return call(x)
    axes = _axes(layer, x)
    shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
    with tf.name_scope(INT16):
        centred = x - tf.reduce_mean(x, axes, keepdims=True)
        return _with_gain(_over_root(centred, axes, layer.epsilon), layer, shape)


def group_norm(layer: Any, _: Callable[..., Any], x: Any, **__: Any) -> Any:
    """GroupNormalization over the last axis."""
    import tensorflow as tf

    channels = x.shape[-1]
    groups = channels if layer.groups == -1 else layer.groups
    with tf.name_scope(INT16):
        parts = tf.reshape(x, [x.shape[0], math.prod(x.shape[1:-1]), groups, channels // groups])
        parts = parts - tf.reduce_mean(parts, [1, 3], keepdims=True)
        whole = tf.reshape(_over_root(parts, [1, 3], layer.epsilon), x.shape)
        return _with_gain(whole, layer, [*[1] * (len(x.shape) - 1), channels])


def rms_norm(layer: Any, _: Callable[..., Any], x: Any, **__: Any) -> Any:
    """RMSNormalization: divided by the root of the mean square."""
    import tensorflow as tf

    axes = _axes(layer, x)
    shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
    with tf.name_scope(INT16):
        return _over_root(x, axes, layer.epsilon) * tf.reshape(tf.convert_to_tensor(layer.scale), shape)


def unit_norm(layer: Any, _: Callable[..., Any], x: Any, **__: Any) -> Any:
    """UnitNormalization: divided by the root of the sum of squares."""
    import tensorflow as tf

    axes = _axes(layer, x)
    with tf.name_scope(INT16):
        return _over_root(x, axes, 1e-12) * math.prod(x.shape[axis] for axis in axes) ** -0.5


def softmax(layer: Any, call: Callable[..., Any], x: Any, mask: Any = None, **kwargs: Any) -> Any:
    """Softmax with a mask: what is masked is far below the rest, instead of minus infinity."""
    import tensorflow as tf

    if mask is None or _axes(layer, x) != [len(x.shape) - 1]:
        return call(x, mask, **kwargs)
    with tf.name_scope(INT16):
        return tf.nn.softmax(x + (1.0 - tf.cast(mask, x.dtype)) * MASKED)


def attention(layer: Any, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """MultiHeadAttention through its Softmax layer instead of a fused function, in which a mask is minus infinity."""
    if kwargs.get("return_attention_scores"):
        return call(*args, **kwargs)
    return call(*args, **{**kwargs, "return_attention_scores": True})[0]


def embedding(layer: Any, _: Callable[..., Any], ids: Any, **__: Any) -> Any:
    """Embedding: rows of the table, by ids that are not negative."""
    import tensorflow as tf

    table = tf.convert_to_tensor(layer.embeddings)
    return tf.gather(table, ids if ids.dtype in (tf.int32, tf.int64) else tf.cast(ids, tf.int32))


def upsampling(layer: Any, call: Callable[..., Any], x: Any, **_: Any) -> Any:
    """Nearest upsampling by the resize kernel, which every runtime has."""
    import tensorflow as tf

    if getattr(layer, "interpolation", "nearest") != "nearest" or not _is_last(layer):
        return call(x)
    flat = x[:, tf.newaxis] if len(x.shape) == 3 else x
    factors = (1, layer.size if isinstance(layer.size, int) else layer.size[0]) if len(x.shape) == 3 else layer.size
    size = [flat.shape[1] * factors[0], flat.shape[2] * factors[1]]
    # Without half pixel centres, as the centre of an output pixel lies in the pixel that it repeats either way.
    big = tf.compat.v1.image.resize_nearest_neighbor(flat, size)
    return tf.squeeze(big, 1) if len(x.shape) == 3 else big


def elu(x: Any, alpha: float = 1.0) -> Any:
    """ELU with an exponential of nothing above zero; not by a minimum, which has one scale with what it is taken of."""
    import tensorflow as tf

    positive = tf.nn.relu(x)
    return positive + alpha * (tf.exp(x - positive) - 1.0)


def elu_layer(layer: Any, _: Callable[..., Any], x: Any, **__: Any) -> Any:
    """The layer ELU."""
    return elu(x, float(layer.alpha))


def selu(x: Any) -> Any:
    """SELU with an exponential of nothing above zero."""
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return scale * elu(x, alpha)


def softplus(x: Any) -> Any:
    """Softplus with an exponential of nothing above zero."""
    import tensorflow as tf

    return tf.nn.relu(x) + tf.math.log(1.0 + tf.exp(-tf.abs(x)))


FORMS: dict[str, Callable[..., Any]] = {
    "LayerNormalization": layer_norm,
    "GroupNormalization": group_norm,
    "RMSNormalization": rms_norm,
    "UnitNormalization": unit_norm,
    "Softmax": softmax,
    "MultiHeadAttention": attention,
    "Embedding": embedding,
    "UpSampling1D": upsampling,
    "UpSampling2D": upsampling,
    "ELU": elu_layer,
}
ACTIVATIONS: dict[str, Callable[..., Any]] = {"elu": elu, "selu": selu, "softplus": softplus}


@contextmanager
def integer_forms(model: Any, may_fuse: Callable[[str], bool] = lambda _: True) -> Iterator[None]:
    """Call layers in their integer form while the block runs.

    Args:
        model: A model of either Keras.
        may_fuse: Tells from the path of a recurrent layer whether one op in int8 will do for it.
    """
    with ExitStack() as stack:
        for path, layer in kerases.layers(model):
            if not type(layer).__module__.startswith(("keras.", "tf_keras.")):
                continue
            kind = type(layer).__name__
            if kind in STEPS:
                stack.enter_context(_replaced(layer, "call", partial(recurrent, layer, path, may_fuse(path))))
            elif hasattr(layer, "unroll"):  # RNN with any cell
                stack.enter_context(_replaced(layer, "unroll", True))
            form = FORMS.get(kind)
            if form is not None and (form is not group_norm or _is_last(layer)):
                stack.enter_context(_replaced(layer, "call", partial(form, layer, layer.call)))
            activation = getattr(layer, "activation", None) if kind not in STEPS else None
            name = getattr(activation, "__name__", "")
            if name in ACTIVATIONS and getattr(activation, "__module__", "").startswith(("keras.", "tf_keras.")):
                stack.enter_context(_replaced(layer, "activation", ACTIVATIONS[name]))
        yield


@contextmanager
def _replaced(layer: Any, name: str, value: Any) -> Iterator[None]:
    """Put a value in the place of an attribute without Keras taking note."""
    own = vars(layer).get(name)
    object.__setattr__(layer, name, value)
    try:
        yield
    finally:
        if own is None:
            object.__delattr__(layer, name)
        else:
            object.__setattr__(layer, name, own)


def _is_last(layer: Any) -> bool:
    axis = getattr(layer, "axis", -1)
    return getattr(layer, "data_format", "channels_last") == "channels_last" and axis in (-1, [-1], (-1,))


def _axes(layer: Any, x: Any) -> list[int]:
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    return sorted(axis % len(x.shape) for axis in axes)


def _over_root(x: Any, axes: list[int], epsilon: float) -> Any:
    import tensorflow as tf

    return x * tf.math.rsqrt(tf.reduce_mean(x * x, axes, keepdims=True) + epsilon)


def _with_gain(x: Any, layer: Any, shape: list[int]) -> Any:
    import tensorflow as tf

    for name, combine in (("gamma", tf.multiply), ("beta", tf.add)):
        weight = getattr(layer, name, None)
        if weight is not None:
            x = combine(x, tf.reshape(tf.convert_to_tensor(weight), shape))
    return x
