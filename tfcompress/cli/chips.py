"""`tfcompress chips`: on which boards a file fits."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.tflite_argument import add_tflite


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_tflite(parser)


def run(arguments: argparse.Namespace) -> Printable:
    """Hold the file against the boards."""
    from tfcompress.deployment.chips import chips

    return chips(arguments.tflite)


COMMAND = Command(
    name="chips",
    purpose="tell on which common boards a file fits, and what is left there",
    example="tfcompress chips model.tflite",
    details="Needs pip install 'tfcompress[micro]' for the arena. --json has the source of each board's figures.",
    add=add,
    run=run,
)
