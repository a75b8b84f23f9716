"""TimeDistributed: a layer that computes each step of a sequence by itself, as if steps were samples.

In: the layer, a `Quantizer`, a sequence. Out: its spec, and its form; steps as samples, and the way back. Training
opens the layer: what is inside it trains as anywhere else.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers.channel_rules import recurrent_rules
from tfcompress.layers.example import LINE, Example
from tfcompress.layers.layer_spec import LayerSpec
from tfcompress.layers.quantizer import Quantizer, mask_of


def as_samples(tensor: Any, axes: int = 1) -> Any:
    """Return a tensor whose steps are samples, with its mask if that has more than a number a step.

    Args:
        tensor: (batch, steps, …), with so many axes of steps.
        axes: Their number.
    """
    import tensorflow as tf

    samples = tf.reshape(tensor, [-1, *_sizes(tensor)[1 + axes :]])
    mask = mask_of(tensor)
    if mask is not None and len(mask.shape) > 1 + axes:
        samples._keras_mask = as_samples(mask, axes)
    return samples


def as_steps(tensor: Any, sequence: Any, axes: int = 1) -> Any:
    """Return a tensor whose samples are the steps of a sequence again."""
    import tensorflow as tf

    steps = _sizes(sequence)[1 : 1 + axes]
    whole = all(isinstance(size, int) for size in steps)
    first = -1 if sequence.shape[0] is None and whole else _sizes(sequence)[0]
    return tf.reshape(tensor, [first, *steps, *_sizes(tensor)[1:]])


def mask_of_steps(layer: Any, sequence: Any, mask: Any, axes: int, numbers: Any) -> Any:
    """Return the mask that a layer gives what it makes of each step: its own, or that of the steps.

    Args:
        layer: The layer inside.
        sequence: What it reads, perhaps symbolic.
        mask: The mask of that, or None.
        axes: The number of axes of steps.
        numbers: `keras.ops` or TensorFlow, whichever computes with symbolic tensors.
    """
    steps = mask is None or len(mask.shape) <= 1 + axes
    inner = None if steps else numbers.reshape(mask, [-1, *mask.shape[1 + axes :]])
    made = None
    if getattr(layer, "supports_masking", False):
        made = layer.compute_mask(numbers.reshape(sequence, [-1, *sequence.shape[1 + axes :]]), inner)
    if made is not None:
        return numbers.reshape(made, [-1, *sequence.shape[1 : 1 + axes], *made.shape[1:]])
    if steps:
        return mask
    some = getattr(numbers, "any", None) or numbers.reduce_any
    return some(mask, axis=list(range(1 + axes, len(mask.shape))))


def _sizes(tensor: Any) -> list[Any]:
    """Return the sizes of a tensor: numbers where they are known, else tensors."""
    import tensorflow as tf

    open_ones = tf.shape(tensor) if None in tensor.shape else None
    return [open_ones[axis] if size is None else size for axis, size in enumerate(tensor.shape)]


def distributed(_: Quantizer, layer: Any, x: Any, mask: Any = None, **__: Any) -> Any:
    """Call the layer inside once, on all steps."""
    mask = mask_of(x) if mask is None else mask
    samples = as_samples(x)
    if mask is not None and len(mask.shape) > 2:
        samples._keras_mask = as_samples(mask)
    return as_steps(layer.layer(samples), x)


_EXAMPLES = (
    Example("TimeDistributed", lambda k, x: k.layers.TimeDistributed(k.layers.Dense(3, activation="relu"))(x), LINE),
    Example("TimeDistributed convolution", lambda k, x: k.layers.TimeDistributed(k.layers.Conv1D(3, 3))(x)),
)

SPECS = (
    LayerSpec(
        ("TimeDistributed",),
        examples=_EXAMPLES,
        note="",
        channels=recurrent_rules.distributed,
        int8=distributed,
        each_step=lambda layer: layer.layer,
        trained_since=None,
    ),
)
