"""`tfcompress channel-graph`: which channels of a model go together."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.keras_model import add_model, model_of


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_model(parser)
    parser.add_argument(
        "--exclude", action="append", metavar="GLOB", help="layers whose results keep all their channels; repeatable"
    )
    parser.add_argument(
        "--no-keep-first", dest="keep_first", action="store_false", help="let channels of the first layers go as well"
    )


def run(arguments: argparse.Namespace) -> Printable:
    """Find the groups."""
    from tfcompress.training.channels.channel_graph import channel_graph

    return channel_graph(model_of(arguments), exclude=arguments.exclude, keep_first=arguments.keep_first)


COMMAND = Command(
    name="channel-graph",
    purpose="tell which channels of a Keras model prune_channels can take out, and why others stay",
    example="tfcompress channel-graph model.keras",
    add=add,
    run=run,
)
