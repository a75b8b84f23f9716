"""Makes `keras.models.load_model` know the classes of tfcompress, without starting Keras.

In: nothing. Out: a hook that imports the saved model class right after `keras` itself is imported, or at once
where it already is. Keras 3 looks up registered classes only, tf_keras imports modules by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

SAVED = "tfcompress.training.quantization.keras3_model"


class _Loader(Loader):
    """Runs a loader, then imports the saved classes."""

    def __init__(self, inner: Loader) -> None:
        self.inner = inner

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.inner.exec_module(module)
        # TensorFlow imports Keras while a module of ours that SAVED needs is half imported, and takes the ImportError
        # for a missing Keras: `tfcompress.__getattr__` completes it.
        with suppress(ImportError):
            complete()


class _Finder(MetaPathFinder):
    """Finds `keras`, once."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


def register() -> None:
    """Register now if Keras is there, else as soon as it comes."""
    if "keras" in sys.modules:
        import_module(SAVED)
    else:
        sys.meta_path.insert(0, _Finder())


def complete() -> None:
    """Register where Keras has come and the class is not there yet."""
    if "keras" in sys.modules and SAVED not in sys.modules:
        import_module(SAVED)
