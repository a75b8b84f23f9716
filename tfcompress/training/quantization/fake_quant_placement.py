"""Where the ranges stand: after each group of calls that the converter turns into one op, and nowhere inside.

In: the flat graph of a float model, and which layers stay float. Out: one `Plan` a call, in order. Knows the
neighbours of a call; does not touch Keras.
"""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Any

from tfcompress.layers.catalogue import call_spec, is_function, name_of
from tfcompress.layers.layer_spec import CallInfo, Form, Fusion, LayerSpec
from tfcompress.training.float_graph import Call, CallGraph, Slot

EXCLUDED = LayerSpec(result="float", note="excluded")
INTEGERS = LayerSpec(result="passthrough", note="integers")
INLINE = ":activation"
"""Ends the path of the activation inside a layer."""


@dataclass(frozen=True)
class Plan:
    """One call, the spec of its layer, and where its result is rounded."""

    call: Call
    spec: LayerSpec
    rounds: bool = False
    """Its result is rounded to a range of its own."""
    grid_of: int | None = None
    """The tensor whose range its result is rounded to again."""
    reads: tuple[int | None, ...] = ()
    """For each input the tensor on whose grid it lies."""
    source: int | None = None
    """The tensor on whose grid lies what the sums of products are made of."""
    kernel: Call | None = None
    """The call whose kernel they are made with."""
    norm: Call | None = None
    """The multiplication a channel after it, or alone."""
    factors: tuple[int, ...] = ()
    """The tensors on whose grids lies what is multiplied, averaged or rectified."""
    count: int = 1
    """How many values are averaged."""
    fused: str = ""
    """The call that this one becomes part of on the device."""
    inline: bool = False
    """It is the activation inside the layer that the plan before it is about."""

    @property
    def absorbs(self) -> bool:
        """Whether a ReLU after it becomes part of it; what has become part of a layer has room for one, as a norm."""
        return Fusion.ABSORBS_NEXT in self.spec.fusion and self.spec.result != "float"

    @property
    def form(self) -> Form | None:
        """The form in which it is computed; None: as Keras does."""
        return self.spec.folded if self.fused and self.spec.folded else self.spec.form


def place(graph: CallGraph, stays_float: Container[str], layout: int) -> list[Plan]:
    """Plan every call of a graph.

    Args:
        graph: The flat graph of a model. Activations inside layers become calls of their own in it.
        stays_float: Paths of layers that are not to be quantized.
        layout: That of the saved model; what was float in it stays float.
    """
    specs, inline = _split_activations(graph, stays_float, layout)
    plans: dict[str, Plan] = {}
    for call in graph.calls:
        spec = specs[call.name]
        rounds = spec.result not in ("passthrough", "input_range") and _is_float(graph, call.outputs[0])
        rounds = rounds and not (layout > 3 and _stays_in_float(graph, specs, call))
        plans[call.name] = Plan(call, spec, rounds=rounds, inline=call.name in inline)
    for call in graph.calls:
        _fuse(graph, plans, call)
    for call in graph.calls:
        if specs[call.name].result == "shared_range":
            for tensor in call.inputs:
                _join(graph, plans, tensor)
    for call in graph.calls:
        if specs[call.name].result == "input_range":
            plans[call.name] = replace(plans[call.name], grid_of=_root(graph, plans, call.inputs[0]))
    absorbed = {plan.kernel.name for plan in plans.values() if plan.kernel}
    for call in graph.calls:
        spec = specs[call.name]
        if spec.bias and call.name not in absorbed:
            _trace_sums(graph, plans, call)
        if spec.product or spec.averages or (spec.slope is not None and not plans[call.name].fused):
            _trace_factors(graph, plans, call)
    roots = {call.name: tuple(_root(graph, plans, tensor) for tensor in call.inputs) for call in graph.calls}
    return [replace(plans[call.name], reads=roots[call.name]) for call in graph.calls]


def _stays_in_float(graph: CallGraph, specs: dict[str, LayerSpec], call: Call) -> bool:
    """Tell whether a float call is read by float calls alone, so that a file has no integers in between."""
    readers = [reader for tensor in call.outputs for reader in graph.consumers(tensor)]
    given_out = any(tensor in graph.outputs for tensor in call.outputs)
    return bool(readers) and not given_out and all(specs[each.name].result == "float" for each in (call, *readers))


def _is_float(graph: CallGraph, tensor: int) -> bool:
    return graph.dtypes[tensor].startswith(("float", "bfloat"))


def _fuse(graph: CallGraph, plans: dict[str, Plan], call: Call) -> None:
    """Move the range of a call that takes this one in to this one's result."""
    plan = plans[call.name]
    joins = plan.spec.fusion & (Fusion.FUSES_INTO_PREVIOUS | Fusion.FUSES_INTO_KERNEL)
    if not joins or plan.spec.result == "float" or len(call.inputs) != 1:
        return
    before = graph.producer(call.inputs[0])
    if before is None or len(graph.consumers(call.inputs[0])) > 1 or call.inputs[0] in graph.outputs:
        return
    host = plans[before.name]
    if not host.absorbs or not host.rounds:
        return
    norm = Fusion.FUSES_INTO_KERNEL in joins
    if norm and not (host.spec.kernels and host.spec.bias):  # its shift becomes part of the bias
        return
    plans[before.name] = replace(host, rounds=False)
    plans[call.name] = replace(plan, kernel=before if norm else None, fused=host.fused or before.path)


