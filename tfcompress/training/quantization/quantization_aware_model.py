"""What both kinds of quantization-aware models do: keep their float model, save, load, calibrate, learn from a teacher.

In: a float model. Out: pieces for the model classes, one for each Keras. Such a model is saved as its float model
and the paths that stay float; loading builds the same graph again and then reads weights and ranges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tfcompress import kerases
from tfcompress.training.quantization.quantization_report import QuantizationReport, report
from tfcompress.training.quantization.quantized_graph import build
from tfcompress.training.quantization.recipes import SIGMOID_RANGE


@dataclass
class Origin:
    """Where a quantization-aware model comes from; Keras does not look inside."""

    float_model: Any
    """The float model over the very same variables."""
    stays_float: tuple[str, ...]
    quantization: QuantizationReport
    teacher: Any = None
    softmax: bool = False
    """Its outputs are distributions."""
    loss: Any = None
    """The teacher's loss in the step that is being traced."""
    training: bool = False
    """A training step is being traced (tf_keras does not tell `compute_loss`)."""


def assemble(model_class: type, float_model: Any, stays_float: Iterable[str], name: str) -> Any:
    """Build a quantization-aware model over the variables of a float model."""
    stays_float = tuple(sorted(stays_float))
    inputs, outputs, plans = build(float_model, stays_float)
    model = model_class(inputs=inputs, outputs=outputs, name=name)
    last = [plan for plan in plans if plan.call.outputs and plan.rule.range == SIGMOID_RANGE]
    softmax = bool(last) and last[-1] is plans[-1] and "softmax" in last[-1].call.name + str(last[-1].call.operation)
    model.origin = Origin(float_model, stays_float, report(plans), softmax=softmax)
    return model


def steps(model: Any) -> Iterator[Any]:
    """Yield the steps of a quantization-aware model."""
    return (layer for layer in model.layers if hasattr(layer, "work"))


def config(model: Any) -> dict[str, Any]:
    """Return what `from_config` needs."""
    keras = kerases.keras_of(model)
    return {
        "float_model": keras.saving.serialize_keras_object(model.origin.float_model),
        "stays_float": list(model.origin.stays_float),
        "name": model.name,
    }


def from_config(model_class: type, flavour: str, settings: dict[str, Any], custom_objects: Any = None) -> Any:
    """Build the model that `config` described, with fresh weights."""
    keras = kerases.keras_of(flavour)
    float_model = keras.saving.deserialize_keras_object(settings["float_model"], custom_objects=custom_objects)
    return assemble(model_class, float_model, settings["stays_float"], settings["name"])


def calibrate(model: Any, batches: Iterable[Any]) -> None:
    """Track every range on float inference over batches (arrays by input name)."""
    import tensorflow as tf

    for step in steps(model):
        step.work.measuring = True
    try:
        run = tf.function(kerases.forward(model), autograph=False, reduce_retracing=True)
        dtypes = {spec.name: spec.dtype for spec in kerases.inputs(model)}
        for batch in batches:
            run({name: tf.constant(array, dtypes[name]) for name, array in batch.inputs.items()})
    finally:
        for step in steps(model):
            step.work.measuring = False
