"""A model whose weights look as they will after a recipe's training, to the bytes: zeros and clusters put in at once.

In: a model and a recipe. Out: a model; its accuracy says nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfcompress.keras_compat.copying import copied
from tfcompress.search.recipe import Recipe
from tfcompress.training.pruning.kernels import kernels_of


def untrained(model: Any, recipe: Recipe) -> Any:
    """Return the model with as many zeros, or as few values a kernel, as the recipe will leave."""
    if not recipe.packed:
        return model
    model = copied(model)
    kernels = kernels_of(model)
    if recipe.sparsity is not None:
        scaled = {kernel.path: np.abs(kernel.read()) / (np.std(kernel.read()) or 1) for kernel in kernels}
        limit = np.quantile(np.concatenate([each.ravel() for each in scaled.values()]), recipe.sparsity)
        for kernel in kernels:
            kernel.write(np.where(scaled[kernel.path] <= limit, 0, kernel.read()))
    if recipe.clusters is not None:
        for kernel in kernels:
            value = kernel.read()
            edges = np.quantile(value, np.linspace(0, 1, recipe.clusters + 1)[1:-1])
            members = [np.digitize(value, edges) == index for index in range(recipe.clusters)]
            kernel.write(sum(value[member].mean() * member for member in members if member.any()))
    return model
