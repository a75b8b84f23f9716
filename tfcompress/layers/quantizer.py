"""What the integer form of a layer asks for at each value that the file holds as integers.

In: a tensor inside a form. Out: the tensor, rounded and tracked in training, and as it is in calibration, which
measures ranges in the float file.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from tfcompress.layers.layer_spec import KernelLayout
from tfcompress.layers.rounding import int16_end, round_to_int16

INT16 = "in_int16"
"""The name scope of what is computed in int16 in an integer file."""


WIDEST_INVERSE = 32.0
"""The range of an inverse root in int16 ends at this over the root of its input's range. The kernel interpolates 256
entries of a table: below the first of them this end comes closest to the root; the largest one seen is far off."""


class Quantizer(Protocol):
    """What a form gets to round with; custom layers get it in `int8_call`."""

    path: str
    """The layer's path, for messages."""
    may_fuse: bool
    """Whether one op in int8 will do for a recurrent layer."""
    training: bool
    tracks: bool
    """Whether ranges take note of what they see."""
    unrolls: bool
    """Whether sequences are written out step by step: while a model is exported, as an integer file has no loops."""
    rounds_as_kernels: bool
    """Whether values are to be those of the device's kernels: in inference with a quantization-aware model."""
    input_step: Any
    """The int8 step of what the layer, or the convolution before it, reads; None in training or where it is unknown."""
    input_grid_step: Any
    """The int8 step of what a layer of `input_range` reads, in training too; None where that is not rounded."""
    host: Any
    """The layer with a kernel that this one becomes part of, or None."""
    host_step: Any
    """The scale of that layer's int32 accumulators, a number a channel; None where it is unknown."""

    def activation(self, tensor: Any, name: str, unit: Any = None) -> Any:
        """Round an intermediate result to a range that is tracked under `name`.

        Args:
            tensor: The result.
            name: The range.
            unit: The worth of 1 in the int32 sums that it is, by which kernels round; None where it is none, or
                the kernel rounds but once.
        """

    def fixed(self, tensor: Any, low: float, high: float) -> Any:
        """Round an intermediate result to a range that is known."""

    def weight(self, tensor: Any, keep: Sequence[int]) -> Any:
        """Round a weight to symmetric int8, with a scale for each index of the axes `keep`."""

    def kernel(self, layer: Any, name: str, layout: KernelLayout) -> Any:
        """Return a kernel of a layer, rounded to the bits that the scheme gives it."""

    def kernel_step(self, layer: Any, name: str, layout: KernelLayout) -> Any:
        """Return the step between two values of a kernel, for each index of the axes that have one of their own."""

    def range_of(self, name: str) -> tuple[Any, Any] | None:
        """Return the range tracked under `name`, (0, 0) before any data; None where nothing is to be rounded."""

    def int16(self, tensor: Any, name: str) -> Any:
        """Track the range of an intermediate result that is in int16 in the file; its steps are too fine to matter."""

    def bounds_of(self, tensor: Any) -> tuple[Any, Any] | None:
        """Return the range of a tensor that the layer is called on; None where ops in int16 read it as it is."""

    def inverse_root(self, tensor: Any, name: str, result: str) -> Any:
        """Return one over the root of a tensor that is in int16 under `name`, in int16 under `result`."""

    def projected(self, layer: Any, x: Any) -> Any:
        """Call a layer inside the layer, with its kernels rounded and without its activation."""

    def int16_scope(self) -> AbstractContextManager[Any]:
        """Name what is computed while the block runs so that the file has it in int16."""
        ...


@dataclass(frozen=True)
class Unrounded:
    """The quantizer of calibration: it leaves every value as it is."""

    path: str = ""
    """The layer's path, for messages."""
    may_fuse: bool = True
    """Whether one op in int8 will do for a recurrent layer."""

    training = tracks = rounds_as_kernels = False
    unrolls = True
    input_step = input_grid_step = host = host_step = None

    def activation(self, tensor: Any, name: str, unit: Any = None) -> Any:
        """Do nothing."""
        return tensor

    def weight(self, tensor: Any, keep: Sequence[int]) -> Any:
        """Do nothing: the converter rounds weights."""
        return tensor

    def kernel(self, layer: Any, name: str, layout: KernelLayout) -> Any:
        """Return it as it is."""
        return getattr(layer, name)

    def kernel_step(self, layer: Any, name: str, layout: KernelLayout) -> None:
        """Know nothing."""

    def range_of(self, name: str) -> None:
        """Know nothing."""

    def fixed(self, tensor: Any, low: float, high: float) -> Any:
        """Do nothing."""
        return tensor

    def int16(self, tensor: Any, name: str) -> Any:
        """Do nothing."""
        return tensor

    def bounds_of(self, tensor: Any) -> None:
        """Know nothing."""

    def inverse_root(self, tensor: Any, name: str, result: str) -> Any:
        """Compute it."""
        import tensorflow as tf

        return tf.math.rsqrt(tensor)

    def projected(self, layer: Any, x: Any) -> Any:
        """Call the layer; the converter rounds its kernels."""
        return layer(x)

    def int16_scope(self) -> AbstractContextManager[Any]:
        """Put the name into those of tensors, which the file tells."""
        import tensorflow as tf

        return tf.name_scope(INT16)


def read_in_int16(quantizer: Quantizer, tensor: Any) -> Any:
    """Return a tensor that a layer is called on as ops in int16 read it: rounded to steps that hold none of int8."""
    bounds = quantizer.bounds_of(tensor)
    return tensor if bounds is None else round_to_int16(tensor, int16_end(*bounds) / 32767.0)


def step_between(bounds: tuple[Any, Any] | None) -> Any:
    """Return the int8 step of a range; None where it is unknown."""
    return None if bounds is None else (bounds[1] - bounds[0]) / 255.0


def mask_of(tensor: Any) -> Any:
    """Return the mask that Keras has attached to a tensor; None if there is none."""
    return getattr(tensor, "_keras_mask", None)


def unmasked(tensor: Any) -> Any:
    """Return a tensor without the mask that Keras has attached to it."""
    import tensorflow as tf

    return tensor if mask_of(tensor) is None else tf.identity(tensor)


def as_keras(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """Compute a layer as Keras does, also while its `call` is another one."""
    return type(layer).call(layer, *args, **kwargs)
