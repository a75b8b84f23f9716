"""A file becomes a Keras model, by whichever Keras can read it, with safe mode on.

In: the path of a .keras or .h5 file or of a SavedModel folder. Out: a model object of Keras 3 or tf_keras.
Knows nothing of what is done with the model.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from tfcompress.console import say
from tfcompress.errors import ModelError
from tfcompress.kerases import Flavour, keras_of

WAY_OUT = "Load it in your own code (custom_objects=…, safe_mode=…) and pass the model object instead of the path."


def load_keras(path: str | PathLike[str]) -> Any:
    """Load a Keras model file by whichever Keras can read it, and say which one that was.

    The Keras that wrote the file is tried first, then the other one. Safe mode stays on: a file that holds
    Python code, such as a Lambda layer, is refused.

    Args:
        path: A `.keras` file, a legacy `.h5` or `.hdf5` file, or a SavedModel folder. A SavedModel without Keras
            configuration, such as `model.export` writes, becomes a Keras 3 model for inference only.

    Returns:
        A Keras 3 or tf_keras model, compiled where the file says how and its parts are known.

    Raises:
        ModelError: there is no such file, it is no Keras model, or neither Keras can read it.

    Example:
        >>> model = tfcompress.load_keras("model.keras")
        >>> model.name
        'small'
    """
    path = Path(path)
    if not path.exists():
        raise ModelError("The path of a Keras model is needed.", received=f"{path}, which does not exist")
    problems: list[str] = []
    for flavour in _order(path):
        for compiled in (True, False):
            try:
                model = _readers(path)[flavour](path, compiled)
            except Exception as error:
                problem = f"{flavour}: {type(error).__name__}: {_first_line(error)}"
                if problem not in problems:
                    problems.append(problem)
                continue
            note = "" if compiled else ", not compiled: the file's optimizer, loss or metrics cannot be restored"
            say(f"loaded {path.name} with {flavour} {keras_of(flavour).__version__}{note}")
            return model
    raise ModelError(
        f"{path} must be a Keras model that Keras 3 or tf_keras can read.",
        received="; ".join(problems),
        todo=WAY_OUT,
    )


def _readers(path: Path) -> dict[Flavour, Callable[[Path, bool], Any]]:
    return {
        "keras": _read_folder_with_keras3 if path.is_dir() else _read_with_keras3,
        "tf_keras": _read_with_tf_keras,
    }


def _order(path: Path) -> tuple[Flavour, Flavour]:
    """Find out who wrote the file; refuse what is no Keras model at all before TensorFlow starts."""
    if path.is_dir():
        if not (path / "saved_model.pb").exists():
            raise ModelError(
                "A folder must be a SavedModel: it holds a file saved_model.pb.",
                received=f"{path} with {sorted(item.name for item in path.iterdir())[:5]}",
            )
        return "tf_keras", "keras"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if "metadata.json" in archive.namelist():
                version = json.loads(archive.read("metadata.json")).get("keras_version", "")
                return ("tf_keras", "keras") if version.startswith("2.") else ("keras", "tf_keras")
    with path.open("rb") as file:
        magic = file.read(8)
    if magic == b"\x89HDF\r\n\x1a\n":
        return _order_of_hdf5(path)
    what = "a .tflite file, which is already converted" if magic[4:8] == b"TFL3" else f"a file that begins {magic!r}"
    raise ModelError(
        f"{path} must be a .keras file, a .h5 file or a SavedModel folder.",
        received=what,
        todo="Save the model with model.save('model.keras').",
    )


def _order_of_hdf5(path: Path) -> tuple[Flavour, Flavour]:
    import h5py

    with h5py.File(path, "r") as file:
        if "model_config" not in file.attrs:
            raise ModelError(
                f"{path} must hold a whole model, with its architecture.",
                received="an HDF5 file of weights alone" if len(file) else "an HDF5 file without a model",
                todo="Build the model in code, call model.load_weights(path), and pass the model object.",
            )
        version = file.attrs.get("keras_version", "2.0")
    version = version.decode() if isinstance(version, bytes) else str(version)
    return ("keras", "tf_keras") if version.startswith("3.") else ("tf_keras", "keras")


def _read_with_keras3(path: Path, compiled: bool) -> Any:
    # Keras decides by suffix what a file is; a file with another suffix is told by its content above.
    keras = keras_of("keras")
    if path.suffix not in {".keras", ".h5", ".hdf5"}:
        raise ModelError("The suffix must be .keras or .h5.", received=path.name, todo="Rename the file.")
    return keras.models.load_model(path, compile=compiled, safe_mode=True)


def _read_with_tf_keras(path: Path, compiled: bool) -> Any:
    tf_keras = keras_of("tf_keras")
    from tf_keras.src.saving.serialization_lib import SafeModeScope

    # tf_keras applies `safe_mode` to .keras files alone; the scope holds for .h5 and SavedModel as well.
    with SafeModeScope(True):
        model = tf_keras.models.load_model(path, compile=compiled)
    if not isinstance(model, tf_keras.Model):
        raise ModelError("The SavedModel must hold a Keras model.", received="a SavedModel without Keras metadata")
    return model


def _read_folder_with_keras3(path: Path, compiled: bool) -> Any:
    """Wrap the signature of a plain SavedModel in a Keras 3 model for inference."""
    import tensorflow as tf

    keras = keras_of("keras")
    signatures = tf.saved_model.load(str(path)).signatures
    endpoint = "serving_default" if "serving_default" in signatures else next(iter(signatures), None)
    if endpoint is None:
        raise ModelError("The SavedModel must have a signature to call.", received="no signatures")
    wanted = signatures[endpoint].structured_input_signature[1]
    tensors = {
        name: keras.Input(spec.shape[1:], name=name, dtype=spec.dtype.name) for name, spec in sorted(wanted.items())
    }
    layer = keras.layers.TFSMLayer(str(path), call_endpoint=endpoint, name="saved_model")
    return keras.Model(tensors, layer(**tensors) if len(tensors) > 1 else layer(next(iter(tensors.values()))))


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else "no message")[:300]
