"""A .tflite file becomes the assets that an Android application needs.

In: a `TFLiteModel`, labels, an `ImageInput`. Out: a folder with the file, its metadata inside, golden vectors as JSON,
and the Kotlin that runs both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress import __version__, files
from tfcompress.console import warn
from tfcompress.data.data_forms import Data
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.deployment.android_metadata import ENTRY, Normalization, archive, label_files, metadata
from tfcompress.deployment.c_text import outputs_in_order
from tfcompress.deployment.class_labels import Labels, by_output
from tfcompress.deployment.golden import golden_vectors
from tfcompress.deployment.image_input import ImageInput
from tfcompress.deployment.kotlin_source import kotlin_sources, unsupported
from tfcompress.errors import DataError, SettingError
from tfcompress.litert.attached_files import attach, attached
from tfcompress.litert.stateful_ops import has_state, only_variable_tensors
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.litert.write_metadata import add_entry
from tfcompress.runtime.quantize_arrays import from_file


def export_android(
    tflite: TFLiteModel | str | PathLike[str],
    folder: str | PathLike[str],
    *,
    name: str = "model",
    labels: Labels | Mapping[str, Labels] | None = None,
    image: ImageInput | None = None,
    samples: Data | None = None,
) -> list[Path]:
    """Write the assets that an Android application needs to run a file, and to prove that it does.

    Args:
        tflite: The file, as a `TFLiteModel` or as a path.
        folder: Where to; it is made if it is not there.
        name: The name of the model, and how the file names begin.
        labels: The names of the classes, in their order, or the path of a text file with one a line; for several
            outputs a dict by output name.
        image: How pixels are normalized, which is what MediaPipe's ImageClassifier reads out of the file. The file
            must have one input of shape (1, height, width, 3) in uint8 or float32. Default: not in the metadata.
        samples: Data as the Keras model takes it, for golden vectors. Default: noise.

    Returns:
        `NAME.tflite`, with names, scales and labels as metadata, and with the files that were attached to it; and
        `NAME_golden.json`: inputs and the outputs of LiteRT's optimised kernels on this machine, in the types of the
        file ("samples") and as floats ("floats"). Those of another processor may round an output to the next integer.
        "state" says what has to be reset between them. `Name.kt`: a class that runs the file on LiteRT's
        `CompiledModel`, floats in and out; `androidTest/NameGoldenTest.kt`: an instrumented test of it on the golden
        vectors. Both are left out, with a warning, where an input or output has a type that LiteRT's Kotlin has no
        buffer for (int16).

    Raises:
        DataError: there are not as many labels as values in an output, the samples do not fit, or the input is no
            picture that MediaPipe can feed.
        SettingError: `name` is a path, or `image` is no `ImageInput`.
        RunError: LiteRT does not run the file.
        FileError: the folder cannot be written, or the labels not read.

    Example:
        >>> paths = tfcompress.export_android(tflite, "assets", labels=[str(digit) for digit in range(10)])
        >>> [path.name for path in paths]
        ['model.tflite', 'model_golden.json', 'Model.kt', 'ModelGoldenTest.kt']
    """
    files.require_plain_name(name)
    tflite = as_tflite(tflite)
    named = by_output(labels, tflite.outputs)
    entry = metadata(name, tflite.inputs, outputs_in_order(tflite), named, _image_metadata(tflite, image))
    kept = {file: data for file, data in attached(tflite.content).items() if file not in label_files(named).values()}
    content = archive(attach(add_entry(tflite.content, ENTRY, entry), kept), named)
    vectors = golden_vectors(tflite, "litert", samples)
    state = "none"
    if has_state(tflite):
        state = "variable tensors" if only_variable_tensors(tflite) else "resource variables"
    sides = {
        "state": state,
        "inputs": [_tensor(spec, vectors.inputs[spec.name]) for spec in tflite.inputs],
        "outputs": [_tensor(spec, vectors.outputs[spec.name]) for spec in outputs_in_order(tflite)],
    }
    kotlin: dict[str, str] = {}
    if strange := unsupported(tflite):
        warn(
            f"No Kotlin is written: LiteRT's TensorBuffer has no type, or no one size, for {', '.join(strange)}. "
            'Convert with io="float32" or "int8" and fixed sizes, or run it with org.tensorflow.lite.Interpreter.'
        )
    else:
        origin = (
            f"Generated by tfcompress {__version__} for an asset with the SHA-256 {sha256(content).hexdigest()}. "
            "Do not edit."
        )
        kotlin = kotlin_sources(tflite, name, origin)
    return [
        files.write(Path(folder, f"{name}.tflite"), content),
        files.write(Path(folder, f"{name}_golden.json"), json.dumps(sides).encode()),
        *(files.write(Path(folder, file), text.encode()) for file, text in kotlin.items()),
    ]


def _image_metadata(tflite: TFLiteModel, image: ImageInput | None) -> Normalization | None:
    if image is None:
        return None
    if not isinstance(image, ImageInput):
        raise SettingError("image must be a tfcompress.ImageInput.", received=repr(image))
    if len(tflite.inputs) != 1:
        raise DataError("image= needs a file with one input.", received=[spec.name for spec in tflite.inputs])
    return image.by_channel(tflite.inputs[0])


def _tensor(spec: TensorSpec, values: np.ndarray) -> dict[str, Any]:
    """Return a tensor's golden values: as the file has them, and as the numbers that they stand for."""
    arithmetic = {"scale": spec.scale, "zero_point": spec.zero_point}
    shape = [size or 1 for size in spec.shape]
    floats = from_file(values, spec).reshape(len(values), -1).astype(np.float64)
    described = {"name": spec.name, "shape": shape, "type": spec.dtype, **arithmetic}
    return {**described, "samples": values.tolist(), "floats": floats.tolist()}
