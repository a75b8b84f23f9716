"""The layers that the user wants in float or in int16, by the names and paths of a model.

In: a Keras model, patterns. Out: a `PrecisionPlan`, for the converter's process.
"""

from __future__ import annotations

from tfcompress.conversion.keras_operations import lstm_fingerprints, operations
from tfcompress.conversion.precision_plan import PrecisionPlan
from tfcompress.errors import SettingError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.keras_compat.qat_layers import float_on_purpose
from tfcompress.scheme import Scheme
from tfcompress.selection import Patterns, found
from tfcompress.typing import KerasModel


def chosen_mixture(
    model: KerasModel,
    scheme: Scheme,
    ranged: bool,
    keep_float: Patterns,
    keep_int16: Patterns,
    keep_int8: Patterns = None,
) -> PrecisionPlan:
    """Return which layers are to be in which type.

    Args:
        model: A built model of either Keras.
        scheme: The kind of file.
        ranged: Whether the model carries its ranges.
        keep_float: The user's patterns, of layers and of operations.
        keep_int16: The same.
        keep_int8: The same; None: no choice, an empty list: no layer.

    Raises:
        SettingError: patterns where they do not go, or a layer in both.
        SelectionError: a pattern matches nothing.
    """
    if scheme.weights != "int4":
        keep_int8 = keep_int8 or None  # an empty list means something in int8x4 files alone
    given = {"keep_float": keep_float or None, "keep_int16": keep_int16 or None, "keep_int8": keep_int8}
    asked = {name: patterns for name, patterns in given.items() if patterns is not None}
    fits = {
        "keep_float": scheme.is_integer,
        "keep_int16": scheme.activations == "int8",
        "keep_int8": scheme.weights == "int4",
    }
    if ranged and asked:
        raise SettingError(
            f"{', '.join(fits)} are for models that are calibrated.",
            received=f"{', '.join(asked)} for a quantization-aware model",
            hint="Choose them in quantize_aware(model, …, exclude=…, keep_int8=…), or pass samples to calibrate anew.",
        )
    if wrong := [name for name in asked if not fits[name]]:
        raise SettingError(
            "keep_float goes with integer schemes, keep_int16 with 'int8' and 'int8x4', keep_int8 with 'int8x4'.",
            received=f"{', '.join(wrong)} for {scheme.name!r}",
        )
    calls = list(operations(model))
    pairs = [*model_view.layers(model), *calls]
    chosen = {name: found(patterns, pairs, name) for name, patterns in asked.items()}
    both = chosen.get("keep_float", set()) & chosen.get("keep_int16", set())
    if both:
        raise SettingError("A layer is either in float or in int16.", received=f"{sorted(both)} in both")
    if both := chosen.get("keep_float", set()) & chosen.get("keep_int8", set()):
        raise SettingError("A layer in float keeps no weights of 8 bits.", received=f"{sorted(both)} in both")
    if ranged:
        chosen = {"keep_float": set(float_on_purpose(model))}
    paths = tuple(dict.fromkeys(path for path, _ in pairs))
    ends = tuple(model_io.output_layers(model, calls))
    lstms = lstm_fingerprints(model)
    return PrecisionPlan(
        paths, model.name, ends=ends, lstms=lstms, **{name: tuple(sorted(value)) for name, value in chosen.items()}
    )
