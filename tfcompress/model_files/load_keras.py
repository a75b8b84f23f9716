"""A file becomes a Keras model, by whichever Keras can read it, after it was found to hold nothing but a model.

In: the path of a .keras or .h5 file or of a SavedModel folder. Out: a model object of Keras 3 or tf_keras. What a file
asks for is checked by `model_files` before a Keras sees it: safe mode of Keras stops marshalled lambdas alone.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from tfcompress.console import say
from tfcompress.errors import ModelError
from tfcompress.keras_compat.model_view import Flavour, keras_of
from tfcompress.keras_compat.tfmot_layers import is_wrapped_by_tfmot
from tfcompress.model_files.config_check import find_unknown
from tfcompress.model_files.known_classes import KnownClasses
from tfcompress.model_files.model_source import ModelSource, open_source
from tfcompress.printable_names import printable
from tfcompress.typing import StrPath, TrainableModel

Model = TypeVar("Model")

KERAS_SUFFIXES = {".keras", ".h5", ".hdf5"}
WAY_OUT = "Load it in your own code (custom_objects=…, safe_mode=…) and pass the model object instead of the path."
OWN_CLASSES = (
    "Your own classes and functions load with load_keras(path, custom_objects={name: class}), or in commands with "
    "--import MODULE where they are registered (register_keras_serializable). A file with Python code, such as a "
    "Lambda layer, loads in your own code alone (safe_mode=False), if you trust it: pass the model object."
)


def load_keras(path: str | PathLike[str], *, custom_objects: Mapping[str, Any] | None = None) -> TrainableModel:
    """Load a Keras model file by whichever Keras can read it, and say which one that was.

    The Keras that wrote the file is tried first, then the other one. A file may come from anywhere: before Keras reads
    it, every class and function that it names must be one of Keras, of tfcompress, or registered by you. A file that
    holds Python code, such as a Lambda layer, that reads other files or that inflates out of proportion is refused.

    Args:
        path: A `.keras` file, a legacy `.h5` or `.hdf5` file, or a SavedModel folder. A SavedModel without Keras
            configuration, such as `model.export` writes, becomes a Keras 3 model for inference only.
        custom_objects: Your own classes and functions, by the name that the file has for them. Those registered with
            `register_keras_serializable` are known already.

    Returns:
        A Keras 3 or tf_keras model, compiled where the file says how and its parts are known.

    Raises:
        ModelError: there is no such file, it is no Keras model, it asks for something unknown or for code, or neither
            Keras can read it.

    Example:
        >>> model = tfcompress.load_keras("model.keras")
        >>> model.name
        'small'
    """
    custom = dict(custom_objects or {})
    problems: list[str] = []
    try:
        with open_source(path) as source:
            for flavour in source.order:
                model = _load(source, flavour, custom, problems)
                if model is not None:
                    return model
    except ModelError:
        raise
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise ModelError(
            "The path of a whole and readable Keras model is needed.",
            received=f"{path}: {_first_line(error)}",
            hint="The file is damaged, cut off or not readable: save or copy it again.",
        ) from error
    raise ModelError(
        f"{path} must be a Keras model that Keras 3 or tf_keras can read.",
        received="; ".join(problems),
        hint=WAY_OUT,
    )


def as_model(model: Model | StrPath) -> Model | TrainableModel:
    """Return what a call takes as a Keras model: the model object itself, or what the file at a path holds.

    Raises:
        ModelError: the file is no Keras model, or asks for something unknown.
    """
    return load_keras(model) if isinstance(model, (str, PathLike)) else model


def _load(source: ModelSource, flavour: Flavour, custom: dict[str, Any], problems: list[str]) -> Any:
    """Return the model as one Keras reads it, or None and why not."""
    if flavour == "tf_keras" and is_wrapped_by_tfmot(source.config):
        custom = {**import_module("tfcompress.training.tfmot").saved_classes(), **custom}
    known = KnownClasses(keras_of(flavour), custom)
    unknown = find_unknown(source.config, known, revives=source.kind == "folder")
    if unknown and flavour == source.order[0]:
        # The other Keras is not asked: a refusal is no reason to try harder.
        raise ModelError(
            f"{source.name} must name classes and functions that are known and compute only.",
            received="; ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""),
            hint=OWN_CLASSES,
        )
    if unknown:
        problems.append(f"{flavour}: {unknown[0]}")
        return None
    compile_unknown = find_unknown(source.compile_config, known, revives=False)
    for compiled in (False,) if compile_unknown else (True, False):
        try:
            model = _read(source, flavour, compiled, custom)
        except Exception as error:
            problem = f"{flavour}: {type(error).__name__}: {_first_line(error)}"
            if problem not in problems:
                problems.append(problem)
            continue
        note = "" if compiled else ", not compiled: the file's optimizer, loss or metrics cannot be restored"
        say(f"loaded {source.name} with {flavour} {keras_of(flavour).__version__}{note}")
        return model
    return None


def _read(source: ModelSource, flavour: Flavour, compiled: bool, custom: dict[str, Any]) -> Any:
    if flavour == "keras":
        return (
            _read_folder_with_keras3(source.path)
            if source.kind == "folder"
            else _read_with_keras3(source, compiled, custom)
        )
    return _read_with_tf_keras(source.path, compiled, custom)


def _read_with_keras3(source: ModelSource, compiled: bool, custom: dict[str, Any]) -> Any:
    # Keras decides by suffix what a file is; a file with another suffix is told by its content.
    if source.path.suffix not in ({".keras"} if source.kind == "archive" else {".h5", ".hdf5"}):
        raise ModelError("The suffix must be .keras or .h5.", received=source.name, hint="Rename the file.")
    return keras_of("keras").models.load_model(source.path, custom_objects=custom, compile=compiled, safe_mode=True)


def _read_with_tf_keras(path: Path, compiled: bool, custom: dict[str, Any]) -> Any:
    tf_keras = keras_of("tf_keras")
    from tf_keras.src.saving.serialization_lib import SafeModeScope

    # tf_keras applies `safe_mode` to .keras files alone; the scope holds for .h5 and SavedModel as well.
    with SafeModeScope(True):
        model = tf_keras.models.load_model(path, custom_objects=custom, compile=compiled)
    if not isinstance(model, tf_keras.Model):
        raise ModelError("The SavedModel must hold a Keras model.", received="a SavedModel without Keras metadata")
    return model


def _read_folder_with_keras3(path: Path) -> Any:
    """Wrap the signature of a plain SavedModel in a Keras 3 model for inference."""
    import tensorflow as tf

    keras = keras_of("keras")
    signatures = tf.saved_model.load(str(path)).signatures
    endpoint = (
        "serving_default" if "serving_default" in signatures else next((n for n in signatures if n[:2] != "__"), None)
    )
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
    return printable(lines[0] if lines else "no message", 300)
