"""`tfcompress sensitivity`: which layers of an integer file to keep in a finer precision."""

from __future__ import annotations

import argparse

from tfcompress.cli.byte_count import byte_count
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
        help="what the file may lose against the float one; 0.01 is one point",
    )
    parser.add_argument(
        "--flash",
        metavar="BYTES",
        type=byte_count,
        help="the most bytes of an int8x4 file instead, such as 64k (64,000)",
    )


def run(arguments: argparse.Namespace) -> Printable:
    """Put layers back to finer precisions."""
    from tfcompress.comparison.sensitivity import sensitivity
    from tfcompress.litert.tflite_model import load

    import_all(arguments)
    tflite = load(arguments.tflite)
    x, y = labelled_data_of(arguments, tflite.inputs)
    drop, flash = arguments.max_accuracy_drop, arguments.flash
    return sensitivity(arguments.floating, tflite, x, y, max_accuracy_drop=drop, flash=flash)


COMMAND = Command(
    name="sensitivity",
    purpose="find the fewest layers to keep in 8 bits, int16 or float; exit 1 if no set of layers keeps the accuracy",
    example="tfcompress sensitivity model.keras model.tflite --data test.npz --max-accuracy-drop 0.01",
    add=add,
    run=run,
    details="The layers that it names are for --keep-int8, --keep-int16 and --keep-float of convert. The file is run "
    "op by op, which is slow.",
)
