"""The steps of kernels of four bits, which train with the weights.

In: layers whose kernels have four bits. Out: for each kernel the step between two of its values, a variable of the
layer's quantized step.
Source: Esser et al., "Learned Step Size Quantization", ICLR 2020. A step is what it was at first times e to the power
of what is learned: so it stays above zero, and one rate of the user's serves weights and steps, by adaptive optimizers
as well, which would take back a factor on the gradient. Weight decay draws it to what it was at first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tfcompress.int4 import LARGEST, least_error_scales
from tfcompress.layers.catalogue import layer_spec
from tfcompress.training.quantization.int4_kernels import Kernels


class LearnedSteps:
    """The steps of all kernels of four bits in a model.

    Args:
        kernels: The kernels of four bits.
    """

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels
        self._held: dict[tuple[int, str], tuple[Any, Any]] = {}
        self._rates: dict[tuple[int, str], float] = {}

    def add(self, owner: Any, layer: Any) -> None:
        """Make the steps of a layer, variables of `owner`, unless an earlier call of the layer has made them."""
        for name, layout in layer_spec(layer).kernels.items():
            key = (id(layer), name)
            if key in self._held or key not in self._kernels:
                continue
            weights = np.asarray(getattr(layer, name))
            first = least_error_scales(weights, layout.int4_scales)
            settings = {"shape": first.shape, "initializer": "zeros"}
            start = owner.add_weight(name=f"{name}_step", trainable=False, **settings)
            start.assign(first)
            self._held[key] = (
                start,
                owner.add_weight(
                    # Named after the layer, as .h5 files of tf_keras keep what the optimizer holds of it by name.
                    name=f"{owner.name}_{name}_growth",
                    trainable=True,
                    **settings,
                ),
            )
            self._rates[key] = 1 / math.sqrt(LARGEST * weights.size / first.size)

    def step_of(self, layer: Any, name: str) -> Any:
        """Return the step of a kernel, of a shape that it divides by; None for a kernel of 8 bits."""
        import tensorflow as tf

        key = (id(layer), name)
        if key not in self._held:
            return None
        start, growth = map(tf.convert_to_tensor, self._held[key])
        slow = growth * self._rates[key]  # the paper's factor on the gradient, for optimizers that do not adapt
        return start * tf.exp(slow + tf.stop_gradient(growth - slow))
