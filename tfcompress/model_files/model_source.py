"""What kind of model a path holds, who wrote it, and its configuration, read without any Keras.

In: the path of a .keras or .h5 file or of a SavedModel folder. Out: a `ModelSource` whose archive, weights and graphs
are sound, while the block runs.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from tfcompress.errors import ModelError
from tfcompress.keras_compat.model_view import Flavour
from tfcompress.model_files.archive import read_archive, with_forward_slashes
from tfcompress.model_files.config_check import MAX_BYTES, read_json
from tfcompress.model_files.hdf5 import require_own_data
from tfcompress.model_files.saved_model import keras_metadata, require_harmless
from tfcompress.printable_names import printable

HDF5 = b"\x89HDF\r\n\x1a\n"
KERAS_3_FIRST: tuple[Flavour, Flavour] = ("keras", "tf_keras")
TF_KERAS_FIRST: tuple[Flavour, Flavour] = ("tf_keras", "keras")


@dataclass(frozen=True)
class ModelSource:
    """A model file whose parts are sound."""

    name: str
    """What the user calls it."""
    path: Path
    """What Keras reads: the user's path, or a copy."""
    kind: Literal["archive", "hdf5", "folder"]
    order: tuple[Flavour, Flavour]
    """The Keras that wrote it, then the other."""
    config: Any
    compile_config: Any
    """Optimizer, loss and metrics, which a model can do without."""


@contextmanager
def open_source(path: str | PathLike[str]) -> Iterator[ModelSource]:
    """Find out what a path holds and check it.

    Raises:
        ModelError: there is nothing, no model, or one that reads other files or inflates out of proportion.
    """
    if not Path(path).exists():
        raise ModelError("The path of a Keras model is needed.", received=f"{path}, which does not exist")
    path = Path(path)
    if path.is_dir():
        yield _folder(path)
        return
    if not path.is_file():  # reading from a pipe or a device has no end
        raise ModelError("The path of a Keras model is needed.", received=f"{path}, which is no file")
    with path.open("rb") as file:
        magic = file.read(8)
    if magic == HDF5:
        if zipfile.is_zipfile(path):  # which of them is read depends on the suffix and on the Keras
            raise ModelError("A model file must be one file.", received=f"{path}, an HDF5 and a zip file in one")
        yield _hdf5(path)
    elif magic[:2] == b"PK":
        with _archive(path) as source:
            yield source
    else:
        found = (
            "a .tflite file, which is already converted" if magic[4:8] == b"TFL3" else f"a file that begins {magic!r}"
        )
        raise ModelError(
            f"{path} must be a .keras file, a .h5 file or a SavedModel folder.",
            received=found,
            hint="Save the model with model.save('model.keras').",
        )


@contextmanager
def _archive(path: Path) -> Iterator[ModelSource]:
    if not zipfile.is_zipfile(path):
        raise ValueError("a .keras file that is cut off")
    if path.suffix != ".keras":
        raise ModelError("The suffix of this file must be .keras.", received=path.name, hint="Rename the file.")
    config, metadata, has_backslashes = read_archive(path)
    is_keras_2 = metadata.get("keras_version", "").startswith("2.")
    with with_forward_slashes(path) if has_backslashes else _as_it_is(path) as readable:
        yield ModelSource(
            path.name,
            readable,
            "archive",
            TF_KERAS_FIRST if is_keras_2 else KERAS_3_FIRST,
            {**config, "compile_config": None},
            config.get("compile_config"),
        )


@contextmanager
def _as_it_is(path: Path) -> Iterator[Path]:
    yield path


def _hdf5(path: Path) -> ModelSource:
    import h5py

    with h5py.File(path, "r") as file:
        if "model_config" not in file.attrs:
            raise ModelError(
                f"{path} must hold a whole model, with its architecture.",
                received="an HDF5 file of weights alone" if len(file) else "an HDF5 file without a model",
                hint="Build the model in code, call model.load_weights(path), and pass the model object.",
            )
        require_own_data(file, path.name, path.stat().st_size)
        config, compile_config = (_attribute(file, name, path) for name in ("model_config", "training_config"))
        version = file.attrs.get("keras_version", "2.0")
    version = version.decode() if isinstance(version, bytes) else str(version)
    order = KERAS_3_FIRST if version.startswith("3.") else TF_KERAS_FIRST
    return ModelSource(path.name, path, "hdf5", order, config, compile_config)


def _attribute(file: Any, name: str, path: Path) -> Any:
    if name not in file.attrs:
        return None
    if file.attrs.get_id(name).get_storage_size() > MAX_BYTES:
        raise ModelError(f"The {name} of a model must be up to {MAX_BYTES // 2**20} MB.", received=path.name)
    return read_json(file.attrs[name], f"{path.name} with {name}")


def _folder(path: Path) -> ModelSource:
    if not (path / "saved_model.pb").exists():
        raise ModelError(
            "A folder must be a SavedModel: it holds a file saved_model.pb.",
            received=f"{path} with {[printable(name) for name in sorted(item.name for item in path.iterdir())[:5]]}",
        )
    require_harmless(path)
    objects = [read_json(text, f"{path.name} with metadata") for text in keras_metadata(path)]
    compile_config = [item.pop("training_config", None) for item in objects if isinstance(item, dict)]
    return ModelSource(path.name, path, "folder", TF_KERAS_FIRST, objects, compile_config)
