"""What a device has for a model, and what of it a file takes.

In: the limits that a user sets. Out: `DeviceBudget`, which tells by how much a `Footprint` goes beyond.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from tfcompress.choices import require_choice
from tfcompress.errors import SettingError
from tfcompress.typing import Runtime, Target

SEARCHED: Mapping[Target, Runtime] = {"cpu": "litert", "tflm": "tflm", "esp-nn": "tflm"}
"""The targets whose kernels run on this computer, and the runtime that has them."""
DECODER = 21_900
"""Bytes of code that the op DECODE of TFLM takes on a Cortex-M4; only packed files need it."""


@dataclass(frozen=True)
class Footprint:
    """What a file takes of a device."""

    flash: int
    """Bytes of the file, and on microcontrollers those of the code that only packed files need."""
    macs: int
    """Multiply-accumulates of one inference."""
    arena: int | None = None
    """Bytes of memory that TFLM needs; None on other targets."""
    latency: float | None = None
    """Time of one inference as a share of the int8 file's, on this machine; None where it was not asked for."""


@dataclass(frozen=True)
class DeviceBudget:
    """The limits that a file has to keep.

    Raises:
        SettingError: a limit that makes no sense, or one that the target does not have.
    """

    target: Target = "tflm"
    flash: int | None = None
    arena: int | None = None
    macs: float | None = None
    """A share of the model's own up to 1, or a number."""
    latency: float | None = None
    max_accuracy_drop: float | None = None

    def __post_init__(self) -> None:
        require_choice(self.target, SEARCHED, "target")
        limits = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "target"}
        given = {name: value for name, value in limits.items() if value is not None}
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value < np.inf:
                if name == "max_accuracy_drop" and value == 0 and not isinstance(value, bool):
                    continue
                raise SettingError(f"{name} must be a number above 0.", received=f"{name}={value!r}")
            if name in ("flash", "arena") and value != int(value):
                raise SettingError(f"{name} is a whole number of bytes.", received=f"{name}={value!r}")
        if self.max_accuracy_drop is not None and self.max_accuracy_drop >= 1:
            raise SettingError(
                "max_accuracy_drop is a fraction below 1.",
                received=f"max_accuracy_drop={self.max_accuracy_drop!r}",
                hint=f"{self.max_accuracy_drop:g} points are {self.max_accuracy_drop / 100:g}.",
            )
        if self.latency is not None and self.target != "cpu":
            raise SettingError(
                "latency is measured on this machine, which says nothing of a microcontroller.",
                received=f"latency={self.latency!r} with target={self.target!r}",
                hint='Set macs= instead, or target="cpu".',
            )
        if self.arena is not None and SEARCHED[self.target] != "tflm":
            raise SettingError(
                "arena is the memory of TFLM's interpreter.",
                received=f"arena={self.arena!r} with target={self.target!r}",
                hint='Leave it out, or set target="tflm".',
            )

    def require_limit(self) -> None:
        """Raise `SettingError` where there is no limit at all."""
        if not self.told:
            names = ", ".join(f"{one.name}=" for one in fields(self) if one.name != "target")
            raise SettingError("compress needs a budget.", received=f"none of {names}")

    @property
    def runtime(self) -> Runtime:
        """The runtime that has the target's kernels."""
        return SEARCHED[self.target]

    @property
    def told(self) -> str:
        """The limits in words."""
        given = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "target"}
        return ", ".join(f"{name}={value:,}" for name, value in given.items() if value is not None)

    @property
    def wants_smallest(self) -> bool:
        """Whether only the accuracy is bounded, so that the smallest file is the best."""
        others = (self.flash, self.arena, self.macs, self.latency)
        return self.max_accuracy_drop is not None and all(limit is None for limit in others)

    def excess(self, footprint: Footprint, whole_macs: int) -> dict[str, float]:
        """Return by limit how far a file is beyond it, as a share of the limit; below 0 where it fits."""
        macs = None if self.macs is None else self.macs * whole_macs if self.macs <= 1 else self.macs
        limits = {"flash": self.flash, "arena": self.arena, "macs": macs, "latency": self.latency}
        return {
            name: getattr(footprint, name) / limit - 1
            for name, limit in limits.items()
            if limit is not None and getattr(footprint, name) is not None
        }

    def fits(self, footprint: Footprint, whole_macs: int) -> bool:
        """Tell whether a file keeps every limit but that of accuracy."""
        return all(share <= 0 for share in self.excess(footprint, whole_macs).values())
