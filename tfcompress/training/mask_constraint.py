"""Masks that hold inside the compiled training step, as weight constraints, in both Kerases.

In: a kernel. Out: a mask in a variable; after every optimizer step the weights it marks False are zero. Optimizers
read a variable's constraint when the step is traced, so the step must be traced anew after `hold` and `release`.
A constraint of the user's own is applied first. Knows nothing of schedules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfcompress.training.kernels import Kernel


class Mask:
    """A constraint that zeroes weights, after the user's own constraint.

    Args:
        kernel: What to hold.
        strategy: The model's distribution strategy; each replica gets a copy of the mask.
    """

    def __init__(self, kernel: Kernel, strategy: Any) -> None:
        self.kernel = kernel
        self.before = _constraint(kernel.variable)
        if isinstance(self.before, Mask):  # left by a fit that was interrupted
            self.before = self.before.before
        with strategy.scope():
            self.keep = tf.Variable(np.ones(kernel.fold.shape, bool), trainable=False)

    def __call__(self, weights: Any) -> Any:
        if self.before is not None:
            weights = self.before(weights)
        weights = tf.convert_to_tensor(weights)
        return tf.where(self.keep, weights, tf.zeros_like(weights))

    def hold(self) -> None:
        """Become the constraint of the kernel."""
        _set_constraint(self.kernel.variable, self)

    def release(self) -> None:
        """Give the kernel its own constraint back."""
        if _constraint(self.kernel.variable) is self:
            _set_constraint(self.kernel.variable, self.before)

    def update(self, keep: np.ndarray) -> None:
        """Set the mask and apply it."""
        self.keep.assign(keep)
        self.apply()

    def apply(self) -> None:
        """Zero what the mask marks; the user's constraint holds already."""
        weights = self.kernel.read()
        weights[~self.keep.numpy()] = 0
        self.kernel.write(weights)


def retrace(model: Any) -> None:
    """Have the training step of a model built anew, so that it reads the constraints again."""
    model.train_function = None
    model.make_train_function()


def _constraint(variable: Any) -> Callable[[Any], Any] | None:
    return variable.constraint


def _set_constraint(variable: Any, constraint: Callable[[Any], Any] | None) -> None:
    if hasattr(type(variable), "constraint") and type(variable).constraint.fset is not None:  # Keras 3
        variable.constraint = constraint
        return
    inner = getattr(variable, "_variable", variable)  # tf_keras wraps variables under mixed precision
    for copy in getattr(inner, "values", None) or (inner,):  # one for each replica
        copy._constraint = constraint
