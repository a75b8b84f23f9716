"""Warnings of what integers lose, by the names of the layers, each with the settings that keep it.

In: losses that the converter's process found, layers by tensor name; a model and its samples. Out: warnings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tfcompress.console import warn
from tfcompress.conversion.input_scaling import first_seen, remembered_layers
from tfcompress.conversion.samples import Calibration
from tfcompress.typing import KerasModel


def warn_of_losses(losses: Iterable[Mapping[str, Any]], layers: Mapping[str, str], kind: str, io: str) -> None:
    """Warn of each layer that loses most of what it computes.

    Args:
        losses: As `quantization_losses` lists them, as JSON has them.
        layers: Keras layer by tensor name.
        kind: "int8" or "int16x8".
        io: The type of the file's inputs and outputs.
    """
    told: set[str] = set()
    for loss in losses:
        name = layers.get(loss["op"], loss["op"])
        if name in told:
            continue
        told.add(name)
        keep = list(dict.fromkeys(layers[each] for each in loss["keep"] if each in layers))
        way = f"keep_float={keep}" if keep else "convert(model, 'float32')"
        way += ", io='float32'" if loss["io"] and io != "float32" and keep else ""
        warn(
            f"{kind} keeps little ({loss['sqnr']:.0f} dB) of what the layer {name!r} computes: {loss['what']}. "
            f"Way out: {way}.",
            4,
        )


def warn_of_lost_features(
    model: KerasModel, calibration: Calibration, kind: str, io: str, in_float: Iterable[str]
) -> None:
    """Warn where a step of an input is wider than features that the first layer will scale up.

    Args:
        model: A built model of either Keras. One that does not begin with a norm is not judged.
        calibration: The samples.
        kind: "int8" or "int16x8".
        io: The type of the file's inputs and outputs.
        in_float: Paths of layers that stay in float.
    """
    known = remembered_layers(model)
    seen = first_seen(model, [layer for _, layer, _ in known], calibration) if known else None
    path, (mean, variance, axis) = next(
        ((path, moments) for path, layer, moments in known if seen is not None and layer is seen[0]), ("", (None,) * 3)
    )
    if seen is None or mean is None or (io == "float32" and path in set(in_float)):
        return
    given = seen[1]
    if axis not in (-1, given.ndim - 1) or mean.size < 2:
        return
    rows = next(calibration.batches(len(given)))
    for index, spec in enumerate(calibration.specs):
        array = rows[f"input_{index}"]
        if array.shape != given.shape or not np.array_equal(array, given.astype(array.dtype)):
            continue
        low, high = calibration.ranges[spec.name]
        step = max(abs(low), abs(high)) / 32767 if kind == "int16x8" else (max(high, 0) - min(low, 0)) / 255
        lost = int((np.sqrt(variance) < step).sum())
        if lost:
            warn(
                f"{kind} loses {lost} of {mean.size} features of the input {spec.name!r}: its step, {step:.3g}, is "
                f"wider than the spread that the layer {path!r} remembers of them. Way out: io='float32', "
                f"keep_float=[{path!r}].",
                4,
            )
