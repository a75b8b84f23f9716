"""`tfcompress preflight`: what will become of each layer of a model on its way to a target."""

from __future__ import annotations

import argparse

from tfcompress.cli.keras_model import add_model, model_of
from tfcompress.cli.target_argument import add_target

HELP = "tell before training what becomes of each layer; exit 1 if the model will not run on the target"


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_model(parser)
    add_target(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look ahead, print, and return the exit code: 1 if the model will not run."""
    from tfcompress.planning.preflight import preflight

    plan = preflight(model_of(arguments), arguments.target)
    print(plan)
    return 0 if plan.passed else 1
