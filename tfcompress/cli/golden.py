"""`tfcompress golden`: samples and what to expect of them, for a run on another machine."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.data_argument import add_data, data_of
from tfcompress.cli.printing import WrittenFiles
from tfcompress.cli.tflite_argument import add_tflite


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_tflite(parser)
    add_data(parser, "a .npz file: inputs under x, class labels under y or the names of outputs")
    parser.add_argument("-o", "--output", metavar="FOLDER", required=True, help="the folder to write to")


def run(arguments: argparse.Namespace) -> Printable:
    """Write the files."""
    from tfcompress.comparison.golden_package import golden
    from tfcompress.data import data_files
    from tfcompress.litert.tflite_model import load

    tflite = load(arguments.tflite)
    data_files.require_readable(arguments.data)
    x, y = data_of(arguments, tflite.inputs, tflite.outputs)
    return WrittenFiles(golden(tflite, arguments.output, x, y))


COMMAND = Command(
    name="golden",
    purpose="write samples, what to expect of them, and a program that runs them on any other machine",
    example="tfcompress golden model.tflite --data test.npz -o proof",
    details="Copy the folder to the other machine and run python run_golden.py there, which needs NumPy and "
    "ai-edge-litert alone. tfcompress compare --golden proof/golden.npz result.json tells what differs.",
    add=add,
    run=run,
)
