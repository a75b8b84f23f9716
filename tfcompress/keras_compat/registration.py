"""Makes `keras.models.load_model` know the classes of tfcompress, without starting Keras.

In: nothing. Out: hooks that import the class of saved models right after the Keras it is of, or at once where that
already is. Keras 3 looks up registered classes only, and so does tf_keras in .h5 files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

from tfcompress.import_hook import around_import

SAVED = {
    "keras": "tfcompress.training.quantization.keras3_model",
    "tf_keras": "tfcompress.training.quantization.tf_keras_model",
}


def register() -> None:
    """Register now where a Keras is there, else as soon as it comes."""
    for keras, saved in SAVED.items():
        if keras in sys.modules:
            import_module(saved)
        else:
            around_import(keras, _completed)


def complete() -> None:
    """Register where a Keras has come and its class is not there yet."""
    for keras, saved in SAVED.items():
        if keras in sys.modules and saved not in sys.modules:
            import_module(saved)


@contextmanager
def _completed() -> Iterator[None]:
    yield
    # TensorFlow imports Keras while a module of ours that SAVED needs is half imported, and takes the ImportError
    # for a missing Keras: `tfcompress.__getattr__` completes it.
    with suppress(ImportError):
        complete()
