"""The arguments that say what to calibrate with, shared by `preflight`, `convert` and `quantize`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def add_samples(parser: argparse.ArgumentParser) -> None:
    """Name the arguments that say what to calibrate with, for ranges."""
    parser.add_argument(
        "--samples", metavar="FILE", help="a .npz or .npy file, or a folder of images: typical inputs; needed for int8"
    )
    parser.add_argument(
        "--preprocess", metavar="MODULE:FUNCTION", help="called with each image of the folder (0 to 255)"
    )
    parser.add_argument(
        "--size",
        type=int,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="to resize the images of the folder to. Default: what the input of the model has",
    )


def samples_of(arguments: argparse.Namespace) -> Any:
    """Return what the arguments name, for `samples` of the library; checked before the long work begins."""
    from tfcompress.data import data_files
    from tfcompress.data.image_folder import images
    from tfcompress.errors import SettingError

    if arguments.samples is not None:
        data_files.require_readable(arguments.samples)
    if arguments.preprocess is None and arguments.size is None:
        return arguments.samples
    if arguments.samples is None or not Path(arguments.samples).is_dir():
        raise SettingError(
            "--preprocess and --size need --samples with a folder of images.", received=arguments.samples
        )
    preprocess = None if arguments.preprocess is None else _function(arguments.preprocess)
    return images(arguments.samples, size=arguments.size, preprocess=preprocess)


def _function(name: str) -> Callable:
    from tfcompress.errors import SettingError

    module, _, function = name.partition(":")
    sys.path.append(os.getcwd())  # last, so that nothing here takes the place of what is installed
    try:
        found = getattr(import_module(module), function)
    except Exception as error:
        raise SettingError(
            "--preprocess must be MODULE:FUNCTION.",
            received=f"{name!r} ({error})",
            hint="Such as keras.applications.mobilenet_v2:preprocess_input.",
        ) from error
    finally:
        sys.path.pop()
    return found
