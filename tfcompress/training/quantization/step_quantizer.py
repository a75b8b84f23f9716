"""What forms round with in training, and how the ranges that they ask for are found out.

In: a step and its config. Out: a `StepQuantizer`, which rounds and tracks; the names of a form's ranges, from a trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfcompress.clustered_weights import is_clustered
from tfcompress.int4 import LARGEST
from tfcompress.layers.catalogue import layer_spec
from tfcompress.layers.kernels import product_step, weighted
from tfcompress.layers.layer_spec import Form, KernelLayout
from tfcompress.layers.quantizer import INT16, WIDEST_INVERSE, Unrounded
from tfcompress.layers.rounding import (
    coarsest_step,
    from_table,
    round_activation,
    round_to_steps,
    round_weight,
    weight_scale,
)
from tfcompress.training.float_graph import fill
from tfcompress.training.quantization.fake_quant import round_sums
from tfcompress.training.quantization.step_config import StepConfig


class StepQuantizer:
    """What a form or a custom layer's `int8_call` gets to round with."""

    may_fuse = True

    def __init__(self, step: Any, config: StepConfig, tensors: Sequence[Any], training: bool) -> None:
        self._step, self._config, self._tensors = step, config, tensors
        self.path = step.stands_for
        self.training = training
        self.tracks = training or step.measuring == "all"
        self.unrolls = step.exporting
        self.rounds_as_kernels = not (training or step.measuring or step.exporting)
        self.host = config.kernel
        self.input_step = step.input_step(config, training)
        rounded = config.grid is not None and not (step.measuring or step.exporting)
        self.input_grid_step = step.step_of(config.grid) if rounded else None

    @property
    def host_step(self) -> Any:
        """Return the worth of 1 in the int32 sums of the layer that this one becomes part of."""
        return None if self.host is None or self.input_step is None else self._sums_of(self.host, self.input_step)

    def accumulator_scale(self, input_step: Any) -> Any:
        """Return the worth of 1 in the int32 sums of a layer with a kernel, a norm that follows it, or a norm alone."""
        import tensorflow as tf

        kernel, norm = self._config.kernel, self._config.norm
        unit = input_step / 127.0 if kernel is None else self._sums_of(kernel, input_step)
        return unit if norm is None or unit is None else unit * tf.abs(layer_spec(norm).scale_and_offset(norm)[0])

    def _sums_of(self, kernel: Any, input_step: Any) -> Any:
        return product_step(self, kernel, layer_spec(kernel).kernels, input_step)

    def activation(self, tensor: Any, name: str, unit: Any = None) -> Any:
        """Round a tensor to a range that is tracked under `name`, in inference as kernels round sums of that unit."""
        if self.rounds_as_kernels and unit is not None:
            tensor = round_sums(tensor, unit, self._step.grid_step(name))
        whole = self._config.border and name in self._config.results
        return self._step.rounded(tensor, name, self.training, whole=whole)

    def weight(self, tensor: Any, keep: Sequence[int]) -> Any:
        """Round a weight to int8."""
        return round_weight(tensor, keep)

    def kernel(self, layer: Any, name: str, layout: KernelLayout) -> Any:
        """Round a kernel to int8, or to four bits with steps that are learned."""
        learned = None if self._config.learned is None else self._config.learned.step_of(layer, name)
        weight = getattr(layer, name)
        if learned is not None:
            return round_to_steps(weight, learned, LARGEST)
        return round_weight(weight, _scale_axes(weight, layout))

    def kernel_step(self, layer: Any, name: str, layout: KernelLayout) -> Any:
        """Return the step between two values of a kernel."""
        import tensorflow as tf

        learned = None if self._config.learned is None else self._config.learned.step_of(layer, name)
        weight = tf.convert_to_tensor(getattr(layer, name))
        if learned is not None:
            return coarsest_step(weight, learned, LARGEST)
        each = [axis % len(weight.shape) for axis in layout.scales]
        shape = [size if axis in each else 1 for axis, size in enumerate(weight.shape)]
        return tf.broadcast_to(weight_scale(weight, _scale_axes(getattr(layer, name), layout)), shape)

    def range_of(self, name: str) -> tuple[Any, Any] | None:
        """Return the range tracked under `name`; None where nothing is rounded."""
        return None if self._step.measuring else self._step.bounds(name)

    def fixed(self, tensor: Any, low: float, high: float) -> Any:
        """Round a tensor to a known range."""
        return tensor if self._step.measuring else round_activation(tensor, low, high)

    def int16(self, tensor: Any, name: str) -> Any:
        """Track the range of a tensor under `name`; steps of int16 are too fine to matter in training."""
        return self._step.tracked(tensor, name, self.training)

    def bounds_of(self, tensor: Any) -> tuple[Any, Any] | None:
        """Return the range of a tensor that the layer is called on, in inference and where it is known."""
        found = [each for given, each in zip(self._tensors, self._config.reads, strict=False) if given is tensor]
        if not (self.rounds_as_kernels and found and found[0]):
            return None
        return (found[0].step or self._step).bounds(found[0].name)

    def inverse_root(self, tensor: Any, name: str, result: str) -> Any:
        """Return one over the root of a tensor, as far as the table of the int16 kernel goes.

        In inference it is read from that table. While exporting the kernel itself does so.
        """
        import tensorflow as tf

        tensor, step = self.int16(tensor, name), self._step
        largest = tf.maximum(tf.convert_to_tensor(step.states[name])[1], 1e-30)
        exact = tf.math.rsqrt(tensor)
        if step.measuring == "ends" or step.exporting:
            return self.int16(exact, result)
        inverse = tf.minimum(exact, WIDEST_INVERSE * tf.math.rsqrt(largest))
        if not (self.training or step.measuring):
            state = tf.convert_to_tensor(step.states[result])
            inverse = tf.where(state[2] > 0, from_table(tf.math.rsqrt, tensor, largest, state[1]), exact)
        return self.int16(inverse, result)

    def projected(self, layer: Any, x: Any) -> Any:
        """Call a layer inside the layer, with its kernels rounded and without its activation."""
        return weighted(self, layer, layer_spec(layer).kernels, x)

    def int16_scope(self) -> Any:
        """Name what is computed while the block runs like in a calibrated file."""
        import tensorflow as tf

        return tf.name_scope(INT16)


