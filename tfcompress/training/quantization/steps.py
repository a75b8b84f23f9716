"""The layers of a quantization-aware model: one `Step` for each call of the float model.

In: a planned call. Out: a Keras layer that makes the call on int8 grids and tracks the ranges. One class for
each Keras, as each wants its own base class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tfcompress import kerases
from tfcompress.training.float_graph import fill
from tfcompress.training.quantization.fake_quant import round_activation, round_sums, updated
from tfcompress.training.quantization.recipes import Recipe
from tfcompress.training.quantization.sums import sums_step


@dataclass
class Work:
    """What a step does; Keras does not look inside."""

    operation: Any = None
    arguments: Any = None
    recipe: Recipe | None = None
    rounds: bool = False
    fixed: tuple[float, float] | None = None
    border: bool = False
    """Its result is an input or an output of the model."""
    grid: Any = None
    """The step whose range this one's result is rounded to again."""
    source: tuple[Any, str] | None = None
    """The step, and the name of its range, from whose grid a kernel reads; no step means this one itself."""
    kernel: Any = None
    """The layer whose kernel makes the sums that this step adds a bias to, or rounds."""
    norm: Any = None
    """The multiplication a channel after it, or alone."""
    factors: tuple[Any, ...] = ()
    """The steps on whose grids lies what this one multiplies or averages."""
    share: float = 1.0
    """What the product of their steps is multiplied by."""
    count: int = 1
    """How many values this step averages."""
    measuring: bool = False
    """Track ranges and round nothing: calibration."""
    exporting: bool = False
    """Leave out what the device's kernels do by themselves."""
    stays_float: bool = False
    names: tuple[str, ...] = field(default_factory=tuple)


class StepQuantizer:
    """What a recipe or a custom layer's `int8_call` gets to round with."""

    def __init__(self, step: Any, training: bool) -> None:
        self._step = step
        self.training = training
        self.host = step.work.kernel
        self.input_step = step.input_step(training)

    def activation(self, tensor: Any, name: str) -> Any:
        """Round a tensor to a range that is tracked under `name`."""
        return self._step.rounded(tensor, name, self.training)

    def fixed(self, tensor: Any, low: float, high: float) -> Any:
        """Round a tensor to a known range."""
        return tensor if self._step.work.measuring else round_activation(tensor, low, high)


class NameRecorder:
    """Stands in for a `StepQuantizer` while a recipe is traced to learn the names of its ranges."""

    def __init__(self) -> None:
        self.training = False
        self.input_step = self.host = None
        self.names: dict[str, None] = {}

    def activation(self, tensor: Any, name: str) -> Any:
        """Note the name."""
        self.names[name] = None
        return tensor

    def fixed(self, tensor: Any, low: float, high: float) -> Any:
        """Do nothing."""
        return tensor


def range_names(recipe: Recipe | None, operation: Any, arguments: Any, inputs: Sequence[tuple]) -> tuple[str, ...]:
    """Return the names of the intermediate ranges of a recipe, from a trace on (shape, dtype) pairs."""
    import tensorflow as tf

    if recipe is None:
        return ()
    recorder = NameRecorder()

    def trace(*tensors: Any) -> Any:
        args, kwargs = fill(arguments, tensors)
        return recipe(operation, recorder, *args, **kwargs)

    specs = [tf.TensorSpec(shape, dtype) for shape, dtype in inputs]
    tf.function(trace, autograph=False).get_concrete_function(*specs)
    return tuple(recorder.names)


