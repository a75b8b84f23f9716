"""Which weights of a model can be pruned: its kernels, wherever they are, and how the runtime lays them out.

In: a built model of either Keras. Out: its kernels, and those that `include` and `exclude` choose, each with its
fold to two axes. Goes by variable, not by layer type: whatever trains, has two axes or more and is neither a bias
nor part of a normalisation is a kernel. TensorFlow Lite keeps the kernel of a convolution as (output, height, width,
input) and that of a dense layer as (output, input): a row holds all weights of one output. Depthwise kernels and
embeddings have their channels in columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfcompress.console import say
from tfcompress.errors import ModelError, SelectionError
from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.keras_quantized import require_float_weights
from tfcompress.keras_compat.tfmot_layers import is_pruning_wrapper
from tfcompress.layers.catalogue import inherited_layer_spec, layout_of
from tfcompress.selection import Patterns, select
from tfcompress.training.lora import is_adapter, require_merged
from tfcompress.typing import KerasModel

NOT_KERNELS = ("alpha", "beta", "gamma")
"""Names of weights that scale or shift channels, whatever their number of axes."""


@dataclass(frozen=True)
class Fold:
    """A reordering of a kernel's axes, and how many of them make the rows.

    Args:
        shape: The kernel's shape in Keras.
        axes: Its axes in the order of the runtime.
        row_axes: How many of these, from the left, make the rows of the matrix.
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    row_axes: int

    @property
    def matrix(self) -> tuple[int, int]:
        """Rows and columns of the folded kernel."""
        sizes = [self.shape[axis] for axis in self.axes]
        return math.prod(sizes[: self.row_axes]), math.prod(sizes[self.row_axes :])

    def fold(self, kernel: np.ndarray) -> np.ndarray:
        """Return a kernel as a matrix."""
        return kernel.transpose(self.axes).reshape(self.matrix)

    def unfold(self, matrix: np.ndarray) -> np.ndarray:
        """Return a matrix, such as a mask, in the kernel's own shape."""
        return matrix.reshape([self.shape[axis] for axis in self.axes]).transpose(np.argsort(self.axes))


@dataclass(frozen=True)
class Kernel:
    """One prunable variable.

    Args:
        path: Layer path and variable name, such as "block/conv/kernel".
        owner: The path under which the layer is selected; cells of recurrent layers go by the layer around them.
        layer: The layer that owns the variable.
        variable: The variable, of either Keras.
        fold: How the runtime lays it out.
        trains: Whether the optimizer changes it.
    """

    path: str
    owner: str
    layer: Any
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
    model_view.flavour(model)
    _require_weights(model)
    require_float_weights(model)
    by_path = dict(_layers(model))
    training = {id(variable) for variable in model.trainable_variables}
    found: dict[int, Kernel] = {}
    for weight in model_view.weights(model):
        if not _is_kernel(weight) or id(weight.variable) in found or is_pruning_wrapper(weight.layer):
            continue
        shape = tuple(weight.variable.shape)
        owner = weight.path.rpartition("/")[0] or model.name
        above = owner.rpartition("/")[0]
        if type(weight.layer).__name__.endswith("Cell") and above in by_path:
            owner = above
        fold = fold_of(weight.layer, weight.name, shape)
        trains = id(weight.variable) in training
        found[id(weight.variable)] = Kernel(weight.path, owner, weight.layer, weight.variable, fold, trains)
    if not found:
        raise ModelError(
            "The model must have a kernel: a weight of two axes or more that is neither bias nor normalisation.",
            received=f"the model {model.name!r} with the layers {', '.join(by_path)}",
            hint="There is nothing to prune in it.",
        )
    return list(found.values())


def choose(model: KerasModel, include: Patterns = None, exclude: Patterns = None) -> list[Kernel]:
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
            hint=f"The layers with kernels are: {', '.join(dict.fromkeys(k.owner for k in kernels))}.",
        )
    return selected


def require_plain(model: KerasModel, include: Patterns = None, exclude: Patterns = None) -> None:
    """Raise `ModelError` where a selected layer has LoRA adapters, whose kernel is no variable that could be pruned."""
    chosen = select(_layers(model), include, exclude)
    require_merged(model, leave={path for path, _ in model_view.layers(model)} - chosen)


def say_frozen(model: KerasModel) -> None:
    """Tell which kernels do not train, and so stay as they are."""
    if frozen := [kernel.path for kernel in kernels_of(model) if not kernel.trains]:
        say(f"Frozen kernels stay as they are: {', '.join(frozen)}.")


def _require_weights(model: Any) -> None:
    """Raise `ModelError` unless all weights exist; a model with a training step of its own need not have a `call`."""
    leaves = model_view.leaf_layers(model)
    if model.built or not leaves:
        model_view.require_built(model)
    elif unbuilt := [path for path, layer in leaves if not layer.built]:
        raise ModelError(
            "The model must be built: some of its weights do not exist yet.",
            received=f"{model.name!r} with the unbuilt layers {', '.join(unbuilt)}",
            hint="Give it an Input layer, or call it, or the models in it, once on a batch of data.",
        )


def _layers(model: KerasModel) -> Sequence[tuple[str, Any]]:
    return [(model.name, model), *model_view.layers(model)]


def _is_kernel(weight: model_view.Weight) -> bool:
    variable = weight.variable
    if len(variable.shape) < 2 or "float" not in str(np.dtype(_dtype_name(variable))):
        return False
    if "bias" in weight.name or weight.name in NOT_KERNELS or is_adapter(weight.layer, weight.name):
        return False
    return inherited_layer_spec(weight.layer).prunable


def _dtype_name(variable: Any) -> str:
    return variable.dtype if isinstance(variable.dtype, str) else variable.dtype.name


def fold_of(layer: Any, name: str, shape: tuple[int, ...]) -> Fold:
    """Return how a kernel is folded.

    Args:
        layer: The layer that owns it; its class and those above tell what it does.
        name: The variable's own name, such as "kernel".
        shape: The kernel's shape, two axes or more.
    """
    layout, axes = layout_of(layer, name), tuple(range(len(shape)))
    outputs = tuple(axis % len(shape) for axis in layout.outputs)
    others = tuple(axis for axis in axes if axis not in outputs)
    if layout.outputs_last:
        return Fold(shape, others + outputs, len(others))
    return Fold(shape, outputs + others, len(outputs))