def _trace_sums(graph: CallGraph, plans: dict[str, Plan], call: Call) -> None:
    """Tell the call that adds the bias, and the one that rounds the sum, what the sum is made of."""
    plan = plans[call.name]
    norm = None if plan.spec.kernels else call
    kernel = plan.kernel or (None if norm else call)
    source = _root(graph, plans, (kernel or call).inputs[0])
    while True:
        plans[call.name] = plan = replace(plans[call.name], source=source, kernel=kernel, norm=norm)
        readers = graph.consumers(call.outputs[0])
        if plan.rounds or len(readers) != 1 or not plans[readers[0].name].fused:
            return
        call = readers[0]


def _trace_factors(graph: CallGraph, plans: dict[str, Plan], call: Call) -> None:
    """Tell a call that multiplies, averages or rectifies on whose grids that lies, where it is known."""
    roots = tuple(_root(graph, plans, tensor) for tensor in call.inputs)
    sizes = [
        math.prod(graph.shapes[key][1:])
        for key in (call.inputs[0], call.outputs[0])
        if None not in graph.shapes[key][1:]
    ]
    if None in roots or len(sizes) < 2 or len(roots) != (2 if plans[call.name].spec.product == 1 else 1):
        return
    count = sizes[0] // sizes[1] if plans[call.name].spec.averages else 1
    plans[call.name] = replace(plans[call.name], factors=roots, count=count)


def _join(graph: CallGraph, plans: dict[str, Plan], tensor: int) -> None:
    """Let a tensor that only a concatenation reads share the range of its result."""
    while (call := graph.producer(tensor)) is not None:
        if len(graph.consumers(tensor)) > 1 or tensor in graph.outputs:
            return
        plan = plans[call.name]
        if plan.spec.result in ("own_range", "shared_range") and not plan.spec.results:
            plans[call.name] = replace(plan, rounds=False)
        if plan.spec.result != "passthrough":
            return
        tensor = call.inputs[0]


def _root(graph: CallGraph, plans: dict[str, Plan], tensor: int) -> int | None:
    """Return the tensor on whose grid a tensor lies."""
    while (call := graph.producer(tensor)) is not None:
        if plans[call.name].rounds:
            return tensor
        if plans[call.name].spec.result not in ("passthrough", "input_range"):
            return None
        tensor = call.inputs[0]
    return tensor if _is_float(graph, tensor) else None


def _split_activations(
    graph: CallGraph, stays_float: Container[str], layout: int
) -> tuple[dict[str, LayerSpec], set[str]]:
    """Make a call of each activation inside a layer; return the spec of each call and the names of those made."""
    specs: dict[str, LayerSpec] = {}
    inline: set[str] = set()
    names = {call.name for call in graph.calls}
    calls: list[Call] = []
    for call in graph.calls:
        spec = EXCLUDED if call.path in stays_float else _trained(graph, call, layout)
        if spec is not EXCLUDED and not all(_is_float(graph, tensor) for tensor in call.outputs):
            spec = INTEGERS
        specs[call.name] = spec
        split = spec.inline_activation and spec.result != "float"
        activation = getattr(call.operation, "activation", None) if split else None
        if activation is None or (is_function(activation) and name_of(activation) == "linear"):
            calls.append(call)
            continue
        between = len(graph.dtypes)
        graph.dtypes[between] = graph.dtypes[call.outputs[0]]
        graph.shapes[between] = graph.shapes[call.outputs[0]]
        name = call.name + "_sums"  # the result keeps the name of the layer, by which losses find an output
        while name in names:
            name += "_"
        names.add(name)
        calls.append(replace(call, name=name, outputs=(between,), structure=between))
        slot: Any = ((Slot(0),), {})
        path = call.path + INLINE
        made = Call(call.name, path, activation, slot, (between,), call.outputs, call.outputs[0], call.step_axes)
        calls.append(made)
        specs[name], specs[call.name] = spec, _trained(graph, calls[-1], layout)
        inline.add(call.name)
    graph.calls = calls
    return specs, inline


def _trained(graph: CallGraph, call: Call, layout: int) -> LayerSpec:
    """Return the spec of a call as training takes it."""
    args, kwargs = call.arguments
    shapes, dtypes = tuple(graph.seen_shapes(call)), tuple(graph.dtypes[tensor] for tensor in call.inputs)
    known = CallInfo(tuple(args), kwargs, shapes, dtypes, graph.is_masked(call), layout)
    spec = call_spec(call.operation, known)
    if spec.trained_since is None or spec.trained_since > layout:
        return spec.stays_float(f"no rule for {name_of(call.operation)}")
    return spec
