"""What the files of a folder offer: a file that is put there is found, and no list names it.

In: the name of a package and of a constant. Out: what stands under that name in each of its modules.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any


def listed(package: str, constant: str) -> list[Any]:
    """Return the entries of a tuple that each module of a package has, in the order of the modules' names.

    Args:
        package: Such as "tfcompress.runtime.engines".
        constant: Such as "RUNTIMES".
    """
    path = importlib.import_module(package).__path__
    names = sorted(module.name for module in pkgutil.iter_modules(path))
    return [entry for name in names for entry in getattr(importlib.import_module(f"{package}.{name}"), constant)]
