"""What a quantization-aware model tells the converter, by attributes of its layers.

In: a model. Out: whether it carries its ranges (`has_range`), which layers are float on purpose (`stays_float`), and
what no fake quant in the graph can tell (`cell_ranges`); and one attribute that tells it that it is being exported.
All other ranges are fake quants in the graph: of 8 bits, or of 16 where values and the ops that write them are int16.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tfcompress.errors import ModelError
from tfcompress.keras_compat.model_view import layers
from tfcompress.keras_compat.tfmot_layers import carries_tfmot_ranges
from tfcompress.typing import KerasModel


def carries_ranges(model: Any, *, has_samples: bool = False) -> bool:
    """Tell whether a model is quantization-aware, so that its int8 file needs no samples.

    Args:
        model: A built model.
        has_samples: Whether there are samples, which take the place of ranges that have seen no data.

    Raises:
        ModelError: it is, but some of its ranges have seen no data yet, and there is nothing in their place.
    """
    tracked = [(path, layer) for path, layer in layers(model) if hasattr(layer, "has_range")]
    unset = [path for path, layer in tracked if not layer.has_range]
    if unset and has_samples:
        return False
    if unset:
        raise ModelError(
            "A quantization-aware model must have seen data before it is converted.",
            received=f"{len(unset)} layers without a range, such as {unset[0]!r}",
            hint="Train it, make it with quantize_aware(model, samples=x_train[:500]), or pass samples here.",
        )
    return bool(tracked) or carries_tfmot_ranges(model)


def trained_scheme(model: Any) -> str:
    """Return the scheme that a quantization-aware model was trained for; "int8" for all other models."""
    return getattr(getattr(model, "origin", None), "scheme", "int8")


def float_on_purpose(model: Any) -> tuple[str, ...]:
    """Return the paths of the layers of a quantization-aware model that its table lists as float."""
    return tuple(path for path, layer in layers(model) if getattr(layer, "stays_float", False))


def without_ranges(model: KerasModel) -> KerasModel:
    """Return the float model inside a quantization-aware one, which has the same weights; other models as they are."""
    origin = getattr(model, "origin", None)
    return getattr(origin, "float_model", model)


def cell_ranges(model: Any) -> dict[str, dict[str, tuple[float, float]]]:
    """Return the ranges of the cells of fused LSTMs, by the path of their layer and the name scope of the op.

    A layer that exports LSTMs as one op each has the attribute `cell_ranges`: smallest and largest value of the cell by
    a name scope that it opens around the op, such as {"forward_lstm": (-2.0, 1.5), "backward_lstm": (-1.0, 1.0)}.
    """
    return {
        path: {scope: (float(low), float(high)) for scope, (low, high) in layer.cell_ranges.items()}
        for path, layer in layers(model)
        if getattr(layer, "cell_ranges", None)
    }


@contextmanager
def exporting(model: Any) -> Iterator[None]:
    """Have a quantization-aware model leave out, while the block runs, what the device's kernels do by themselves."""
    tracked = [layer for _, layer in layers(model) if hasattr(layer, "has_range")]
    for layer in tracked:
        layer.exporting = True
    try:
        yield
    finally:
        for layer in tracked:
            layer.exporting = False
