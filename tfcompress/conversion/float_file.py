"""The float file that a quantized one is held against.

In: a .tflite file, or the Keras model that it comes from. Out: a `TFLiteModel`.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from tfcompress.conversion.convert import convert
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.model_files.load_keras import KERAS_SUFFIXES, as_model
from tfcompress.typing import KerasModel, StrPath


def float_file(given: TFLiteModel | KerasModel | StrPath) -> TFLiteModel:
    """Return a .tflite file as it is, and a Keras model converted to float32.

    Args:
        given: A `TFLiteModel`, a Keras model, or the path of either.

    Raises:
        FileError: no readable .tflite file.
        ModelError: no Keras model that can be converted.
    """
    if isinstance(given, TFLiteModel):
        return given
    if isinstance(given, (str, PathLike)) and not (Path(given).suffix in KERAS_SUFFIXES or Path(given).is_dir()):
        return as_tflite(given)
    return convert(as_model(given), "float32")
