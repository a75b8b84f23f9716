"""Learning from another model: a student that is fitted to labels and to what its teacher puts out.

In: a student and a teacher of the same Keras. Out: the model to fit, over the very layers of the student.
Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from numbers import Real
from typing import Any

from tfcompress.errors import ModelError, SettingError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.keras_compat.copying import copied
from tfcompress.keras_compat.custom_model_class import (
    can_be_made,
    give_settings,
    own_classes,
    own_steps,
    warn_of_lost_steps,
)
from tfcompress.layers.catalogue import layer_spec
from tfcompress.model_files.load_keras import as_model
from tfcompress.training.compile_like import compile_like
from tfcompress.training.float_graph import functional
from tfcompress.training.taught_models import TAUGHT
from tfcompress.typing import KerasModel, StrPath, TrainableModel


@dataclass
class Lesson:
    """What a student learns from; a plain object, so that Keras neither saves nor trains the teacher."""

    teacher: Any
    distributions: tuple[bool, ...]
    """For each output whether it is a distribution, as a softmax makes it."""
    temperature: float = 1.0
    """What the logarithms of distributions are divided by, of both."""
    loss: Any = None
    """The teacher's loss in the step that is being traced."""
    training: bool = False
    """A training step is being traced (tf_keras does not tell `compute_loss`)."""

    def loss_of(self, x: Any, y_pred: Any, sample_weight: Any) -> Any:
        """Return how far outputs are from the teacher's, each sample by its weight.

        Cross entropy beyond the teacher's own entropy where an output is a distribution, both softened by the
        temperature T and the whole times T², mean squared error elsewhere.
        """
        import tensorflow as tf

        targets, outputs = (tf.nest.flatten(each) for each in (self.teacher(x, training=False), y_pred))
        weights = [] if sample_weight is None else tf.nest.flatten(sample_weight)
        total = 0.0
        for place, output in enumerate(outputs):
            target, output = tf.stop_gradient(tf.cast(targets[place], "float32")), tf.cast(output, "float32")
            if self.distributions[place]:
                log_p, log_q = (self._softened(each) for each in (target, output))
                distance = self.temperature**2 * tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=-1)
            else:
                distance = tf.reduce_mean(tf.math.squared_difference(target, output), axis=-1)
            if weights:
                weight = tf.cast(weights[place if len(weights) == len(outputs) else 0], "float32")
                while len(weight.shape) > len(distance.shape):  # one of each sample, as a column
                    weight = weight[..., 0]
                while len(weight.shape) < len(distance.shape):  # of samples alone, where each step has a distance
                    weight = weight[..., tf.newaxis]
                distance *= weight
            total += tf.reduce_mean(distance)
        self.loss = total
        return total

    def _softened(self, distribution: Any) -> Any:
        """Return logarithms of a distribution that is flatter the higher the temperature; 1 leaves it as it is."""
        import tensorflow as tf

        return tf.nn.log_softmax(tf.math.log(tf.clip_by_value(distribution, 1e-7, 1.0)) / self.temperature)


def distill(student: KerasModel, teacher: KerasModel | StrPath, *, temperature: float = 1.0) -> TrainableModel:
    """Return the model to fit, for a student that is to learn from a teacher as well as from labels.

    It has the very layers and weights of the student, which is trained once the result is: save, convert or go on with
    the student. Callbacks such as `MagnitudePruning` and `ShrinkChannels` work as on the student. Its loss is that of
    the student plus, for each output, how far it is from the teacher's: the Kullback-Leibler divergence where the
    output is a softmax, the mean squared error elsewhere. `fit(x)` works without labels; sample weights count for
    both. Files that `save` or a checkpoint writes hold the student alone.

    Args:
        student: A built model of Keras 3 or tf_keras. A quantization-aware model is given its teacher and returned.
        teacher: A model of the same Keras, of the same input and output shapes, or the path of its file. It is copied:
            the student as it is now may be its own teacher, before it is pruned.
        temperature: Above 1 softmax outputs of both are made flatter for the teacher's part of the loss, so that it
            tells more of the classes that are not the likeliest. Default: 1.

    Raises:
        SettingError: the temperature is not a number above 0.
        ModelError: the teacher is of another Keras or of other shapes, or the student has a `train_step` that does not
            call `compute_loss`, of which the teacher's loss is a part.

    Example:
        >>> taught = tfcompress.distill(model, teacher=model)
        >>> taught.compile("adam", "sparse_categorical_crossentropy")
        >>> history = taught.fit(x_train, y_train, verbose=0, callbacks=[tfcompress.MagnitudePruning(0.5)])
        >>> print(f"{tfcompress.sparsity(model).total:.2f}")
        0.50
    """
    model_view.flavour(student)
    model_view.require_built(student)
    if isinstance(temperature, bool) or not isinstance(temperature, Real) or not 0 < temperature < math.inf:
        raise SettingError("`temperature` must be a number above 0.", received=repr(temperature))
    distributions = tuple(_distributions(functional(student)))
    lesson = Lesson(_teacher_of(student, as_model(teacher)), distributions, float(temperature))
    if hasattr(student, "origin"):
        _require_compute_loss(student)
        student.origin.lesson = lesson
        return student
    taught = _over_the_layers_of(student)
    _require_compute_loss(taught)
    object.__setattr__(taught, "_lesson", lesson)
    compile_like(taught, student)
    warn_of_lost_steps(student, taught, "the model to fit")
    return taught


