"""A float model becomes a graph of steps.

In: a float functional model, and which of its layers stay float. Out: inputs and outputs for a Keras model that
computes on int8 grids with the very same layers and weights, and the plan for each call.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from tfcompress import kerases
from tfcompress.training.float_graph import Slot, flat, functional, read
from tfcompress.training.quantization.placing import Plan, place
from tfcompress.training.quantization.steps import Work, range_names, step_class


def build(model: Any, stays_float: Container[str]) -> tuple[Any, Any, list[Plan]]:
    """Return (inputs, outputs, plans) of the quantization-aware twin of a model."""
    keras = kerases.keras_of(model)
    step = step_class(kerases.flavour(model))
    graph = read(model)
    plans = place(graph, stays_float)
    taken = {plan.call.name for plan in plans}
    source = functional(model)
    structure = getattr(source, "_inputs_struct", getattr(source, "_nested_inputs", None))
    specs = kerases.inputs(model)
    order = [graph.inputs[index] for index in _order(structure, source)]
    tensors: dict[int, Any] = {}
    made: dict[int, Any] = {}
    inputs = []
    for spec, key in zip(specs, order, strict=True):
        entry = keras.Input(spec.shape[1:], dtype=spec.dtype, name=spec.name)
        inputs.append(entry)
        tensors[key] = entry
        if spec.dtype.startswith("float"):
            name = kerases.unique(f"{spec.name}_range", taken)
            made[key] = step(Work(_identity, ((Slot(0),), {}), rounds=True, border=True), name)
            tensors[key] = made[key]([entry])
    for plan in plans:
        call = plan.call
        shapes = [(graph.shapes[key], graph.dtypes[key]) for key in call.inputs]
        names = range_names(plan.rule.recipe, call.operation, call.arguments, shapes)
        layer = step(
            Work(
                call.operation,
                call.arguments,
                plan.rule.recipe,
                rounds=plan.rounds,
                fixed=plan.rule.range,
                border=any(key in graph.outputs for key in call.outputs),
                grid=made.get(plan.grid_of),
                source=_source(plan, made),
                kernel=plan.kernel.operation if plan.kernel else None,
                norm=plan.norm.operation if plan.norm else None,
                factors=tuple(made[key] for key in plan.factors if key in made),
                share=(plan.rule.multiplies or 1.0) / plan.count,
                count=plan.count,
                stays_float=plan.rule.result == "float",
                names=names,
            ),
            call.name,
        )
        results = layer([tensors[key] for key in call.inputs])
        for key, result in zip(call.outputs, flat(results), strict=True):
            tensors[key], made[key] = result, layer
    import tensorflow as tf

    outputs = [tensors[key] for key in graph.outputs]
    form = getattr(source, "_outputs_struct", getattr(source, "_nested_outputs", None))
    outputs = tf.nest.pack_sequence_as(form, outputs) if isinstance(form, (list, tuple, dict)) else outputs[0]
    return tf.nest.pack_sequence_as(structure, inputs), outputs, plans


def _source(plan: Plan, made: dict[int, Any]) -> tuple[Any, str] | None:
    """Return the step (None: this one itself), and the name of its range, that the last kernel of a call reads from."""
    if plan.source is None:
        return None
    if plan.kernel and hasattr(plan.kernel.operation, "pointwise_kernel"):
        return made.get(plan.kernel.outputs[0]), "depthwise"
    return (made[plan.source], "result") if plan.source in made else None


def _identity(tensor: Any) -> Any:
    return tensor


def _order(structure: Any, source: Any) -> list[int]:
    """Return for each input by name its position in the model's flat list."""
    position = {id(tensor): index for index, tensor in enumerate(source.inputs)}
    return [position[id(tensor)] for tensor in flat(structure)]
