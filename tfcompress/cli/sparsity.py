"""`tfcompress sparsity`: how many zeros the kernels of a model have."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.keras_model import add_model, model_of


def run(arguments: argparse.Namespace) -> Printable:
    """Count."""
    from tfcompress.training.pruning.zeros import sparsity

    return sparsity(model_of(arguments))


COMMAND = Command(
    name="sparsity",
    purpose="count the zeros in each kernel of a Keras model, and what they save",
    example="tfcompress sparsity model.keras",
    add=add_model,
    run=run,
)
