"""The layers of a quantization-aware model: one `Step` for each call of a layer of the float model.

In: a planned call, and the activation inside its layer. Out: a Keras layer with the name of the user's layer that makes
the call on int8 grids and tracks the ranges. One class for each Keras, as each wants its own base class.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

from tfcompress.keras_compat import model_view
from tfcompress.layers.catalogue import layer_spec
from tfcompress.layers.layer_spec import Form
from tfcompress.layers.quantizer import mask_of
from tfcompress.layers.rounding import int16_step, round_activation, round_to_int16
from tfcompress.layers.time_distributed import as_samples, as_steps, mask_of_steps
from tfcompress.training.float_graph import fill
from tfcompress.training.quantization.fake_quant import averaged, round_sums, sloped, widened
from tfcompress.training.quantization.step_config import Measuring, RangeOf, StepConfig
from tfcompress.training.quantization.step_quantizer import StepQuantizer


@cache
def step_class(flavour: model_view.Flavour) -> type:
    """Return the class of steps for one Keras."""
    import tensorflow as tf

    keras = model_view.keras_of(flavour)
    numbers = getattr(keras, "ops", tf)

    class Step(keras.layers.Layer):
        """One call of a layer of the float model, on int8 grids.

        Args:
            config: What it does.
            name: Its name; that of the layer, where only one step calls it.
            stands_for: The path of the layer in the float model.
            regularizer: The layer's activity regularizer, which sees what the layer as a whole puts out.
            carries: Whether ranges keep an open group of values from batch to batch.
        """

        def __init__(
            self, config: StepConfig, name: str, stands_for: str = "", regularizer: Any = None, carries: bool = True
        ) -> None:
            super().__init__(name=name, dtype="float32", activity_regularizer=regularizer)
            self.step_config = config
            self.stands_for = stands_for or name
            self.supports_masking = True
            self.measuring: Measuring = ""
            self.exporting = False
            parts = [part for part in (config, config.activation) if part is not None]
            if isinstance(config.operation, keras.layers.Layer):
                self.operation = config.operation
            self.fixed = {part.result: part.fixed for part in parts if part.fixed is not None}
            self.states = {}
            for part in parts:
                for range_name in part.tracked:
                    whole = part.border and range_name in (part.results or (part.result,))
                    self.states[range_name] = self._add_range(range_name, 6 if carries and not whole else 3)
            if config.learned is not None and isinstance(config.operation, keras.layers.Layer):
                config.learned.add(self, config.operation)
                if not config.operation.trainable:
                    self.trainable = False  # the steps of a frozen kernel stand still as well
            self.built = True
            if config.results:  # loops over a sequence, which take long to compile
                self.supports_jit = False

        def _add_range(self, name: str, size: int) -> Any:
            aggregation = "mean"
            if flavour == "tf_keras":
                import tensorflow as tf

                aggregation = tf.VariableAggregation.MEAN
            settings = {"shape": (size,), "initializer": "zeros", "trainable": False, "aggregation": aggregation}
            return self.add_weight(name=f"{name}_range", **settings)

        def get_config(self) -> dict[str, Any]:
            """Return where the step is: it is rebuilt with its whole model, as steps know each other."""
            return {"owner": self.owner, "name": self.name}

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            """Return the step of that name in a new model; `clone_model` asks for one after the other."""
            return config["owner"].step_of_clone(config["name"])

        @property
        def stays_float(self) -> bool:
            """Whether the call is not quantized."""
            return self.step_config.stays_float

        @property
        def has_range(self) -> bool:
            """Whether every range of this step has seen data."""
            return all(float(state.numpy()[2]) > 0 for state in self.states.values())

        def call(self, tensors: Any, training: Any = None) -> Any:
            """Make the call and round its result."""
            with _scope(self.stands_for if self.stands_for != self.name else ""):
                axes = self.step_config.step_axes
                given = [as_samples(tensor, axes) for tensor in tensors] if axes else tensors
                result = self._compute(self.step_config, given, bool(training))
                if self.step_config.activation is not None:
                    result = self._compute(self.step_config.activation, [result], bool(training))
                return as_steps(result, tensors[0], axes) if axes else result

        @property
        def cell_ranges(self) -> dict[str, tuple[float, float]]:
            """The ranges of values that stay inside an op of the file, by a name scope around that op."""
            found = {scope: self.states[name].numpy() for scope, name in self.step_config.cells}
            return {scope: (float(state[0]), float(state[1])) for scope, state in found.items()}

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            """Return the masks that the layer gives what it puts out."""
            operation, masks = self.step_config.operation, list(mask or [None] * len(inputs))
            if self.step_config.step_axes:
                return mask_of_steps(operation, inputs[0], masks[0], self.step_config.step_axes, numbers)
            if not getattr(operation, "supports_masking", False):
                return None
            (first, *_), _ = fill(self.step_config.arguments, inputs)
            (previous, *_), _ = fill(self.step_config.arguments, masks)
            return operation.compute_mask(first, previous)

        def _compute(self, config: StepConfig, tensors: Any, training: bool) -> Any:
            args, kwargs = fill(config.arguments, tensors)
            if kwargs.get("training", False) is not False:  # False is a wish of the model's; all else was the default
                del kwargs["training"]
            with without_regularizer(config.operation):
                if config.form is None:
                    result = config.operation(*args, **kwargs)
                else:
                    quantizer = StepQuantizer(self, config, tensors, training)
                    result = _as_written(config)(quantizer, config.operation, *args, **kwargs)
            if config.results:
                return result
            if config.grid is not None and not self.measuring:
                owner, name = config.grid.step or self, config.grid.name
                averaged = self._as_averaged(config, result) if not (training or self.exporting) else result
                rounded = owner.on_grid(averaged, name)
                rounded._keras_mask = mask_of(result)
                return rounded
            if not config.rounds:
                return result
            unit = None if self.exporting else self.unit(config, training)
            if unit is not None:
                if config.slope is not None:
                    unit = sloped(unit, tensors[0], config.slope)
                result = round_sums(result, unit, self.grid_step(config.result), config.count)
            if config.fixed is None:
                return self.rounded(result, config.result, training, whole=config.border)
            # The loss wants probabilities that are not exactly 0.
            return result if (training and config.border) or self.measuring else round_activation(result, *config.fixed)

        def rounded(self, tensor: Any, name: str, training: bool, whole: bool = False) -> Any:
            """Round a tensor to the range of that name, after tracking it in training.

            Args:
                tensor: An activation.
                name: The range.
                training: Whether the range takes note of the tensor.
                whole: Whether the range keeps all that was seen, as it is that of an input or output of the model.
            """
            import tensorflow as tf

            variable = self.states[name]
            state = tf.convert_to_tensor(variable)
            if self.measuring == "ends" and not whole:
                return tensor
            if training or self.measuring:
                state = (widened if whole else averaged)(state, tensor)
                variable.assign(state)
                return tensor if self.measuring else round_activation(tensor, state[0], state[1])
            # Before any data the range is unknown and nothing is rounded.
            return tf.where(state[2] > 0, round_activation(tensor, state[0], state[1]), tensor)

        def tracked(self, tensor: Any, name: str, training: bool) -> Any:
            """Let a range keep the smallest and largest of a tensor; the file tells it as a fake quant of 16 bits."""
            import tensorflow as tf

            variable = self.states[name]
            state = tf.convert_to_tensor(variable)
            if (training or self.measuring) and self.measuring != "ends":
                variable.assign(tf.concat([widened(state[:3], tensor), state[3:]], 0))
            if training or self.measuring:
                return tensor
            if not self.exporting:
                return round_to_int16(tensor, int16_step(state[0], state[1]))
            return tf.quantization.fake_quant_with_min_max_vars(tensor, state[0], state[1], num_bits=16)

        def on_grid(self, tensor: Any, name: str) -> Any:
            """Round a tensor to a range of this step."""
            import tensorflow as tf

            if name in self.fixed:
                return round_activation(tensor, *self.fixed[name])
            state = tf.convert_to_tensor(self.states[name])
            return tf.where(state[2] > 0, round_activation(tensor, state[0], state[1]), tensor)

        def _as_averaged(self, config: StepConfig, result: Any) -> Any:
            """Round means as their kernels do: MEAN, which takes a whole image, or AVERAGE_POOL_2D."""
            owner, name = config.grid.step or self, config.grid.name
            if config.factors:
                return round_sums(result, self.unit(config, False), owner.grid_step(name), config.count)
            return owner.halves_away(result, name)

        def halves_away(self, tensor: Any, name: str) -> Any:
            """Move halves between two values of a range the way the kernels for averages round them.

            They round int8 numbers away from zero, and int8 zero is the middle of the range.
            """
            import tensorflow as tf

            low = self.fixed[name][0] if name in self.fixed else tf.convert_to_tensor(self.states[name])[0]
            step = self.grid_step(name)
            middle = (tf.round(low / tf.maximum(step, 1e-30)) + 128.0) * step  # the range holds zero as a whole step
            return tensor + 1e-3 * step * tf.sign(tensor - middle)

        def input_step(self, config: StepConfig, training: bool) -> Any:
            """Return the step of what the kernel reads; None in training and where it is unknown."""
            if config.source is None or training or self.measuring:
                return None
            return self.step_of(config.source)

        def unit(self, config: StepConfig, training: bool) -> Any:
            """Return the worth of 1 in the sums to round; None in training, and where their kernel rounds but once."""
            if config.factors and not (training or self.measuring):
                return config.share * math.prod(self.step_of(factor) for factor in config.factors)
            step = self.input_step(config, training)
            kernels = {} if config.kernel is None else layer_spec(config.kernel).kernels
            if any(layout.rounds_once for layout in kernels.values()):
                return None
            return None if step is None else StepQuantizer(self, config, (), training).accumulator_scale(step)

        def step_of(self, found: RangeOf) -> Any:
            """Return the step between two values of a range."""
            return (found.step or self).grid_step(found.name)

        def grid_step(self, name: str) -> Any:
            """Return the step between two values of a range; 0 before it has seen data."""
            low, high = self.bounds(name)
            return (high - low) / 255.0

        def bounds(self, name: str) -> tuple[Any, Any]:
            """Return the smallest and the largest value of a range; both 0 before it has seen data."""
            import tensorflow as tf

            if name in self.fixed:
                return self.fixed[name]
            state = tf.convert_to_tensor(self.states[name])
            return state[0], state[1]

    return Step


def _as_written(config: StepConfig) -> Form:
    """Return a form that autograph of tf_keras leaves alone; a custom layer may rely on autograph."""
    import tensorflow as tf

    custom = hasattr(config.operation, "int8_call")
    return config.form if custom else tf.autograph.experimental.do_not_convert(config.form)


@contextmanager
def without_regularizer(layer: Any) -> Iterator[None]:
    """Call a layer without its activity regularizer: it is the step's, which sees the result of all parts."""
    names = ("activity_regularizer", "_activity_regularizer")  # of Keras 3, of tf_keras
    held = {name: vars(layer)[name] for name in names if hasattr(layer, "trainable") and name in vars(layer)}
    try:
        for name in held:
            object.__setattr__(layer, name, None)
        yield
    finally:
        for name, value in held.items():
            object.__setattr__(layer, name, value)


def _scope(path: str) -> Any:
    """Put the path of a layer of a nested model into the names of its tensors, which the file then tells."""
    import tensorflow as tf

    return tf.name_scope(path) if re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*", path) else nullcontext()
