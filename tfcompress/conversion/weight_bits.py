"""How many bits the weights of each layer have in a file that was to fit into some bytes: what is told of the choice.

In: the choice by layer. Out: entries of the manifest, a message, an error for a file that is too large after all.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tfcompress.console import say
from tfcompress.conversion.layer_decisions import layer_of
from tfcompress.errors import ConversionError, SettingError
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.network_ends import tell_kept


@dataclass(frozen=True)
class BitChoice:
    """What was chosen for the weights of a layer, and why."""

    bits: int
    saves: int
    """The bytes that four bits save in this layer."""
    noise: float
    """The noise that four bits in this layer alone add to what the model puts out, in dB of that."""


Bits = Mapping[str, BitChoice]
"""By layer."""

INDICES = ("int32", "int64")
"""Types of constants that are shapes, axes or biases."""


@dataclass
class FlashBudget:
    """What a file may take, and what was chosen so that it does."""

    flash: int
    """The most bytes of the finished file."""
    finished: Callable[[bytes, Bits], int]
    """Counts the bytes of a file once names and manifest are in."""
    label: Callable[[str], str]
    """Names the layer of an op by the name of its first result, as `keep_int8` takes it."""
    bits: Bits = field(default_factory=dict)


def require_flash(flash: object) -> None:
    """Raise `SettingError` for a budget that is no number of bytes."""
    if flash is not None and (isinstance(flash, bool) or not isinstance(flash, int) or flash < 1):
        raise SettingError("flash must be a whole number of bytes.", received=repr(flash)[:100])


def bits_to_json(bits: Bits) -> dict[str, dict[str, Any]]:
    """Return the choice as the manifest has it."""
    return {layer: asdict(choice) for layer, choice in bits.items()}


def bits_from_json(found: Mapping[str, Mapping[str, Any]]) -> dict[str, BitChoice]:
    """Read what `bits_to_json` wrote."""
    return {layer: BitChoice(**choice) for layer, choice in found.items()}


def with_bits(manifest: Mapping[str, Any], bits: Bits) -> dict[str, Any]:
    """Return a manifest with the choice: a row a layer, and `keep_int8` with which the choice is made again."""
    if not bits:
        return {**manifest}
    settings = manifest["settings"]
    kept = {*settings.get("keep_int8", ()), *(layer for layer, choice in bits.items() if choice.bits == 8)}
    return {**manifest, "settings": {**settings, "keep_int8": sorted(kept)}, "weight_bits": bits_to_json(bits)}


def tell_bits(made: TFLiteModel, layers: Mapping[str, str], bits: Bits, flash: int | None) -> None:
    """Say which layers have four bits where that was chosen for a budget, or which have not where nobody chose.

    Args:
        made: The finished file.
        layers: Layer by tensor name.
        bits: What was chosen.
        flash: The budget.
    """
    if flash is None:
        if "keep_int8" not in made.manifest["settings"]:
            _tell_rule(made, layers)
        return
    small = [layer for layer, choice in bits.items() if choice.bits == 4]
    large = [layer for layer, choice in bits.items() if choice.bits == 8]
    where = f"in {len(small)} of {len(bits)} layers ({', '.join(small)})" if bits else "in no layer: 8 bits fit"
    eight = f"; 8 bits in {', '.join(large)}" if large else ""
    say(f"{made.size:,} of {flash:,} bytes, with weights of four bits {where}{eight}")


def _tell_rule(made: TFLiteModel, layers: Mapping[str, str]) -> None:
    """Say which layers keep 8 bits that could have four, where they hold much of the file."""
    constants = (tensor for op in made.ops for tensor in op.inputs if tensor.bytes and len(tensor.shape) > 1)
    sizes = {one.buffer: math.prod(size or 1 for size in one.shape) for one in constants if one.dtype not in INDICES}
    kept: dict[int, str] = {}
    for op in made.ops:
        if op_spec(op.name).int4 is not None and op.inputs[0].dtype == op.inputs[1].dtype == "int8":
            kept[op.inputs[1].buffer] = layer_of(op, layers)
    by_layer: Counter[str] = Counter()
    for buffer, layer in kept.items():
        by_layer[layer] += sizes.get(buffer, 0)
    tell_kept(by_layer, sum(sizes.values()))


def require_fitting(made: TFLiteModel, flash: int | None) -> None:
    """Raise `ConversionError` where a finished file is larger than asked for."""
    if flash is not None and made.size > flash:
        raise ConversionError(
            f"The file must take at most {flash:,} bytes.",
            received=f"{made.size:,} bytes",
            hint='Calibrate it for "int8x4", which chooses weights of four bits to fit, train it with fewer layers in '
            "keep_int8, or make the model smaller with prune_channels.",
        )
