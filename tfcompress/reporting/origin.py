"""Where and when a report was made: date, machine, versions; and of which models its files were made.

In: the packages and the machine here, manifests of files. Out: texts.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tfcompress.cpu_cores import cores
from tfcompress.litert.manifest import entry, text

PACKAGES = ("tfcompress", "tensorflow", "keras", "tf-keras", "ai-edge-litert", "tflite-micro", "numpy")


@dataclass(frozen=True)
class ReportOrigin:
    """When, on what machine and with which versions a report was made."""

    date: str
    machine: str
    versions: Mapping[str, str]


def here_and_now() -> ReportOrigin:
    """Return the origin of a report that is made now, on this machine."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    machine = f"{platform.system()} {platform.machine()}, {cores()} cores"
    return ReportOrigin(f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC", machine, found)


def models(manifests: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the models that files were made of, each once: name, Keras, and the beginning of its hash."""
    told: dict[str, None] = {}
    for manifest in manifests:
        name = entry(manifest, "model", "name")
        if name is not None:
            keras, digest = entry(manifest, "model", "keras"), entry(manifest, "model", "sha256")
            words = f"{text(name, 60)}" + (f" ({text(keras, 20)})" if keras else "")
            told[words + (f", sha256 {text(digest, 12).rstrip('…')}…" if digest else "")] = None
    return list(told)
