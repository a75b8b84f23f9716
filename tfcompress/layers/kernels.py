"""Calling a layer with its kernels on their int8 grids, and the scale of the int32 sums that it makes.

In: a layer, a `Quantizer`, the arguments of its call. Out: the sums, with the kernel rounded for each channel and, in
inference, the bias rounded to the steps of int32, or to int8 where an op of its own adds it. The result itself is
rounded by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tfcompress.layers.layer_spec import Form, Fusion, KernelLayout, LayerSpec
from tfcompress.layers.quantizer import Quantizer
from tfcompress.layers.rounding import round_bias, round_constant

Layouts = Mapping[str, KernelLayout]


def with_kernels_of(layouts: Layouts) -> Form:
    """Return the form of a layer that has those kernels."""

    def form(quantizer: Quantizer, layer: Any, *args: Any, **kwargs: Any) -> Any:
        return weighted(quantizer, layer, layouts, *args, **kwargs)

    return form


def with_bias_behind(layouts: Layouts) -> Form:
    """Return the form of a layer whose bias an op of its own adds in the file, behind sums that are rounded."""

    def form(quantizer: Quantizer, layer: Any, *args: Any, **kwargs: Any) -> Any:
        import tensorflow as tf

        bias = tf.convert_to_tensor(layer.bias)
        with hidden(layer, "bias"):
            sums = quantizer.activation(weighted(quantizer, layer, layouts, *args, **kwargs), "products")
        return sums + round_constant(bias)

    return form


def kernel_spec(layouts: Layouts, channels: Callable[..., Any], **more: Any) -> LayerSpec:
    """Return the spec of a layer that multiplies with kernels, adds a bias and takes in the activation behind it.

    Args:
        layouts: Its kernels.
        channels: How channels pass through it.
        more: Further fields, and those that differ.
    """
    usual: dict[str, Any] = {
        "note": "int8 kernel per channel",
        "fusion": Fusion.ABSORBS_NEXT,
        "rounded": with_kernels_of(layouts),
        "inline_activation": True,
        "bias": True,
    }
    return LayerSpec(kernels=layouts, channels=channels, **(usual | more))


def weighted(quantizer: Quantizer, layer: Any, layouts: Layouts, *args: Any, **kwargs: Any) -> Any:
    """Call a layer with its kernels rounded for each channel, and without its activation."""
    import tensorflow as tf

    rounded = {name: quantizer.kernel(layer, name, layout) for name, layout in layouts.items() if hasattr(layer, name)}
    if quantizer.input_step is not None and getattr(layer, "bias", None) is not None:
        unit = product_step(quantizer, layer, layouts, quantizer.input_step)
        rounded |= {} if unit is None else {"bias": round_bias(tf.convert_to_tensor(layer.bias), unit)}
    with replaced(layer, rounded):
        return layer(*args, **kwargs)


def product_step(quantizer: Quantizer, layer: Any, layouts: Layouts, input_step: Any) -> Any:
    """Return the step of the sums that the last kernel of a layer makes, for each output channel; None if unknown."""
    import tensorflow as tf

    held = [(name, layout) for name, layout in layouts.items() if hasattr(layer, name)]
    if not held or not held[-1][1].scales_bias:
        return None
    name, layout = held[-1]
    return input_step * tf.reshape(quantizer.kernel_step(layer, name, layout), [-1])


@contextmanager
def replaced(layer: Any, tensors: dict[str, Any]) -> Iterator[None]:
    """Let a layer see tensors in place of its variables, and no activation, while the block runs."""
    with hidden(layer, "activation", linear):
        if hasattr(layer, "_trainable_variables"):  # Keras 3
            import keras

            mapping = [(getattr(layer, name), tensor) for name, tensor in tensors.items()]
            scope = keras.StatelessScope(state_mapping=mapping, collect_losses=True)
            with scope:
                yield
            for loss in scope.losses:  # such as those of an activity regularizer
                layer.add_loss(loss)
        else:
            kept = {name: layer.__dict__[name] for name in tensors}
            try:
                layer.__dict__.update(tensors)
                yield
            finally:
                layer.__dict__.update(kept)


@contextmanager
def hidden(layer: Any, name: str, shown: Any = None) -> Iterator[None]:
    """Let a layer see something else in place of one of its attributes, where it has that, while the block runs."""
    value = getattr(layer, name, None)
    if value is not None:
        object.__setattr__(layer, name, shown)
    try:
        yield
    finally:
        if value is not None:
            object.__setattr__(layer, name, value)


def linear(tensor: Any) -> Any:
    """Return the tensor itself."""
    return tensor
