"""How an application turns a picture into the input of a model: the normalization that the model was trained with.

In: mean and standard deviation of pixels from 0 to 255. Out: the same for each channel, checked against a file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError, SettingError

STEPS = 1.0
"""By how many steps of a uint8 input a raw pixel may miss what the normalization says."""


@dataclass(frozen=True)
class ImageInput:
    """Pixels from 0 to 255 become `(pixel - mean) / std`, as the model was trained with; for `export_android(image=…)`.

    Args:
        mean: One number for all channels, or one a channel.
        std: Alike, above 0. Pixels as they are: mean 0 and std 1; from 0 to 1: std 255; from -1 to 1: 127.5 for both.

    Raises:
        SettingError: no finite numbers, or `std` is not above 0.

    Example:
        >>> tfcompress.ImageInput(mean=127.5, std=127.5).std
        127.5
    """

    mean: float | Sequence[float] = 0.0
    std: float | Sequence[float] = 1.0

    def __post_init__(self) -> None:
        for name, values in (("mean", self.mean), ("std", self.std)):
            numbers = _listed(values)
            if not numbers or not all(isinstance(n, (int, float)) and math.isfinite(n) for n in numbers):
                raise SettingError(f"{name} must be a number, or one a channel.", received=repr(values))
        if min(_listed(self.std)) <= 0:
            raise SettingError("std must be above 0.", received=repr(self.std))

    def by_channel(self, spec: TensorSpec) -> tuple[list[float], list[float]]:
        """Return mean and std for each channel of an input.

        Raises:
            DataError: the input is no picture, or MediaPipe cannot feed its type.
        """
        if len(spec.shape) != 4 or spec.shape[3] != 3:
            raise DataError(
                "image= needs an input of shape (1, height, width, 3): MediaPipe feeds RGB pictures.",
                received=str(spec),
                hint="Leave image= out, and feed the file yourself as docs/android.md shows.",
            )
        found = []
        for name, values in (("mean", self.mean), ("std", self.std)):
            numbers = [float(n) for n in _listed(values)]
            if len(numbers) not in (1, 3):
                raise DataError(f"{name} must be one number, or one for each of the 3 channels.", received=values)
            found.append(numbers * (3 // len(numbers)))
        mean, std = found
        if spec.dtype == "uint8":
            self._require_raw_pixels(spec, mean, std)
        elif spec.dtype != "float32":
            raise DataError(
                "MediaPipe feeds uint8 and float32.",
                received=str(spec),
                hint='Convert with io="uint8" or io="float32".',
            )
        return mean, std

    @staticmethod
    def _require_raw_pixels(spec: TensorSpec, mean: list[float], std: list[float]) -> None:
        """Raise `DataError` unless pixels as they are mean what the normalization says: MediaPipe does no more."""
        scale, zero_point = spec.scale or 1.0, spec.zero_point or 0
        for average, deviation in zip(mean, std, strict=True):
            off = max(
                abs((pixel - average) / deviation - scale * (pixel - zero_point)) / scale for pixel in (0.0, 255.0)
            )
            if off > STEPS:
                raise DataError(
                    "A uint8 input gets pixels as they are: its scale and zero point must be those of image=.",
                    received=f"{spec}, where a pixel is off by up to {off:.0f} steps",
                    hint='Convert with io="float32", or calibrate with samples that reach from pixel 0 to 255.',
                )


def _listed(values: float | Sequence[float]) -> list[float]:
    return list(values) if isinstance(values, Sequence) and not isinstance(values, str) else [values]
