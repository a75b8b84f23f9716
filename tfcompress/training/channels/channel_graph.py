"""Which channels of a model must go together: the dependency graph.

In: a functional or Sequential model of either Keras. Out: `ChannelGraph`: groups of channels that may go, what each
weight loses with them, what is kept whole and why. After Fang et al. 2023, "DepGraph: Towards Any Structural
Pruning"; here every channel is a number, and channels that are one have one number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.graph_nodes import is_input
from tfcompress.keras_compat.keras_quantized import require_float_weights
from tfcompress.keras_compat.tfmot_layers import require_stripped
from tfcompress.layers.catalogue import channel_rule_of
from tfcompress.layers.channel_rules.channel_ids import Axes, ChannelIds
from tfcompress.layers.channel_rules.layer_call import LayerCall
from tfcompress.model_files.load_keras import as_model
from tfcompress.result_base import Part, Result, Table
from tfcompress.selection import Patterns, select
from tfcompress.training.channels.channel_groups import Group, group
from tfcompress.training.channels.memory_traffic import writing
from tfcompress.training.float_graph import CallGraph, read
from tfcompress.training.lora import require_merged
from tfcompress.typing import KerasModel, StrPath

ROLES = {"out": "made by", "along": "scaled by", "in": "read by"}
"""What a layer does with the channels of a group."""

FIRST = "of a first layer, or added to one (keep_first=False lets it go)"


@dataclass(repr=False)
class ChannelGraph(Result):
    """The channels of a model. Printed, it tells for each group which layers make, scale and read its channels.

    Args:
        model: The model.
        ids: Who holds which channel.
        calls: The model as calls.
        unknown: Layers and operations that cannot be followed, as path -> what they are.
        axes: The channels along the axes of each tensor of the calls.
    """

    model: Any
    ids: ChannelIds
    calls: CallGraph
    unknown: dict[str, str]
    axes: dict[int, Axes]

    @cached_property
    def groups(self) -> list[Group]:
        """The groups of channels that may go; the channels of a group are alike and go one by one."""
        return group(self.ids)

    @cached_property
    def kept(self) -> dict[str, str]:
        """Layers that make channels and lose none, as path -> why."""
        free = {number for each in self.groups for number in each.channels.tolist()}
        reasons = {self.ids.root(number): why for number, why in reversed(self.ids.reasons.items())}
        found: dict[str, str] = {}
        for weight in self.ids.weights.values():
            for position, axis in weight.axes.items():
                if weight.roles[position] != "out" or axis is None:
                    continue
                roots = self.ids.roots(axis).tolist()
                if not free & set(roots):
                    found[layer_of(weight.path)] = next((reasons[root] for root in roots if root in reasons), "")
        return found

    @property
    def headline(self) -> str:
        """How many channels may go, in how many groups."""
        channels = sum(len(each.channels) for each in self.groups)
        return f"channels that may go: {channels:,}, groups that go together: {len(self.groups)}"

    def parts(self) -> Iterator[Part]:
        """A row a group, what is kept whole and why, what cannot be followed."""
        rows = [(f"{row['channels']:,}", *(", ".join(row[role]) for role in ROLES.values())) for row in self._rows()]
        if rows:
            yield Table(("channels", *ROLES.values()), rows)
        if self.kept:
            yield Table(("layer", "why"), [*self.kept.items()], "kept whole")
        if self.unknown:
            yield Table(("layer", "what it is"), [*self.unknown.items()], "cannot be followed")

    def to_dict(self) -> dict[str, Any]:
        """The facts, ready for `json.dump`: "groups", each with "channels" and layers by role, "kept" and "unknown"."""
        return {"groups": self._rows(), "kept": dict(self.kept), "unknown": dict(self.unknown)}

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for each in self.groups:
            row: dict[str, Any] = {"channels": len(each.channels)}
            row |= {name: [*each.layers(role)] for role, name in ROLES.items()}
            row["scaled by"] = [path for path in row["scaled by"] if path not in row["made by"]]
            rows.append(row)
        return rows


def layer_of(path: str) -> str:
    """Return the layer that a weight's path means, such as "block/conv" for "block/conv/kernel"."""
    return path.rpartition("/")[0]


