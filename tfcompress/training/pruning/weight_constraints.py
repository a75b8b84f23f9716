"""Weight constraints of our own: what holds kernels inside the compiled training step, in both Kerases.

In: a kernel. Out: a constraint on its variable, which optimizers call after every step. They read it when the step is
traced, so the step must be traced anew after `hold` and `release`. Several of ours are applied in the order of their
`place`, after a constraint of the user's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import tensorflow as tf

from tfcompress.training.pruning.kernels import Kernel
from tfcompress.training.pruning.step_counter import inner_optimizers


class WeightConstraint:
    """Changes the weights of a kernel after every optimizer step, after the constraint that was there before.

    Args:
        kernel: What to hold.
    """

    place: ClassVar[int] = 0
    """Constraints of a higher place are applied later; one of the same place is replaced."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.before: Any = None

    def __call__(self, weights: Any) -> Any:
        weights = weights if self.before is None else self.before(weights)
        return self.held(tf.convert_to_tensor(weights))

    def held(self, weights: Any) -> Any:
        """Return weights as they are to be after a step."""
        raise NotImplementedError

    def hold(self) -> None:
        """Become a constraint of the kernel."""
        above, below = None, _constraint(self.kernel.variable)
        while isinstance(below, WeightConstraint) and below.place > self.place:
            above, below = below, below.before
        if isinstance(below, WeightConstraint) and below.place == self.place:  # such as one of an interrupted fit
            below = below.before
        self.before = below
        self._replace_below(above, self)

    def release(self) -> None:
        """Stop being a constraint of the kernel; the others stay."""
        above, below = None, _constraint(self.kernel.variable)
        while isinstance(below, WeightConstraint):
            if below is self:
                self._replace_below(above, self.before)
                return
            above, below = below, below.before

    def apply(self) -> None:
        """Change the weights now; the user's constraint holds already."""
        self.kernel.write(self.held(tf.convert_to_tensor(self.kernel.variable)).numpy())

    def apply_to_averages(self, optimizer: Any) -> None:
        """Change the optimizer's moving average of the kernel alike, which takes in weights before the constraint."""
        raise NotImplementedError

    def _replace_below(self, above: WeightConstraint | None, constraint: Any) -> None:
        if above is None:
            _set_constraint(self.kernel.variable, constraint)
        else:
            above.before = constraint


def constraint_of(kernel: Kernel, place: int) -> WeightConstraint | None:
    """Return the constraint of ours that holds a kernel in that place; None if there is none."""
    found = _constraint(kernel.variable)
    while isinstance(found, WeightConstraint):
        if found.place == place:
            return found
        found = found.before
    return None


def keeps_averages(optimizer: Any) -> bool:
    """Tell whether an optimizer keeps moving averages of the weights, to take their place."""
    return any(getattr(one, "use_ema", False) for one in inner_optimizers(optimizer))


def averages_of(variable: Any, optimizer: Any) -> list[Any]:
    """Return the moving averages that an optimizer keeps of a variable: one, or none."""
    found = []
    for one in inner_optimizers(optimizer):
        averages = getattr(one, "_model_variables_moving_average", None) or []
        if hasattr(one, "_index_dict"):  # tf_keras
            index = one._index_dict.get(one._var_key(variable)) if averages else None
            found += [] if index is None else [averages[index]]
        elif averages:
            pairs = zip(one._trainable_variables, averages, strict=True)
            found += [average for trained, average in pairs if trained is variable and average is not None]
    return found


def retrace(model: Any) -> None:
    """Have the training step of a model built anew, so that it reads the constraints again."""
    model.train_function = None
    model.make_train_function()


def _constraint(variable: Any) -> Callable[[Any], Any] | None:
    return variable.constraint


def _set_constraint(variable: Any, constraint: Callable[[Any], Any] | None) -> None:
    if hasattr(type(variable), "constraint") and type(variable).constraint.fset is not None:  # Keras 3
        variable._constraint = constraint  # the setter of older releases refuses other callables
        return
    inner = getattr(variable, "_variable", variable)  # tf_keras wraps variables under mixed precision
    for copy in getattr(inner, "values", None) or (inner,):  # one for each replica
        copy._constraint = constraint