@cache
def step_class(flavour: str) -> type:
    """Return the class of steps for one Keras."""
    keras = kerases.keras_of(flavour)

    class Step(keras.layers.Layer):
        """One call of the float model, on int8 grids."""

        def __init__(self, work: Work, name: str) -> None:
            super().__init__(name=name, dtype="float32")
            self.work = work
            if isinstance(work.operation, keras.layers.Layer):
                self.operation = work.operation
            aggregation = "mean"
            if flavour == "tf_keras":
                import tensorflow as tf

                aggregation = tf.VariableAggregation.MEAN
            self.states = {}
            for range_name in (*work.names, *(("result",) if work.rounds and work.fixed is None else ())):
                self.states[range_name] = self.add_weight(
                    name=f"{range_name}_range",
                    shape=(3,),
                    initializer="zeros",
                    trainable=False,
                    aggregation=aggregation,
                )
            self.built = True

        @property
        def stays_float(self) -> bool:
            """Whether the call is not quantized."""
            return self.work.stays_float

        @property
        def has_range(self) -> bool:
            """Whether every range of this step has seen data."""
            return all(float(state.numpy()[2]) > 0 for state in self.states.values())

        def rounded(self, tensor: Any, name: str, training: bool) -> Any:
            """Round a tensor to the range of that name, after tracking it in training."""
            import tensorflow as tf

            variable = self.states[name]
            state = tf.convert_to_tensor(variable)
            if training or self.work.measuring:
                state = updated(state, tensor, whole=name == "result" and self.work.border)
                variable.assign(state)
                return tensor if self.work.measuring else round_activation(tensor, state[0], state[1])
            # Before any data the range is unknown and nothing is rounded.
            return tf.where(state[2] > 0, round_activation(tensor, state[0], state[1]), tensor)

        def call(self, tensors: Any, training: Any = None) -> Any:
            """Make the call and round its result."""
            work, training = self.work, bool(training)
            args, kwargs = fill(work.arguments, tensors)
            if kwargs.get("training", False) is not False:  # False is a wish of the model's; all else was the default
                del kwargs["training"]
            if work.recipe is None:
                result = work.operation(*args, **kwargs)
            else:
                result = work.recipe(work.operation, StepQuantizer(self, training), *args, **kwargs)
            if work.grid is not None and not work.measuring:
                away = not training and not work.exporting
                return work.grid.on_grid(work.grid.halves_away(result) if away else result)
            if not work.rounds:
                return result
            unit = None if work.exporting else self.unit(training)
            if unit is not None:
                result = round_sums(result, unit, self.grid_step("result"), work.count)
            if work.fixed is None:
                return self.rounded(result, "result", training)
            # The loss wants probabilities that are not exactly 0.
            return result if (training and work.border) or work.measuring else round_activation(result, *work.fixed)

        def on_grid(self, tensor: Any) -> Any:
            """Round a tensor to the range of this step's result."""
            import tensorflow as tf

            if self.work.fixed is not None:
                return round_activation(tensor, *self.work.fixed)
            state = tf.convert_to_tensor(self.states["result"])
            return tf.where(state[2] > 0, round_activation(tensor, state[0], state[1]), tensor)

        def halves_away(self, tensor: Any) -> Any:
            """Move halves between two values of this step's result the way the kernels for averages round them.

            They round int8 numbers away from zero, and int8 zero is the middle of the range.
            """
            import tensorflow as tf

            low = self.work.fixed[0] if self.work.fixed is not None else tf.convert_to_tensor(self.states["result"])[0]
            step = self.grid_step("result")
            middle = (tf.round(low / tf.maximum(step, 1e-30)) + 128.0) * step  # the range holds zero as a whole step
            return tensor + 1e-3 * step * tf.sign(tensor - middle)

        def input_step(self, training: bool) -> Any:
            """Return the step of what the kernel reads; None in training and where it is unknown."""
            if self.work.source is None or training or self.work.measuring:
                return None
            return (self.work.source[0] or self).grid_step(self.work.source[1])

        def unit(self, training: bool) -> Any:
            """Return the worth of 1 in the sums that this step rounds; None in training and where it is unknown."""
            if self.work.factors and not (training or self.work.measuring):
                return self.work.share * math.prod(factor.grid_step("result") for factor in self.work.factors)
            step = self.input_step(training)
            return None if step is None else sums_step(self.work.kernel, self.work.norm, step)

        def grid_step(self, name: str) -> Any:
            """Return the step between two values of a range; 0 before it has seen data."""
            import tensorflow as tf

            if name == "result" and self.work.fixed is not None:
                return (self.work.fixed[1] - self.work.fixed[0]) / 255
            state = tf.convert_to_tensor(self.states[name])
            return (state[1] - state[0]) / 255.0

    return Step
