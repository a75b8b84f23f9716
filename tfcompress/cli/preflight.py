"""`tfcompress preflight`: what will become of each layer of a model on its way to a target."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.keras_model import add_model, model_of
from tfcompress.cli.samples import add_samples, samples_of
from tfcompress.cli.target_argument import add_target


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_model(parser)
    add_target(parser)
    add_samples(parser)


def run(arguments: argparse.Namespace) -> Printable:
    """Look ahead."""
    from tfcompress.planning.preflight import preflight

    return preflight(model_of(arguments), arguments.target, samples=samples_of(arguments))


COMMAND = Command(
    name="preflight",
    purpose="tell before training what becomes of each layer; exit 1 if the model will not run on the target",
    example="tfcompress preflight model.keras --target tflm",
    add=add,
    run=run,
    details="Nothing is trained: the model is converted to int8 on noise, and the file is checked for the target.",
)
