"""LoRA adapters of Keras 3 (`layer.enable_lora`): a kernel that is computed, W + A·B, and how to make it plain again.

In: a model of either Keras. Out: the same model with its adapters merged, or an error that names the layers.
Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models".
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np

from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.keras_quantized import require_float_weights
from tfcompress.training.compile_like import compile_like
from tfcompress.typing import KerasModel


def merge_lora(model: KerasModel) -> None:
    """Merge the LoRA adapters of a Keras 3 model into its kernels, in place.

    The model computes the same, and its layers are ordinary ones whose kernels train: ready to be pruned, to lose
    channels and for quantization-aware training. A compiled model is compiled anew, with a fresh optimizer.

    Args:
        model: A built model of Keras 3, with or without LoRA.

    Raises:
        ModelError: no built Keras model, or one whose kernels Keras has quantized.

    Example:
        >>> model.get_layer("digit").enable_lora(2)
        >>> tfcompress.merge_lora(model)
        >>> model.get_layer("digit").lora_enabled
        False
    """
    model_view.flavour(model)
    model_view.require_built(model)
    require_float_weights(model)
    adapted = lora_layers(model)
    for layer in adapted.values():
        base = _base(layer)
        base.assign(effective_kernel(layer, base))
        base.trainable = True
        layer.lora_enabled = False
        layer.lora_rank = layer.lora_alpha = None
        for variable in model_view.own_variables(layer):
            if is_adapter(layer, variable.name):
                layer._untrack_variable(variable)
    if adapted:
        compile_like(model, model)


def lora_layers(model: KerasModel) -> dict[str, Any]:
    """Return the layers with LoRA adapters by path."""
    return {path: layer for path, layer in model_view.layers(model) if getattr(layer, "lora_enabled", False) is True}


def require_merged(model: KerasModel, leave: Container[str] = ()) -> None:
    """Raise `ModelError` where layers have LoRA adapters, but for those whose paths are in `leave`."""
    if adapted := [path for path in lora_layers(model) if path not in leave]:
        raise ModelError(
            "Kernels must be plain variables, without LoRA adapters.",
            received=f"{model.name!r} with LoRA in {', '.join(adapted)}: their kernels are W + A·B",
            hint="Merge the adapters first: tfcompress.merge_lora(model).",
        )


def is_adapter(layer: Any, name: str) -> bool:
    """Tell whether a weight of that name is half of a LoRA adapter of its layer."""
    return hasattr(layer, "lora_enabled") and name.startswith("lora_")


def effective_kernel(layer: Any, variable: Any) -> np.ndarray:
    """Return the numbers that a layer computes with in place of `variable`: W + A·B if that is W, else its own."""
    if getattr(layer, "lora_enabled", False) is True and variable is _base(layer):
        return np.array(layer.kernel if hasattr(layer, "_kernel") else layer.embeddings)
    return np.array(variable.numpy())


def _base(layer: Any) -> Any:
    return layer._kernel if hasattr(layer, "_kernel") else layer._embeddings