def channel_graph(model: KerasModel | StrPath, *, exclude: Patterns = None, keep_first: bool = True) -> ChannelGraph:
    """Find out which channels of a model must go together.

    Args:
        model: A built functional or Sequential model of either Keras, or the path of its file; models inside are
            looked into.
        exclude: Layers whose results keep all their channels, by name, path, glob, class or function.
        keep_first: Whether layers that read an input of the model keep all their channels.

    Raises:
        ModelError: no built functional or Sequential model.
        SelectionError: a pattern matches no layer.

    Example:
        >>> print(tfcompress.channel_graph(model, keep_first=False))
        channels that may go: 8, groups that go together: 1
        channels  made by  scaled by        read by
               8  conv     norm, depthwise  digit
        <BLANKLINE>
        kept whole
        layer  why
        digit  the activation 'softmax' of digit
    """
    model = as_model(model)
    require_functional(model)
    pairs = [(path, layer) for path, layer in model_view.layers(model) if not is_input(layer)]
    excluded = {path for path, _ in pairs} - select(pairs, None, exclude)
    calls, ids, unknown = read(model), ChannelIds(), {}
    axes: dict[int, Axes] = {tensor: (None,) * len(calls.shapes[tensor]) for tensor in calls.inputs}
    raw, writes = set(calls.inputs), writing(calls)
    owned = {id(weight.variable) for weight in model_view.weights(model)}
    for call in calls.calls:
        layer_call = LayerCall(
            call.path,
            call.operation,
            call.arguments,
            [axes[tensor] for tensor in call.inputs],
            [calls.shapes[tensor] for tensor in call.inputs],
            [calls.shapes[tensor] for tensor in call.outputs],
            ids,
            channel_rule_of,
            unknown,
            first=FIRST if keep_first and raw.intersection(call.inputs) else "",
        )
        rule = channel_rule_of(call.operation)
        made = layer_call.unfollowed() if rule is None else rule(layer_call)
        if call.name in writes:
            layer_call.write(made, writes[call.name])
        axes.update(zip(call.outputs, made, strict=True))
        if call.path in excluded:
            for axis in (axis for result in made for axis in result):
                ids.keep(axis, "excluded")
        if raw.issuperset(call.inputs) and not _has_kernel(ids, call.path):
            raw.update(call.outputs)
    for layer, tensor in calls.entries:
        _enter(ids, layer, axes[tensor])
    for tensor in calls.outputs:
        for axis in axes[tensor]:
            ids.keep(axis, "an output of the model")
    if any(number not in owned for number in ids.weights):
        raise ModelError("Layers must hold their weights themselves.", received="a kernel made from others")
    ids.settle()
    return ChannelGraph(model, ids, calls, unknown, axes)


def require_functional(model: KerasModel) -> None:
    """Raise `ModelError` unless a model is functional or Sequential, built, and no quantization-aware one."""
    model_view.flavour(model)
    model_view.require_built(model)
    require_float_weights(model)
    require_stripped(model)
    require_merged(model)
    if hasattr(model, "origin"):
        raise ModelError(
            "Channels go out of a float model.",
            received=f"{model.name!r}, which is quantization-aware",
            hint="Take its float model with tfcompress.strip_quantization(model), prune, then quantize_aware again.",
        )
    if not getattr(getattr(model, "_functional", None) or model, "_nodes_by_depth", None):
        raise ModelError(
            "Channels can be followed in functional and Sequential models.",
            received=f"the subclassed model {model.name!r} ({type(model).__name__})",
            hint="Make it functional: keras.Model(inputs, model.call(inputs)) with a keras.Input for each tensor.",
        )


def _has_kernel(ids: ChannelIds, path: str) -> bool:
    return any(weight.kind == "kernel" and weight.path.startswith(path + "/") for weight in ids.weights.values())


def _enter(ids: ChannelIds, layer: Any, axes: Axes) -> None:
    """Tie the input layer of a model inside to the tensors that calls give to it."""
    shape = getattr(layer, "batch_shape", None) or layer._batch_input_shape
    key = "batch_shape" if hasattr(layer, "batch_shape") else "batch_input_shape"
    kept = [size if size is None or axis is None else axis for size, axis in zip(shape, axes, strict=True)]
    ids.set(layer, key, tuple(kept), width=False)
