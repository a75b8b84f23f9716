"""`tfcompress sensitivity`: which layers of an int8 file to keep in float."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.data_argument import add_data, labelled_data_of
from tfcompress.cli.keras_model import import_all
from tfcompress.cli.layer_errors import add_float_and_int8


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_float_and_int8(parser)
    add_data(parser, "a .npz file: inputs under x, labels under y; a few hundred are enough")
    parser.add_argument(
        "--max-accuracy-drop",
        metavar="SHARE",
        type=float,
        required=True,
        help="what the file may lose against the float one; 0.01 is one point",
    )


def run(arguments: argparse.Namespace) -> Printable:
    """Put layers back to float."""
    from tfcompress.comparison.sensitivity import sensitivity
    from tfcompress.litert.tflite_model import load

    import_all(arguments)
    tflite = load(arguments.tflite)
    x, y = labelled_data_of(arguments, tflite.inputs)
    return sensitivity(arguments.floating, tflite, x, y, max_accuracy_drop=arguments.max_accuracy_drop)


COMMAND = Command(
    name="sensitivity",
    purpose="find the fewest layers to keep in float; exit 1 if no set of layers keeps the accuracy",
    example="tfcompress sensitivity model.keras model.tflite --data test.npz --max-accuracy-drop 0.01",
    add=add,
    run=run,
    details="The layers that it names are for --keep-float of convert. The file is run op by op, which is slow.",
)
