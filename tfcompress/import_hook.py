"""Something is done around the import of a module, once, without importing it now.

In: the name of a module, and what to do around its import. Out: a finder on `sys.meta_path`, until then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

Around = Callable[[], AbstractContextManager[None]]


def around_import(name: str, around: Around) -> None:
    """Have a module that was not imported yet be executed inside `around()`."""
    sys.meta_path.insert(0, _Finder(name, around))


class _Finder(MetaPathFinder):
    """Finds one module, once."""

    def __init__(self, name: str, around: Around) -> None:
        self.name, self.around = name, around

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self.around)
        return spec


class _Loader(Loader):
    """Runs a loader inside something."""

    def __init__(self, inner: Loader, around: Around) -> None:
        self.inner, self.around = inner, around

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with self.around():
            self.inner.exec_module(module)
