"""Layers that have other ops in the float file than in the integer one are compared as a whole.

In: the two files of one model. Out: for each such layer the stretch of ops in either file, and the one value that goes
in and comes out. A recurrent layer of Keras 3 is a loop in float, and a few ops for each step in integers.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tfcompress.litert.tflite_model import OpFacts, Tensor, TFLiteModel


@dataclass(frozen=True)
class Stretch:
    """Ops in a row, from `first` to before `last`, that read one activation and write one."""

    first: int
    last: int
    reads: Tensor
    writes: Tensor


def whole_layers(
    floating: TFLiteModel, quantized: TFLiteModel, matched: Collection[str]
) -> dict[str, tuple[Stretch, Stretch]]:
    """Return the stretches of integer and of float ops, by layer.

    Args:
        floating: The float file.
        quantized: The integer file.
        matched: Layers whose ops have their like in the other file.
    """
    found: dict[str, tuple[Stretch, Stretch]] = {}
    ours, theirs = _named_ops(quantized), _named_ops(floating)
    paths = {path for name in ours.keys() & theirs.keys() - set(matched) for path in _with_parents(name)}
    for path in sorted(paths, key=lambda path: (-path.count("/"), path)):
        inside = {name for name in (*ours, *theirs) if _is_within(name, path)}
        if inside & set(matched) or any(_is_within(other, path) for other in found):
            continue
        pair = tuple(
            _stretch(tflite, sorted(place for name in inside for place in places.get(name, ())))
            for tflite, places in ((quantized, ours), (floating, theirs))
        )
        if pair[0] and pair[1] and _is_alike(pair[0], pair[1]):
            found[path] = pair[0], pair[1]
    return found


def _with_parents(path: str) -> list[str]:
    """Return a path and those of the layers around it: both directions of an LSTM may run at once."""
    parts = path.split("/")
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def _is_within(name: str, path: str) -> bool:
    return name == path or name.startswith(path + "/")


def _named_ops(tflite: TFLiteModel) -> dict[str, list[int]]:
    """Return the places of each layer's ops; what comes of parts of a layer counts as the layer."""
    layers = tflite.manifest.get("layers")
    names = layers if isinstance(layers, dict) else {}
    places: dict[str, list[int]] = {}
    for place, op in enumerate(_ops(tflite)):
        named = next((str(names[tensor.name]) for tensor in op.outputs if tensor.name in names), None)
        if named is not None:
            places.setdefault(named, []).append(place)
    return places


def _ops(tflite: TFLiteModel) -> list[OpFacts]:
    return [op for op in tflite.ops if op.subgraph == 0]


def _stretch(tflite: TFLiteModel, places: list[int]) -> Stretch | None:
    """Return a layer's ops with what stands between them, or None where more than one value goes in or out."""
    ops, (first, last) = _ops(tflite), (places[0], places[-1] + 1)
    inside, outside = ops[first:last], (*ops[:first], *ops[last:])
    written = {tensor.index: tensor for op in inside for tensor in op.outputs}
    activations = {tensor.index for op in outside for tensor in op.outputs} | {i for i, _ in tflite.bound_inputs}
    given_out = {index for index, _ in tflite.bound_outputs}
    read_outside = {tensor.index for op in outside for tensor in op.inputs} | given_out
    reads = {t.index: t for op in inside for t in op.inputs if t.index in activations and t.index not in written}
    writes = [tensor for index, tensor in written.items() if index in read_outside]
    if len(reads) != 1 or len(writes) != 1 or writes[0].index not in {t.index for t in inside[-1].outputs}:
        return None
    return Stretch(first, last, next(iter(reads.values())), writes[0])


def _is_alike(one: Stretch, other: Stretch) -> bool:
    return one.reads.shape == other.reads.shape and one.writes.shape == other.writes.shape
