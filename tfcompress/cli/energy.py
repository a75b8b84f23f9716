"""`tfcompress energy`: an estimate of what an inference costs."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.tflite_argument import add_tflite


def run(arguments: argparse.Namespace) -> Printable:
    """Estimate."""
    from tfcompress.deployment.energy import energy

    return energy(arguments.tflite)


COMMAND = Command(
    name="energy",
    purpose="estimate the energy of one inference from published figures",
    example="tfcompress energy model.tflite",
    add=add_tflite,
    run=run,
    details="It compares files; it is no power meter.",
)
