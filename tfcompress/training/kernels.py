"""Which weights of a model can be pruned: its kernels, wherever they are.

In: a built model of either Keras. Out: its kernels, and those that `include` and `exclude` choose. Goes by
variable, not by layer type: whatever trains, has two axes or more and is neither a bias nor part of a
normalisation is a kernel. Knows nothing of schedules and masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfcompress import kerases
from tfcompress.errors import ModelError, SelectionError
from tfcompress.selection import Patterns, select
from tfcompress.training.layouts import Fold, fold_of

NOT_KERNELS = ("alpha", "beta", "gamma")
"""Names of weights that scale or shift channels, whatever their number of axes."""


@dataclass(frozen=True)
class Kernel:
    """One prunable variable.

    Args:
        path: Layer path and variable name, such as "block/conv/kernel".
        owner: The path under which the layer is selected; cells of recurrent layers go by the layer around them.
        variable: The variable, of either Keras.
        fold: How the runtime lays it out.
        trains: Whether the optimizer changes it.
    """

    path: str
    owner: str
    variable: Any
    fold: Fold
    trains: bool

    def read(self) -> np.ndarray:
        """Return the numbers, copied."""
        return np.array(self.variable.numpy())

    def write(self, value: np.ndarray) -> None:
        """Set the numbers, on every replica."""
        self.variable.assign(value)


def kernels_of(model: Any) -> list[Kernel]:
    """List every kernel of a model once, frozen ones too.

    Raises:
        ModelError: the model is none, is not built or has no kernel.
    """
    kerases.flavour(model)
    kerases.require_built(model)
    by_path = dict(_layers(model))
    training = {id(variable) for variable in model.trainable_variables}
    found: dict[int, Kernel] = {}
    for weight in kerases.weights(model):
        if not _is_kernel(weight) or id(weight.variable) in found:
            continue
        shape = tuple(weight.variable.shape)
        owner = weight.path.rpartition("/")[0] or model.name
        above = owner.rpartition("/")[0]
        if type(weight.layer).__name__.endswith("Cell") and above in by_path:
            owner = above
        fold = fold_of(weight.layer, weight.name, shape)
        found[id(weight.variable)] = Kernel(weight.path, owner, weight.variable, fold, id(weight.variable) in training)
    if not found:
        raise ModelError(
            "The model must have a kernel: a weight of two axes or more that is neither bias nor normalisation.",
            received=f"the model {model.name!r} with the layers {', '.join(by_path)}",
            todo="There is nothing to prune in it.",
        )
    return list(found.values())


def choose(model: Any, include: Patterns = None, exclude: Patterns = None) -> list[Kernel]:
    """List the kernels that train and that `include` selects and `exclude` does not.

    Raises:
        SelectionError: a pattern matches no layer, or no kernel that trains is left.
        ModelError: the model is none, is not built or has no kernel.
    """
    kernels = kernels_of(model)
    chosen = select(_layers(model), include, exclude)
    selected = [kernel for kernel in kernels if kernel.owner in chosen and kernel.trains]
    if not selected:
        frozen = [kernel.path for kernel in kernels if kernel.owner in chosen]
        raise SelectionError(
            "The selection must hold at least one kernel that trains.",
            received=f"include={include!r}, exclude={exclude!r}" + (f"; frozen: {', '.join(frozen)}" if frozen else ""),
            todo=f"The layers with kernels are: {', '.join(dict.fromkeys(k.owner for k in kernels))}.",
        )
    return selected


def _layers(model: Any) -> Sequence[tuple[str, Any]]:
    return [(model.name, model), *kerases.layers(model)]


def _is_kernel(weight: kerases.Weight) -> bool:
    variable = weight.variable
    if len(variable.shape) < 2 or "float" not in str(np.dtype(_dtype_name(variable))):
        return False
    if "bias" in weight.name or weight.name in NOT_KERNELS:
        return False
    return not any("Norm" in base.__name__ for base in type(weight.layer).__mro__)


def _dtype_name(variable: Any) -> str:
    return variable.dtype if isinstance(variable.dtype, str) else variable.dtype.name
