"""The model and the file that a recipe makes of a model.

In: a recipe, the float model, its data. Out: a model and a file, trained as the recipe says, with the float model as
teacher.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tfcompress.conversion.convert import convert
from tfcompress.deployment.packing.pack import pack
from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.copying import copied
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.search.candidate_training import Training
from tfcompress.search.recipe import ROOM, ROUND_TO, Recipe
from tfcompress.training.batch_norm_reestimation import reestimate_batch_norm
from tfcompress.training.channels.prune_channels import prune_channels
from tfcompress.training.clustering.weight_clustering import WeightClustering
from tfcompress.training.distillation import distill
from tfcompress.training.pruning.magnitude_pruning import MagnitudePruning
from tfcompress.training.quantization.quantize_aware import quantize_aware


def build(recipe: Recipe, model: Any, training: Training) -> tuple[Any, TFLiteModel]:
    """Make the model and the file of a recipe; the model that was passed stays as it is."""
    samples = training.data.samples
    with seeded(model, recipe.seed):
        student = copied(model) if recipe.macs is None else narrowed(model, recipe.macs)
        if recipe.float_epochs:
            callbacks: list[Any] = [] if recipe.sparsity is None else [MagnitudePruning(recipe.sparsity)]
            callbacks += [] if recipe.clusters is None else [WeightClustering(recipe.clusters)]
            taught = distill(student, model)
            training.run(taught, recipe.float_epochs, recipe.learning_rate, callbacks, recipe.seed)
        elif recipe.macs is not None and has_batch_norm(student):
            reestimate_batch_norm(student, samples)  # sums of fewer channels have other means
        if recipe.quantized_epochs:
            keep_int8 = _kept_in_int8(student, recipe, samples)
            student = quantize_aware(student, recipe.quantization, samples=samples, distill=model, keep_int8=keep_int8)
            training.run(student, recipe.quantized_epochs, recipe.learning_rate, [], recipe.seed)
            tflite = convert(student)
        else:
            flash = recipe.flash if recipe.quantization == "int8x4" else None
            tflite = convert(student, recipe.quantization, samples=samples, flash=flash, recover=recipe.recovers)
    return student, pack(tflite) if recipe.packed else tflite


def narrowed(model: Any, macs: float) -> Any:
    """Return a model with that share of multiply-accumulates, by fewer channels."""
    return prune_channels(model, macs=macs, round_to=ROUND_TO, keep_first=False)


def has_batch_norm(model: Any) -> bool:
    """Tell whether there are means to measure anew."""
    return any(hasattr(layer, "moving_mean") and layer.trainable for _, layer in model_view.layers(model))


def _kept_in_int8(student: Any, recipe: Recipe, samples: Any) -> Any:
    """Return the layers that keep 8 bits under a recipe's flash, as calibration chooses them; None for the default."""
    if recipe.quantization != "int8x4" or recipe.flash is None:
        return None
    made = convert(student, "int8x4", samples=samples, flash=recipe.flash - ROOM)
    return made.manifest["settings"].get("keep_int8", [])


@contextmanager
def seeded(model: Any, seed: int) -> Iterator[None]:
    """Seed all that is random for a while; Python's and NumPy's own states are put back."""
    python, numpy = random.getstate(), np.random.get_state()
    model_view.keras_of(model).utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
