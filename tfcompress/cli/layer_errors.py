"""`tfcompress layer-errors`: how much noise each layer of an int8 file adds."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.data_argument import add_data, data_of
from tfcompress.cli.keras_model import add_imports, import_all
from tfcompress.cli.tflite_argument import add_tflite


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_float_and_int8(parser)
    add_data(parser, "a .npz or .npy file: inputs under x; 50 to 200 are enough")


def add_float_and_int8(parser: argparse.ArgumentParser) -> None:
    """Name the two files of one model, which `sensitivity` takes too."""
    parser.add_argument("floating", metavar="FLOAT", help="the Keras model, or its float32 .tflite file")
    add_tflite(parser)
    add_imports(parser)


def run(arguments: argparse.Namespace) -> Printable:
    """Measure."""
    from tfcompress.comparison.layer_errors import layer_errors
    from tfcompress.litert.tflite_model import load

    import_all(arguments)
    tflite = load(arguments.tflite)
    x, _ = data_of(arguments, tflite.inputs)
    return layer_errors(arguments.floating, tflite, x)


COMMAND = Command(
    name="layer-errors",
    purpose="tell how much noise each layer of an int8 file adds, worst first",
    example="tfcompress layer-errors model.keras model.tflite --data test.npz",
    add=add,
    run=run,
)
