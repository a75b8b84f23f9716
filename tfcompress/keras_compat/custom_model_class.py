"""A model class of the user's own, with a `train_step` or a loss of its own, for a model that was made anew.

In: a model, and what its copy consists of. Out: the copy, in the user's class where that can be made of inputs and
outputs; else a warning where steps of training are lost.
"""

from __future__ import annotations

import inspect
from typing import Any

from tfcompress.console import warn
from tfcompress.typing import KerasModel

STEPS = (
    *("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics", "get_metrics_result"),
    *("fit", "evaluate", "predict", "make_train_function", "make_test_function", "train_on_batch", "reset_metrics"),
)
"""What a class may change about training and evaluation, beside what the model computes."""
OF_KERAS = {
    *("name", "trainable", "built", "compiled", "loss", "jit_compile", "run_eagerly", "steps_per_execution"),
    *("auto_scale_loss", "stop_training", "supports_masking", "autocast", "inputs", "outputs", "output_names"),
}
"""Attributes of every model."""
ADDED = ("AddLoss", "AddMetric")
"""Layers by which tf_keras holds what was added to a functional model; no output hangs on them."""
ENDS = {"self", "inputs", "outputs", "layers", "name", "trainable", "args", "kwargs"}


def own_steps(model: KerasModel) -> list[str]:
    """Return what the class of a model changes about training, such as "train_step"."""
    own = own_classes(type(model))
    return [name for name in STEPS if any(name in vars(base) for base in own)]


def own_classes(kind: type) -> list[type]:
    """Return the classes of the user's own among the bases of a model class, itself included."""
    return [base for base in kind.__mro__ if base is not object and not _is_known(base)]


def can_be_made(kind: type) -> bool:
    """Tell whether a model class takes just inputs and outputs, or layers, and computes what these say."""
    for base in own_classes(kind):
        if "call" in vars(base):
            return False
        if "__init__" in vars(base):
            parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
            if any(p.name not in ENDS and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
                return False
    return True


def in_class_of(model: KerasModel, plain: type, parts: dict[str, Any], own_class: bool = True) -> Any:
    """Make a model of its parts, in the class of another model where that can be done.

    Args:
        model: The model whose class is wanted.
        plain: The class of Keras to take otherwise.
        parts: Arguments for either class.
        own_class: Whether the user's own class is wanted.
    """
    kind = type(model)
    if own_class and own_classes(kind) and can_be_made(kind):
        made = kind(**parts)
        give_settings(model, made)
        return made
    return plain(**parts)


def give_settings(model: KerasModel, made: Any) -> None:
    """Copy plain settings that the user's class, or the user, has put on a model."""
    for name, value in vars(model).items():
        if not isinstance(value, (bool, int, float, str)) or name.startswith("_") or name in OF_KERAS:
            continue
        if not hasattr(made, name) or getattr(made, name) != value:
            setattr(made, name, value)


def warn_of_lost_steps(model: Any, made: Any, what: str) -> None:
    """Warn where training steps of the user's own class, or losses added to a model, are lost in what was made of it.

    Args:
        model: The user's model.
        made: What was made of it.
        what: What that is called in the warning.
    """
    if any(type(layer).__name__ in ADDED for layer in model._flatten_layers(include_self=False)):
        warn(
            f"What model.add_loss and model.add_metric added is not kept in {what}: add it in the call of a layer of "
            "your own, by self.add_loss, or to the new model.",
            4,
        )
    lost = [name for name in own_steps(model) if name not in own_steps(made)]
    if lost:
        warn(
            f"{', '.join(lost)} of the class {type(model).__name__} {'is' if len(lost) == 1 else 'are'} not kept in "
            f"{what}: the class has a `call` or an `__init__` of its own, so it cannot be made of inputs and outputs. "
            f"Put the steps into a class without these, class Steps(keras.Model), and train "
            f"Steps(inputs=model.inputs, outputs=model.outputs).",
            4,
        )


def _is_known(base: type) -> bool:
    return base.__module__.partition(".")[0] in ("keras", "tf_keras", "tensorflow", "builtins", "tfcompress")
