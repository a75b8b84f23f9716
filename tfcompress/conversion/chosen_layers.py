"""The layers that the user wants in float or in int16, by the names and paths of a model.

In: a Keras model, patterns. Out: a `PrecisionPlan`, for the converter's process.
"""

from __future__ import annotations

from tfcompress.conversion.keras_operations import lstm_fingerprints, operations
from tfcompress.conversion.precision_plan import PrecisionPlan
from tfcompress.errors import SettingError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.keras_compat.qat_layers import float_on_purpose
from tfcompress.selection import Patterns, found
from tfcompress.typing import KerasModel


def chosen_mixture(
    model: KerasModel, quantization: str, ranged: bool, keep_float: Patterns, keep_int16: Patterns
) -> PrecisionPlan:
    """Return which layers are to be in which type.

    Args:
        model: A built model of either Keras.
        quantization: The kind of file.
        ranged: Whether the model carries its ranges.
        keep_float: The user's patterns, of layers and of operations.
        keep_int16: The same.

    Raises:
        SettingError: patterns where they do not go, or a layer in both.
        SelectionError: a pattern matches nothing.
    """
    asked = {name: value for name, value in (("keep_float", keep_float), ("keep_int16", keep_int16)) if value}
    if asked and (ranged or quantization not in ("int8", "int16x8") or (keep_int16 and quantization != "int8")):
        raise SettingError(
            "keep_float goes with 'int8' and 'int16x8', keep_int16 with 'int8', and both with samples.",
            received=f"{', '.join(asked)} for {quantization!r}{' of a quantization-aware model' if ranged else ''}",
            hint="Use quantize_aware(model, exclude=…) instead." if ranged else "",
        )
    calls = list(operations(model))
    pairs = [*model_view.layers(model), *calls]
    chosen = {name: found(patterns, pairs, name) for name, patterns in asked.items()}
    both = set.intersection(*chosen.values()) if len(chosen) == 2 else set()
    if both:
        raise SettingError("A layer is either in float or in int16.", received=f"{sorted(both)} in both")
    if ranged:
        chosen = {"keep_float": set(float_on_purpose(model))}
    paths = tuple(dict.fromkeys(path for path, _ in pairs))
    ends = tuple(model_io.output_layers(model, calls))
    lstms = lstm_fingerprints(model)
    return PrecisionPlan(
        paths, model.name, ends=ends, lstms=lstms, **{name: tuple(sorted(value)) for name, value in chosen.items()}
    )
