"""`tfcompress preflight`: what will become of each layer of a model on its way to a target."""

from __future__ import annotations

import argparse

HELP = "tell before training what becomes of each layer; exit 1 if the model will not run on the target"


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    parser.add_argument("model", help="a .keras or .h5 file, or a SavedModel folder")
    parser.add_argument("--target", required=True, help="cpu, gpu, tflm, ethos-u55 or ethos-u85")


def run(arguments: argparse.Namespace) -> bool:
    """Look ahead, print, and tell whether the model will run."""
    from tfcompress.loading import load_keras
    from tfcompress.planning.preflight import preflight

    plan = preflight(load_keras(arguments.model), arguments.target)
    print(plan)
    return plan.passed
