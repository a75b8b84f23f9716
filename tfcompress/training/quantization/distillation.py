"""Learning from another model: which one, and how far the outputs are from its.

In: the model that learns, the teacher. Out: a copy of the teacher, a loss.
Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015.
"""

from __future__ import annotations

from typing import Any

from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.keras_compat.copying import copied
from tfcompress.training.float_graph import functional
from tfcompress.typing import KerasModel


def teacher_of(model: KerasModel, distill: Any) -> Any:
    """Return the frozen copy of the model that `distill` means: True for the float model itself; None for no teacher.

    Raises:
        ModelError: it is no model of the same Keras, or takes or gives other shapes.
    """
    if distill is None or distill is False:
        return None
    teacher = model if distill is True else distill
    if model_view.flavour(teacher) != model_view.flavour(model):
        raise ModelError(
            f"A teacher must be a model of the same Keras, {model_view.flavour(model)}.",
            received=f"{teacher.name!r} of {model_view.flavour(teacher)}",
        )
    teacher = copied(functional(teacher), float32=True, own_class=False)
    wanted, given = _shapes(model), _shapes(teacher)
    if wanted != given:
        raise ModelError("A teacher must take and give the same shapes.", received=f"{given} instead of {wanted}")
    teacher.trainable = False
    return teacher


def _shapes(model: KerasModel) -> tuple[list[tuple], list[tuple]]:
    outputs = [tuple(tensor.shape[1:]) for tensor in functional(model).outputs]
    return [tuple(spec.shape[1:]) for spec in model_io.inputs(model)], outputs


def teacher_loss(model: Any, x: Any, y_pred: Any) -> Any:
    """Return how far the outputs are from the teacher's.

    Cross entropy beyond the teacher's own entropy where an output is a distribution, mean squared error elsewhere.
    """
    import tensorflow as tf

    targets = tf.nest.flatten(model.origin.teacher(x, training=False))
    total = 0.0
    for target, output in zip(targets, tf.nest.flatten(y_pred), strict=True):
        target, output = tf.stop_gradient(tf.cast(target, "float32")), tf.cast(output, "float32")
        if model.origin.softmax:
            p, q = tf.clip_by_value(target, 1e-7, 1.0), tf.clip_by_value(output, 1e-7, 1.0)
            total += tf.reduce_mean(tf.reduce_sum(p * (tf.math.log(p) - tf.math.log(q)), axis=-1))
        else:
            total += tf.reduce_mean(tf.math.squared_difference(target, output))
    return total
