"""What both kinds of quantization-aware models do: keep their float model, save, load, calibrate, learn from a teacher.

In: a float model. Out: pieces for the model classes, one for each Keras. Such a model is saved as its float model
and the paths that stay float; loading builds the same graph again and then reads weights and ranges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.copying import copied
from tfcompress.keras_compat.custom_model_class import can_be_made, give_settings, own_classes
from tfcompress.training.quantization.int4_kernels import Kernels, int4_kernels
from tfcompress.training.quantization.quantization_report import QuantizationReport, report
from tfcompress.training.quantization.quantized_graph import build
from tfcompress.typing import KerasModel

LAYOUT = 4
"""How steps are cut, what their ranges remember, which layers are quantized and which results rounded; models saved by
tfcompress 0.1 have layout 1."""


@dataclass
class Origin:
    """Where a quantization-aware model comes from; its steps hold it, and Keras does not look inside."""

    model_class: type
    name: str
    float_model: Any
    """The float model over the very same variables."""
    stays_float: tuple[str, ...]
    layout: int
    quantization: QuantizationReport
    scheme: str = "int8"
    keep_int8: tuple[str, ...] | None = None
    """The layers whose kernels keep 8 bits where others have four; None: those that lose most."""
    int4_kernels: Kernels = frozenset()
    lesson: Any = None
    """What it learns from beside labels, a `Lesson`."""
    clones: dict[str, Any] = field(default_factory=dict)
    """The steps of a new model that Keras 3's `clone_model` has not asked for yet."""

    def step_of_clone(self, name: str) -> Any:
        """Return the step of that name in a model with new weights; a name that was given already begins a new one."""
        if name not in self.clones:
            float_model = copied(self.float_model, weights=False)
            model = assemble(
                self.model_class, float_model, self.stays_float, self.name, self.layout, self.scheme, self.keep_int8
            )
            model.origin.lesson = self.lesson
            self.clones = {step.name: step for step in steps(model)}
        return self.clones.pop(name)


def assemble(
    model_class: type,
    float_model: Any,
    stays_float: Iterable[str],
    name: str,
    layout: int = LAYOUT,
    scheme: str = "int8",
    keep_int8: Iterable[str] | None = None,
) -> Any:
    """Build a quantization-aware model over the variables of a float model."""
    stays_float = tuple(sorted(stays_float))
    keep_int8 = None if keep_int8 is None else tuple(sorted(keep_int8))
    choose = partial(int4_kernels, keep_int8=keep_int8) if scheme == "int8x4" else None
    inputs, outputs, plans, kernels = build(float_model, stays_float, layout, choose)
    model = _with_own_steps(model_class, type(float_model))(inputs=inputs, outputs=outputs, name=name)
    give_settings(float_model, model)
    table = report(plans, kernels)
    origin = Origin(model_class, name, float_model, stays_float, layout, table, scheme, keep_int8, kernels)
    for step in steps(model):
        step.owner = origin
    return model


@cache
def _with_own_steps(model_class: type, kind: type) -> type:
    """Return the class of quantization-aware models with the training steps of the float model's class, if it has any.

    It has the name of our class, under which Keras finds this one when a model is loaded; that of the float model's
    class is in the config of the float model.
    """
    chained = any(base.__name__ == "Sequential" for base in kind.__mro__)
    if not own_classes(kind) or chained or not can_be_made(kind):
        return model_class
    return type(model_class.__name__, (model_class, kind), {"__module__": model_class.__module__})


def origin_of(model: KerasModel) -> Origin:
    """Return where a quantization-aware model comes from."""
    return next(steps(model)).owner


def steps(model: KerasModel) -> Iterator[Any]:
    """Yield the steps of a quantization-aware model."""
    return (layer for layer in model.layers if hasattr(layer, "step_config"))


def layer_of(model: KerasModel, path: str | None) -> Any:
    """Return the step for the layer of a nested model, such as "block/conv"; None if there is none."""
    return next((step for step in steps(model) if "/" in str(path) and step.stands_for == path), None)


def config(model: Any) -> dict[str, Any]:
    """Return what `from_config` needs."""
    keras = model_view.keras_of(model)
    return {
        "float_model": keras.saving.serialize_keras_object(model.origin.float_model),
        "stays_float": list(model.origin.stays_float),
        "name": model.name,
        "layout": model.origin.layout,
        "scheme": model.origin.scheme,
        "keep_int8": None if model.origin.keep_int8 is None else list(model.origin.keep_int8),
    }


def from_config(
    model_class: type, flavour: model_view.Flavour, settings: dict[str, Any], custom_objects: Any = None
) -> Any:
    """Build the model that `config` described, with fresh weights."""
    keras = model_view.keras_of(flavour)
    # In .h5 files tf_keras finds classes of its own only where it is asked for a layer.
    read = keras.layers.deserialize if flavour == "tf_keras" else keras.saving.deserialize_keras_object
    float_model = read(settings["float_model"], custom_objects=custom_objects)
    known = {"layout": 1, "scheme": "int8", "keep_int8": None} | settings
    rest = (known[name] for name in ("layout", "scheme", "keep_int8"))
    return assemble(model_class, float_model, settings["stays_float"], settings["name"], *rest)