def _scale_axes(weight: Any, layout: KernelLayout) -> tuple[int, ...]:
    """Return the axes of a kernel that have a scale for each index: none of one that is clustered by now."""
    import tensorflow as tf

    with tf.init_scope():
        return () if is_clustered(np.asarray(weight.numpy())) else layout.scales


@dataclass(frozen=True)
class NameRecorder(Unrounded):
    """Stands in for a `StepQuantizer` while a form is traced to learn the names of its ranges."""

    names: dict[str, None] = field(default_factory=dict)

    tracks = True
    unrolls = False

    def activation(self, tensor: Any, name: str, unit: Any = None) -> Any:
        """Note the name."""
        self.names[name] = None
        return tensor

    def int16(self, tensor: Any, name: str) -> Any:
        """Note the name."""
        return self.activation(tensor, name)

    def inverse_root(self, tensor: Any, name: str, result: str) -> Any:
        """Note the names."""
        return self.int16(self.int16(tensor, name), result)


def range_names(
    form: Form | None, operation: Any, arguments: Any, inputs: Sequence[tuple], masks: Sequence[tuple | None]
) -> tuple[str, ...]:
    """Return the names of the intermediate ranges of a form, from a trace on (shape, dtype) pairs."""
    import tensorflow as tf

    if form is None:
        return ()
    recorder = NameRecorder()

    def trace(tensors: list[Any], masks: list[Any]) -> Any:
        for tensor, mask in zip(tensors, masks, strict=True):
            tensor._keras_mask = mask
        args, kwargs = fill(arguments, tensors)
        return form(recorder, operation, *args, **kwargs)

    specs, masked = ([None if one is None else tf.TensorSpec(*one) for one in part] for part in (inputs, masks))
    tf.function(trace, autograph=False).get_concrete_function(specs, masked)
    return tuple(recorder.names)
