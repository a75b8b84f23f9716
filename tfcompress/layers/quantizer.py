"""What the integer form of a layer asks for at each value that the file holds as integers.

In: a tensor inside a form. Out: the tensor, rounded and tracked in training, and as it is in calibration.
"""

from __future__ import annotations

from typing import Any, Protocol


class Quantizer(Protocol):
    """What a form gets to round with; custom layers get it in `int8_call`."""

    training: bool
    input_step: Any
    """The int8 step of what the layer, or the convolution before it, reads; None in training or where it is unknown."""
    host: Any
    """The layer with a kernel that this one becomes part of, or None."""
    host_step: Any
    """The worth of 1 in the int32 sums of that layer, a number a channel; None where it is unknown."""

    def activation(self, tensor: Any, name: str) -> Any:
        """Round an intermediate result to a range that is tracked under `name`."""

    def fixed(self, tensor: Any, low: float, high: float) -> Any:
        """Round an intermediate result to a range that is known."""
