"""`tfcompress inspect`: what a file is made of and how it was made."""

from __future__ import annotations

import argparse
from pathlib import Path

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.keras_model import add_imports, model_of


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a .tflite file, from tfcompress or from elsewhere, or a quantization-aware model",
    )
    add_imports(parser)


def run(arguments: argparse.Namespace) -> Printable:
    """Read the file; of a quantization-aware model tell what is trained in int8."""
    from tfcompress.litert.inspect import inspect
    from tfcompress.model_files.load_keras import KERAS_SUFFIXES

    path = Path(arguments.model)
    if path.suffix in KERAS_SUFFIXES or path.is_dir():
        return _quantization(arguments)
    return inspect(path)


def _quantization(arguments: argparse.Namespace) -> Printable:
    from tfcompress.errors import ModelError

    model = model_of(arguments)
    if not hasattr(model, "origin"):
        raise ModelError(
            "inspect reads .tflite files and quantization-aware Keras models.",
            received=f"the float model {arguments.model}",
            hint="tfcompress preflight tells what becomes of its layers, tfcompress sparsity counts its zeros.",
        )
    return model.quantization


COMMAND = Command(
    name="inspect",
    purpose="print what a .tflite file is made of and how it was made, or what a quantization-aware model trains",
    example="tfcompress inspect model.tflite",
    add=add,
    run=run,
)
