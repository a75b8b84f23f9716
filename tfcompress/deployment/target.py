"""What a target is: a device or a part of one that runs a file, or does not.

In: a name. Out: a `Target`. The targets are the files of `targets/`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from tfcompress.deployment.findings import Finding
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.plugins import plugin_of, plugins
from tfcompress.typing import Target as TargetName

Facts: TypeAlias = dict[str, str | int | float]
"""What was measured or estimated beside, with its unit in the name."""


@dataclass(frozen=True)
class Target:
    """One target: how a file is held against it, and what to say of it."""

    name: TargetName
    asks: str
    """What is asked whether it runs a file, for the docs and the command line."""
    stops: str
    """Findings that keep a file from running."""
    slows: str
    """Findings of what runs, but not as it could; empty where there are none."""
    pruning: str
    """What zeros in kernels are good for there."""
    check: Callable[[TFLiteModel], tuple[list[Finding], Facts]]
    """Returns findings and facts; `MissingPackageError` without a package that it needs."""


@cache
def targets() -> dict[TargetName, Target]:
    """Return all targets by name."""
    return {target.name: target for target in plugins("tfcompress.deployment.targets", "TARGETS")}


def target_of(name: object) -> Target:
    """Return a target by its name.

    Raises:
        SettingError: there is none of that name.
    """
    return plugin_of(name, targets(), "target")
