"""What a user asks of `convert`: mistakes are told before any work, and the manifest tells the rest.

In: the arguments of `convert`, a model. Out: an error of the family, or what follows from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from tfcompress.choices import did_you_mean, require_choice
from tfcompress.console import say
from tfcompress.conversion.precision_plan import PrecisionPlan
from tfcompress.conversion.range_estimators import Method
from tfcompress.errors import SettingError
from tfcompress.keras_compat.qat_layers import carries_ranges, float_on_purpose, trained_scheme
from tfcompress.scheme import SCHEMES, Scheme
from tfcompress.selection import Patterns
from tfcompress.typing import InOut, KerasModel, Quantization


def require_known(quantization: str, io: InOut | None, calibration: str = "mse") -> InOut:
    """Return the type of inputs and outputs, or raise `SettingError` for an unknown setting."""
    require_choice(calibration, get_args(Method), "calibration")
    require_choice(quantization, get_args(Quantization), "quantization")
    scheme = SCHEMES[quantization]
    if io is not None and io not in scheme.io:
        raise SettingError(
            f"io for {quantization!r} must be one of {', '.join(map(repr, scheme.io))}.",
            received=repr(io),
            hint=did_you_mean(io, scheme.io)
            or ("" if scheme.is_integer else "Only integer files can take and give integers."),
        )
    return io or scheme.io[0]


def require_compatible(scheme: Scheme, has_ranges: bool, extra_ops: Sequence[str], recover: bool) -> None:
    """Raise `SettingError` for settings that do not go with the scheme.

    Args:
        scheme: The kind of file.
        has_ranges: Whether the model carries the ranges that the file gets.
        extra_ops: As for `convert`.
        recover: As for `convert`.
    """
    if extra_ops and scheme.is_integer:
        raise SettingError("extra_ops are in float and go with the other kinds.", received=f"{scheme.name!r}")
    if recover and (has_ranges or scheme.activations != "int8"):
        trained = "Its weights are on their grid: pass tfcompress.strip_quantization(model) instead."
        raise SettingError(
            "recover=True goes with 'int8' and 'int8x4', and with samples.",
            received=f"{scheme.name!r}{' of a quantization-aware model' if has_ranges else ''}",
            hint=trained if has_ranges else "",
        )


def uses_trained_ranges(
    model: KerasModel,
    scheme: Scheme,
    *,
    has_samples: bool,
    has_open_sizes: bool,
    keeps: Sequence[Patterns],
    keep_int8: Patterns,
) -> bool:
    """Tell whether a file gets the ranges of a quantization-aware model, and not those of samples.

    Args:
        model: A built model of either Keras.
        scheme: The kind of file.
        has_samples: Whether there are samples; they tell what training has left open: layers in float, single layers
            chosen now, sizes.
        has_open_sizes: Whether sizes of inputs are open.
        keeps: The layers chosen now for float and for int16.
        keep_int8: Those for weights of 8 bits; in "int8x4" files [] is a choice as well.

    Raises:
        ModelError: the model has seen no data, and there are no samples.
    """
    if scheme.name != trained_scheme(model) or not carries_ranges(model, has_samples=has_samples):
        return False
    if has_samples:
        eight = keep_int8 is not None if scheme.weights == "int4" else keep_int8
        if any(keeps) or eight or has_open_sizes or float_on_purpose(model):
            return False
        say(f"{model.name} carries the ranges of its training: samples are not needed, and not used")
    return True


def settings_entry(
    scheme: Scheme, io: str, runtime: str | None, recover: bool, flash: int | None, mixture: PrecisionPlan
) -> dict[str, Any]:
    """Return what the user asked for, as the manifest tells it."""
    given = {"runtime": runtime, "recover": recover or None, "flash": flash}
    layers = {name: getattr(mixture, name) for name in ("keep_float", "keep_int16", "keep_int8")}
    return {
        "quantization": scheme.name,
        "io": io,
        **{name: value for name, value in given.items() if value is not None},
        **{name: list(paths) for name, paths in layers.items() if paths or (name == "keep_int8" and paths == ())},
    }
