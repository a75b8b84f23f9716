"""Runtimes and targets are the files of a folder: one that is put there is found, and no list names it.

In: the name of a package and of a constant. Out: what stands under that name in each of its modules.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, TypeVar

from tfcompress.choices import require_choice

Plugin = TypeVar("Plugin")


def plugins(package: str, constant: str) -> list[Any]:
    """Return the entries of a tuple that each module of a package has, in the order of the modules' names.

    Args:
        package: Such as "tfcompress.runtime.engines".
        constant: Such as "RUNTIMES".
    """
    path = importlib.import_module(package).__path__
    names = sorted(module.name for module in pkgutil.iter_modules(path))
    return [entry for name in names for entry in getattr(importlib.import_module(f"{package}.{name}"), constant)]


def plugin_of(name: object, known: Mapping[Any, Plugin], what: str) -> Plugin:
    """Return one of those that are known, by the name that a user gave.

    Args:
        name: What the user passed.
        known: All by name.
        what: What the setting is called.

    Raises:
        SettingError: there is none of that name.
    """
    return known[require_choice(name, known, what)]
