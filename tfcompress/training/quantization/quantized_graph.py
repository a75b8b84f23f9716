"""A float model becomes a graph of steps.

In: a float functional model, and which of its layers stay float. Out: inputs and outputs for a Keras model that
computes on int8 grids with the very same layers and weights, and the plan for each call.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from tfcompress.keras_compat import model_io, model_view
from tfcompress.training.float_graph import CallGraph, Slot, flat, functional, read, samples_shape
from tfcompress.training.quantization.fake_quant_placement import INLINE, Plan, place
from tfcompress.training.quantization.int4_kernels import Kernels
from tfcompress.training.quantization.learned_steps import LearnedSteps
from tfcompress.training.quantization.quantized_step import step_class
from tfcompress.training.quantization.step_config import RangeOf, StepConfig
from tfcompress.training.quantization.step_quantizer import range_names
from tfcompress.typing import KerasModel
from tfcompress.unique_names import unique


def build(
    model: KerasModel,
    stays_float: Container[str],
    layout: int,
    choose: Callable[[CallGraph, list[Plan]], Kernels] | None,
) -> tuple[Any, Any, list[Plan], Kernels]:
    """Return (inputs, outputs, plans, kernels of four bits) of the quantization-aware twin of a model.

    Args:
        model: A float model.
        stays_float: Paths of layers that are not to be quantized.
        choose: Chooses the kernels of four bits; None: there are none.
        layout: That of the saved model. A layer and the activation inside it are one step, of the layer's name; in
            those of tfcompress 0.1, which are of layout 1, they are two, and ranges keep no open groups.
    """
    keras, merged = model_view.keras_of(model), layout > 1
    step = step_class(model_view.flavour(model))
    graph = read(model, (lambda path: path not in stays_float) if layout > 2 else None)
    plans = place(graph, stays_float, layout)
    kernels = choose(graph, plans) if choose else frozenset()
    learned = LearnedSteps(kernels) if kernels else None
    taken = {plan.call.name for plan in plans}
    source = functional(model)
    structure = getattr(source, "_inputs_struct", getattr(source, "_nested_inputs", None))
    specs = model_io.inputs(model)
    order = [graph.inputs[index] for index in _order(structure, source)]
    tensors: dict[int, Any] = {}
    made: dict[int, RangeOf] = {}
    inputs = []
    for spec, key in zip(specs, order, strict=True):
        entry = keras.Input(spec.shape[1:], dtype=spec.dtype, name=spec.name)
        inputs.append(entry)
        tensors[key] = entry
        if spec.dtype.startswith("float"):
            name = unique(f"{spec.name}_range", taken)
            tracker = step(StepConfig(_identity, ((Slot(0),), {}), rounds=True, border=True), name, carries=merged)
            made[key], tensors[key] = RangeOf(tracker), tracker([entry])
    for group in _groups(plans, merged):
        first, last = group[0], group[-1]
        masks = [getattr(tensors[key], "_keras_mask", None) for key in first.call.inputs]
        config = _step_config(graph, first, made, "result" if first is last else "sums", masks, learned)
        if first is not last:
            made[first.call.outputs[0]] = RangeOf(None, "sums")
            config.activation = _step_config(graph, last, made, "result", [None], learned)
        regularizer = getattr(first.call.operation, "activity_regularizer", None)
        path = first.call.path.removesuffix(INLINE)
        layer = step(config, last.call.name, path, regularizer, carries=merged)
        results = layer([tensors[key] for key in first.call.inputs])
        ranges = config.results or ("result",) * len(last.call.outputs)
        for key, result, name in zip(last.call.outputs, flat(results), ranges, strict=True):
            tensors[key], made[key] = result, RangeOf(layer, name)
    _forget_losses(model)
    import tensorflow as tf

    outputs = [tensors[key] for key in graph.outputs]
    form = getattr(source, "_outputs_struct", getattr(source, "_nested_outputs", None))
    outputs = tf.nest.pack_sequence_as(form, outputs) if isinstance(form, (list, tuple, dict)) else outputs[0]
    return tf.nest.pack_sequence_as(structure, inputs), outputs, plans, kernels


def _groups(plans: list[Plan], merged: bool) -> list[list[Plan]]:
    """Return the plans of each step: of a layer, and of the activation inside it."""
    groups: list[list[Plan]] = []
    for plan in plans:
        if plan.inline and merged:
            groups[-1].append(plan)
        else:
            groups.append([plan])
    return groups


def _step_config(
    graph: CallGraph,
    plan: Plan,
    made: dict[int, RangeOf],
    result: str,
    masks: list[Any],
    learned: LearnedSteps | None,
) -> StepConfig:
    call = plan.call
    steps = call.step_axes
    masked = [_mask_seen(mask, steps) for mask in masks]
    shapes = list(zip(graph.seen_shapes(call), (graph.dtypes[key] for key in call.inputs), strict=True))
    return StepConfig(
        call.operation,
        call.arguments,
        plan.form,
        rounds=plan.rounds,
        fixed=plan.spec.range,
        border=any(key in graph.outputs for key in call.outputs),
        grid=made.get(plan.grid_of),
        reads=tuple(made.get(key) for key in plan.reads),
        source=_source(plan, made),
        kernel=plan.kernel.operation if plan.kernel else None,
        norm=plan.norm.operation if plan.norm else None,
        factors=() if any(masked) else tuple(made[key] for key in plan.factors if key in made),
        share=(plan.spec.product or 1.0) / plan.count,
        count=plan.count,
        slope=plan.spec.slope if plan.factors else None,
        stays_float=plan.spec.result == "float",
        learned=learned,
        names=range_names(plan.form, call.operation, call.arguments, shapes, masked),
        result=result,
        results=plan.spec.results,
        cells=plan.spec.cells,
        step_axes=steps,
    )


def _mask_seen(mask: Any, steps: int) -> tuple[tuple, str] | None:
    """Return shape and type of a mask as an operation sees it; that of the steps themselves is not its own."""
    if mask is None or len(mask.shape) <= 1 + steps:
        return None
    return samples_shape(tuple(mask.shape), steps), "bool"


def _source(plan: Plan, made: dict[int, RangeOf]) -> RangeOf | None:
    """Return the range that the last kernel of a call reads from."""
    if plan.source is None:
        return None
    if plan.kernel and hasattr(plan.kernel.operation, "pointwise_kernel"):
        maker = made.get(plan.kernel.outputs[0])
        return RangeOf(maker.step if maker else None, "depthwise")
    return made.get(plan.source)


def _forget_losses(model: KerasModel) -> None:
    """Drop the losses of the float graph: a layer that a form computes is not called, which would renew them."""
    for _, layer in model_view.layers(model):
        losses = getattr(layer, "_losses", None)
        if losses:
            losses.clear()


def _identity(tensor: Any) -> Any:
    return tensor


def _order(structure: Any, source: Any) -> list[int]:
    """Return for each input by name its position in the model's flat list."""
    position = {id(tensor): index for index, tensor in enumerate(source.inputs)}
    return [position[id(tensor)] for tensor in flat(structure)]
