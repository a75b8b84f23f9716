"""The argument --data: what a file is run on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfcompress.data.tensor_spec import TensorSpec


def add_data(parser: argparse.ArgumentParser, help: str, *, required: bool = True) -> None:
    """Name the argument."""
    parser.add_argument("--data", metavar="FILE", required=required, help=help)


def data_of(
    arguments: argparse.Namespace, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec] = ()
) -> tuple[Any, Any]:
    """Return what the argument names as inputs and labels; (None, None) where it was left out."""
    from tfcompress.data import data_files

    if arguments.data is None:
        return None, None
    data_files.require_readable(arguments.data)
    return data_files.read(arguments.data, [spec.name for spec in inputs], [spec.name for spec in outputs])


def labelled_data_of(arguments: argparse.Namespace, inputs: Sequence[TensorSpec]) -> tuple[Any, Any]:
    """Return inputs and labels.

    Raises:
        DataError: the file has no labels.
    """
    from tfcompress.errors import DataError

    x, y = data_of(arguments, inputs)
    if y is None:
        raise DataError(
            "--data must hold labels under y.",
            received=f"{arguments.data} without",
            hint="Save it with np.savez(path, x=…, y=…).",
        )
    return x, y