def _teacher_of(student: KerasModel, teacher: KerasModel) -> Any:
    """Return a frozen copy of a teacher."""
    if model_view.flavour(teacher) != model_view.flavour(student):
        raise ModelError(
            f"A teacher must be a model of the same Keras, {model_view.flavour(student)}.",
            received=f"{teacher.name!r} of {model_view.flavour(teacher)}",
        )
    teacher = copied(functional(teacher), float32=True, own_class=False)
    wanted, given = _shapes(student), _shapes(teacher)
    if wanted != given:
        raise ModelError("A teacher must take and give the same shapes.", received=f"{given} instead of {wanted}")
    teacher.trainable = False
    return teacher


def _shapes(model: KerasModel) -> tuple[list[tuple], list[tuple]]:
    outputs = [tuple(tensor.shape[1:]) for tensor in functional(model).outputs]
    return [tuple(spec.shape[1:]) for spec in model_io.inputs(model)], outputs


def _distributions(graph: Any) -> Iterator[bool]:
    """Tell of each output whether a softmax makes it."""
    for tensor in graph.outputs:
        maker, _, place = tensor._keras_history
        while inner := getattr(maker, "outputs", None):  # a model as a layer
            maker, _, place = inner[place]._keras_history
        if config := getattr(maker, "step_config", None):  # of a quantization-aware model
            maker = (config.activation or config).operation
        spec = layer_spec(getattr(maker, "activation", None) or maker)
        yield bool({"softmax", "Softmax"}.intersection(spec.names)) and spec.result == "fixed_range"


def _over_the_layers_of(student: Any) -> Any:
    """Return a model of the same layers that learns from a teacher, with the training steps of the student's class."""
    graph, ends = functional(student), {}
    for name in ("inputs", "outputs"):
        structure = getattr(graph, f"_{name}_struct", getattr(graph, f"_nested_{name}", None))
        ends[name] = getattr(graph, name) if structure is None else structure
    kind, keras = type(student), model_view.keras_of(student)
    if not own_classes(kind) or not can_be_made(kind) or issubclass(kind, keras.Sequential):
        kind = type(keras.Model(**ends))
    taught = _taught_class(model_view.flavour(student), kind)(**ends, name=student.name)
    give_settings(student, taught)
    return taught


@cache
def _taught_class(flavour: model_view.Flavour, kind: type) -> type:
    """Return a model class that learns from a teacher; it has the name of the other class, as which it is loaded."""
    return type(kind.__name__, (TAUGHT[flavour], kind), {"__module__": kind.__module__})


def _require_compute_loss(model: Any) -> None:
    """Raise `ModelError` where training steps of the user's own would leave the teacher out."""
    if "train_step" not in own_steps(model):
        return
    own = [value for base in own_classes(type(model)) for value in vars(base).values()]
    used = [method.__code__.co_names for method in own if hasattr(method, "__code__")]
    if not any("compute_loss" in names or {"super", "train_step"} <= {*names} for names in used):
        raise ModelError(
            "With a teacher train_step must call self.compute_loss, of which the teacher's loss is a part.",
            received=f"the class {type(model).__name__}, whose train_step does not",
            hint="Write loss = self.compute_loss(x=x, y=y, y_pred=y_pred) in it.",
        )
