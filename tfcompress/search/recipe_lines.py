"""A recipe as lines of Python, for those who want to go on from there.

In: a recipe, and how its models are trained. Out: text, of which the same file comes as of the recipe.
"""

from __future__ import annotations

from typing import Any

from tfcompress.keras_compat import model_view
from tfcompress.search.build_candidate import has_batch_norm
from tfcompress.search.candidate_training import Training
from tfcompress.search.recipe import ROOM, ROUND_TO, Recipe
from tfcompress.search.training_data import SAMPLES


def python_lines(recipe: Recipe, model: Any, training: Training) -> str:
    """Return a dozen lines that make the file of a recipe from `model.keras` and `train`.

    Where the user compiles or fits, the lines call `compile_model(model)` and
    `fit_model(model, epochs=…, callbacks=…)`.
    """
    keras = model_view.keras_of(model).__name__.split(".")[0]
    lines = [f"import {keras}, numpy as np, tfcompress"]
    lines.append('student, teacher = (tfcompress.load_keras("model.keras") for _ in range(2))')
    lines.append(_samples(training))
    if recipe.macs is not None:
        narrow = f"macs={recipe.macs}, round_to={ROUND_TO}, keep_first=False"
        lines.append(f"student = tfcompress.prune_channels(student, {narrow})")
        if not recipe.float_epochs and has_batch_norm(model):
            lines.append("tfcompress.reestimate_batch_norm(student, samples)")
    if recipe.float_epochs:
        callbacks = [] if recipe.sparsity is None else [f"tfcompress.MagnitudePruning({recipe.sparsity})"]
        callbacks += [] if recipe.clusters is None else [f"tfcompress.WeightClustering({recipe.clusters})"]
        lines.append("learner = tfcompress.distill(student, teacher)")
        lines += _training(keras, "learner", recipe, recipe.float_epochs, training, ", ".join(callbacks))
    options = f'"{recipe.quantization}", samples=samples'
    bits = recipe.quantization == "int8x4" and recipe.flash is not None
    if recipe.quantized_epochs:
        if bits:
            flash = f'"int8x4", samples=samples, flash={(recipe.flash or 0) - ROOM:_}'
            lines.append(f'kept = tfcompress.convert(student, {flash}).manifest["settings"]["keep_int8"]')
        options += f", distill=teacher{', keep_int8=kept' * bits}"
        lines.append(f"qat_model = tfcompress.quantize_aware(student, {options})")
        lines += _training(keras, "qat_model", recipe, recipe.quantized_epochs, training, "")
        lines.append("tflite = tfcompress.convert(qat_model)")
    else:
        options += f", flash={recipe.flash:_}" if bits else ""
        options += ", recover=True" if recipe.recovers else ""
        lines.append(f"tflite = tfcompress.convert(student, {options})")
    return "\n".join([*lines, "tflite = tfcompress.pack(tflite)"] if recipe.packed else lines)


def _samples(training: Training) -> str:
    data = training.data
    if not isinstance(data.train, tuple):
        return f"samples = train.unbatch().take({SAMPLES}).batch({SAMPLES})"
    taken = f"np.linspace(0, {data.count - 1}, {min(SAMPLES, data.count)}).astype(int)"
    if isinstance(data.train[0], dict):
        return f"samples = {{name: each[{taken}] for name, each in train[0].items()}}"
    return f"samples = train[0][{taken}]"


def _training(keras: str, name: str, recipe: Recipe, epochs: int, training: Training, callbacks: str) -> list[str]:
    """Return the lines that compile, seed and fit."""
    rate, steps = str(recipe.learning_rate), training.data.steps
    if steps is not None:
        rate = f"{keras}.optimizers.schedules.CosineDecay({rate}, {epochs * steps})"
    if training.compile is not None:
        compiled = f"compile_model({name})"
    else:
        compiled = f"{name}.compile({keras}.optimizers.Adam({rate}), {_loss(keras, training.loss)})"
    options = f"epochs={epochs}, callbacks=[{callbacks}]"
    if training.fit is not None:
        fitted = f"fit_model({name}, {options})"
    elif isinstance(training.data.train, tuple):
        fitted = f"{name}.fit(*train, batch_size={training.data.batch}, {options})"
    else:
        fitted = f"{name}.fit(train, {options})"
    return [compiled, f"{keras}.utils.set_random_seed({recipe.seed})", fitted]


def _loss(keras: str, loss: Any) -> str:
    if isinstance(loss, str):
        return repr(loss)
    known = type(loss).__name__ in ("BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy")
    logits = getattr(loss, "from_logits", None)
    if known and logits is None:  # of tf_keras and of Keras 3 it is an argument of the function
        logits = getattr(loss, "_fn_kwargs", getattr(loss, "fn_kwargs", {})).get("from_logits", False)
    return f"{keras}.losses.{type(loss).__name__}(from_logits={logits})" if known else "teacher.loss"
