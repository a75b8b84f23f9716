"""A .tflite file becomes the sources that a microcontroller's firmware needs.

In: a `TFLiteModel`. Out: a folder of C++ files.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from tfcompress import files
from tfcompress.data.data_forms import Data
from tfcompress.deployment.c_source import sources
from tfcompress.deployment.check import check
from tfcompress.deployment.cpp_names import require_namespace
from tfcompress.deployment.golden import golden
from tfcompress.errors import RunError
from tfcompress.litert.flatbuffer import lies_behind, within_flatbuffer
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite


def export_c(
    tflite: TFLiteModel | str | PathLike[str],
    folder: str | PathLike[str],
    *,
    name: str = "model",
    samples: Data | None = None,
) -> list[Path]:
    """Write the sources that firmware with TensorFlow Lite Micro needs to run a file, and to prove that it does.

    Args:
        tflite: The file, as a `TFLiteModel` or as a path.
        folder: Where to; it is made if it is not there.
        name: The C++ namespace, and how the file names begin.
        samples: Data as the Keras model takes it, for golden vectors. Default: noise.

    Returns:
        The files: the model as an aligned array with the size of its arena, the op resolver with exactly its ops,
        quantize and dequantize, and golden vectors with a function that counts what differs on the device.

    Raises:
        RunError: TFLM does not run the file, or has no function that registers an op; the error lists the ops.
        SettingError: `name` is no C++ name, or is taken by the language or a library.
        MissingPackageError: tflite-micro is not installed.
        FileError: the folder cannot be written; or the constants of the file are more than a flatbuffer can hold.

    Example:
        >>> paths = tfcompress.export_c(tflite, "firmware", samples=x_test)
        >>> paths[0].name
        'model_model.h'
    """
    require_namespace(name)
    tflite = as_tflite(tflite)
    if lies_behind(tflite.content):  # TFLM looks for constants in the flatbuffer alone
        tflite = TFLiteModel(within_flatbuffer(tflite.content))
    findings = check(tflite, "tflm")
    if not findings.passed:
        raise RunError("TFLM must run the file.", received="; ".join(f"{row.op}: {row.reason}" for row in findings))
    arena = int(findings.facts["arena needed, bytes"])
    texts = sources(tflite, name, arena, golden(tflite, "tflm", samples))
    return [files.write(Path(folder, file), text.encode()) for file, text in texts.items()]
