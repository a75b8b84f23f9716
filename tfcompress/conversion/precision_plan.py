"""Which ops of an integer file are not in int8: the user's choice of layers, and what an integer form asks for.

In: layer paths, tensor names. Out: "float", "int16" or nothing for each op. Travels to the worker's process as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tfcompress.conversion.layer_names import layers_of
from tfcompress.layers.quantizer import INT16

Kind = Literal["float", "int16", "int8"]


@dataclass(frozen=True)
class PrecisionPlan:
    """The layers of a model, and those that are to be in float or in int16."""

    paths: tuple[str, ...]
    root: str
    """The name of the model, which begins each scope."""
    keep_float: tuple[str, ...] = ()
    keep_int16: tuple[str, ...] = ()
    keep_int8: tuple[str, ...] | None = None
    """The layers whose weights keep 8 bits in a file with weights of 4; None: those that the pass chooses."""
    ends: tuple[str, ...] = ()
    """The layer that makes each output; empty where that is unknown."""
    lstms: dict[str, str] = field(default_factory=dict)
    """The path of each LSTM by its fingerprint, as the converter loses their names."""

    @property
    def output_names(self) -> dict[str, str]:
        """Tensor names that tell the layer, by name of the output in the exported signature."""
        return {f"output_{i}": f"{self.root}/{path}/output_{i}" for i, path in enumerate(self.ends) if path}

    @property
    def lstm_scopes(self) -> dict[str, str]:
        """Tensor names that tell the layer, by fingerprint of an LSTM."""
        return {known: f"{self.root}/{path}" for known, path in self.lstms.items()}

    def kind(self, tensor_name: str) -> Kind:
        """Return what the op is to be whose first output has that name."""
        layers = layers_of(tensor_name, self.paths, self.root) if self.keep_float or self.keep_int16 else set()
        if any(_within(layer, self.keep_float) for layer in layers):
            return "float"
        if INT16 in tensor_name or any(_within(layer, self.keep_int16) for layer in layers):
            return "int16"
        return "int8"

    def keeps_int8(self, tensor_name: str) -> bool:
        """Tell whether the op whose first output has that name keeps weights of 8 bits."""
        return any(_within(layer, self.keep_int8 or ()) for layer in self.layers(tensor_name))

    def layers(self, tensor_name: str) -> set[str]:
        """Return the paths of the layers that became the op whose result has that name."""
        return layers_of(tensor_name, self.paths, self.root)

    def layer(self, tensor_name: str) -> str:
        """Name the layer of a tensor or node, for messages."""
        layers = sorted(layers_of(tensor_name, self.paths, self.root))
        return f"layer {layers[0]}" if layers else f"node {tensor_name}"

    def is_apart(self, path: str) -> bool:
        """Tell whether a layer is to be in float or in int16."""
        return _within(path, (*self.keep_float, *self.keep_int16))

    def idle(self, tensor_names: Iterable[str]) -> list[str]:
        """List the chosen layers when none of them has an op of its own."""
        present = set().union(*(layers_of(name, self.paths, self.root) for name in tensor_names))
        chosen = [*self.keep_float, *self.keep_int16, *(self.keep_int8 or ())]
        return [] if any(_within(layer, chosen) for layer in present) else chosen

    def to_dict(self) -> dict[str, Any]:
        """What another process needs."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PrecisionPlan:
        """Read what `to_dict` wrote."""
        lists = {name: tuple(values[name]) for name in ("paths", "keep_float", "keep_int16", "ends")}
        eight = values.get("keep_int8")
        lists["keep_int8"] = None if eight is None else tuple(eight)
        return cls(root=values["root"], lstms=dict(values.get("lstms", {})), **lists)


def _within(layer: str, chosen: Iterable[str]) -> bool:
    return any(layer == path or layer.startswith(path + "/") for path in chosen)
