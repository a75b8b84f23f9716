"""`tfcompress before-after`: what two files take, side by side."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.keras_model import add_imports, import_all


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    parser.add_argument("before", metavar="BEFORE", help="the Keras model, which counts as float32, or a .tflite file")
    parser.add_argument("after", metavar="AFTER", help="the .tflite file that shall be smaller or faster")
    add_imports(parser)


def run(arguments: argparse.Namespace) -> Printable:
    """Measure both."""
    from tfcompress.reporting.before_after import before_after

    import_all(arguments)
    return before_after(arguments.before, arguments.after)


COMMAND = Command(
    name="before-after",
    purpose="put side by side what two files take: bytes, MACs, arena, time on this machine",
    example="tfcompress before-after model.keras model.tflite",
    add=add,
    run=run,
)
