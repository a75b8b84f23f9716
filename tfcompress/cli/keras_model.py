"""The arguments that name a Keras model file and the modules of its classes, shared by the commands that load one."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import Any


def add_model(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    parser.add_argument("model", metavar="MODEL", help="a .keras or .h5 file, or a SavedModel folder")
    add_imports(parser)


def add_imports(parser: argparse.ArgumentParser) -> None:
    """Name the modules that a model file needs."""
    parser.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="a module to import first, from the current folder too, which registers your own layers "
        "(register_keras_serializable); repeatable",
    )


def model_of(arguments: argparse.Namespace) -> Any:
    """Import the modules that the user names, and load the model."""
    from tfcompress.model_files.load_keras import load_keras

    import_all(arguments)
    return load_keras(arguments.model)


def import_all(arguments: argparse.Namespace) -> None:
    """Import the modules that the user names."""
    for name in arguments.imports:
        import_for_user(name)


def import_for_user(name: str) -> Any:
    """Import a module that the user names on the command line, from the current folder too.

    Raises:
        SettingError: there is no such module, or it fails.
    """
    from tfcompress.errors import SettingError

    sys.path.append(os.getcwd())  # last, so that nothing here takes the place of what is installed
    try:
        return import_module(name)
    except Exception as error:
        raise SettingError(
            "--import must be a module that Python can import from here.",
            received=f"{name!r} ({type(error).__name__}: {error})",
            hint="Such as mypackage.layers, without .py.",
        ) from error
    finally:
        sys.path.pop()
