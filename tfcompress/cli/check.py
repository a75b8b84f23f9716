"""`tfcompress check`: whether a .tflite file runs on a target."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.target_argument import add_target
from tfcompress.cli.tflite_argument import add_tflite


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_tflite(parser)
    add_target(parser, several=True)


def run(arguments: argparse.Namespace) -> Printable:
    """Check."""
    from tfcompress.deployment.check import check

    targets = list(dict.fromkeys(arguments.target))
    return check(arguments.tflite, targets if len(targets) > 1 else targets[0])


COMMAND = Command(
    name="check",
    purpose="tell whether a file runs on a target, op by op; exit 1 if it does not",
    example="tfcompress check model.tflite --target cpu --target tflm",
    add=add,
    run=run,
)
