"""Makes `keras.models.load_model` know the classes of tfcompress, without starting Keras.

In: nothing. Out: a hook that imports the saved model class right after `keras` itself is imported, or at once
where it already is. Keras 3 looks up registered classes only, tf_keras imports modules by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

from tfcompress.import_hook import around_import

SAVED = "tfcompress.training.quantization.keras3_model"


def register() -> None:
    """Register now if Keras is there, else as soon as it comes."""
    if "keras" in sys.modules:
        import_module(SAVED)
    else:
        around_import("keras", _completed)


def complete() -> None:
    """Register where Keras has come and the class is not there yet."""
    if "keras" in sys.modules and SAVED not in sys.modules:
        import_module(SAVED)


@contextmanager
def _completed() -> Iterator[None]:
    yield
    # TensorFlow imports Keras while a module of ours that SAVED needs is half imported, and takes the ImportError
    # for a missing Keras: `tfcompress.__getattr__` completes it.
    with suppress(ImportError):
        complete()
