"""A .tflite file becomes the assets that an Android application needs.

In: a `TFLiteModel`, labels. Out: a folder with the file, its metadata inside, and golden vectors as JSON.
Knows nothing of Gradle. The Kotlin that goes with it is in docs/android.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress import files
from tfcompress.data import TensorSpec
from tfcompress.deployment.android_metadata import ENTRY, archive, label_files, metadata
from tfcompress.deployment.c_source import outputs_in_order
from tfcompress.deployment.golden import golden
from tfcompress.errors import DataError, FileError
from tfcompress.flatbuffer.attached_files import attach, attached
from tfcompress.flatbuffer.model import TFLiteModel, load
from tfcompress.flatbuffer.rewrite import add_entry


def export_android(
    tflite: TFLiteModel | str | PathLike[str],
    folder: str | PathLike[str],
    *,
    name: str = "model",
    labels: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    samples: Any = None,
) -> list[Path]:
    """Write the assets that an Android application needs to run a file, and to prove that it does.

    Args:
        tflite: The file, as a `TFLiteModel` or as a path.
        folder: Where to; it is made if it is not there.
        name: The name of the model, and how the file names begin.
        labels: The names of the classes, in their order; for several outputs a dict by output name.
        samples: Data as the Keras model takes it, for golden vectors. Default: noise.

    Returns:
        `NAME.tflite`, with names, scales and labels as metadata, and with the files that were attached to it; and
        `NAME_golden.json`: inputs and the outputs of LiteRT's optimised kernels on this machine. Those of another
        processor may round an output to the next integer.

    Raises:
        DataError: there are not as many labels as values in an output, or the samples do not fit.
        RunError: LiteRT does not run the file.
        SettingError: `name` is a path.
        FileError: the folder cannot be written.

    Example:
        >>> paths = tfcompress.export_android(tflite, "assets", labels=[str(digit) for digit in range(10)])
        >>> [path.name for path in paths]
        ['model.tflite', 'model_golden.json']
    """
    files.require_plain_name(name)
    tflite = tflite if isinstance(tflite, TFLiteModel) else load(tflite)
    named = _labels(tflite, labels)
    entry = metadata(name, tflite.inputs, outputs_in_order(tflite), named)
    kept = {file: data for file, data in attached(tflite.content).items() if file not in label_files(named).values()}
    content = archive(attach(add_entry(tflite.content, ENTRY, entry), kept), named)
    vectors = golden(tflite, "litert", samples)
    sides = {
        "inputs": [_tensor(spec, vectors.inputs[spec.name]) for spec in tflite.inputs],
        "outputs": [_tensor(spec, vectors.outputs[spec.name]) for spec in outputs_in_order(tflite)],
    }
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise FileError("The folder must be writable.", received=f"{folder}: {why}") from error
    return [
        files.write(Path(folder, f"{name}.tflite"), content),
        files.write(Path(folder, f"{name}_golden.json"), json.dumps(sides).encode()),
    ]


def _labels(tflite: TFLiteModel, labels: Any) -> dict[str, Sequence[str]]:
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        if len(tflite.outputs) > 1:
            raise DataError(
                "For several outputs labels must be a dict by output name.", received=[s.name for s in tflite.outputs]
            )
        labels = {tflite.outputs[0].name: labels}
    widths = {spec.name: spec.shape[-1] if spec.shape else 1 for spec in tflite.outputs}
    for name, words in labels.items():
        if name not in widths:
            raise DataError("Labels must be of an output.", received=name, todo=f"One of {sorted(widths)}.")
        if len(words) != widths[name] or not all(isinstance(word, str) and word.isprintable() for word in words):
            raise DataError(
                f"There must be one label of one line for each of the {widths[name]} values of {name!r}.",
                received=f"{len(words)} labels",
            )
    return {name: list(words) for name, words in labels.items()}


def _tensor(spec: TensorSpec, values: np.ndarray) -> dict[str, Any]:
    arithmetic = {"scale": spec.scale, "zero_point": spec.zero_point}
    shape = [size or 1 for size in spec.shape]
    return {"name": spec.name, "shape": shape, "type": spec.dtype, **arithmetic, "samples": values.tolist()}
