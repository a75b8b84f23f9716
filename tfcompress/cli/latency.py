"""`tfcompress latency`: how long an inference takes on this machine."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.tflite_argument import add_tflite


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    from tfcompress.runtime.engine import runtimes

    add_tflite(parser)
    parser.add_argument(
        "--runtime", action="append", metavar="NAME", help=f"{', '.join(runtimes())}; repeatable. Default: litert"
    )
    parser.add_argument(
        "--threads",
        action="append",
        type=int,
        metavar="N",
        help="repeatable. Default: 1, and as many as there are cores",
    )
    parser.add_argument("--seconds", type=float, default=1.0, metavar="S", help="how long to repeat. Default: 1")


def run(arguments: argparse.Namespace) -> Printable:
    """Measure."""
    from tfcompress.runtime.latency import latency

    runtimes = arguments.runtime or ["litert"]
    return latency(arguments.tflite, runtimes=runtimes, threads=arguments.threads, seconds=arguments.seconds)


COMMAND = Command(
    name="latency",
    purpose="time single inferences of a file on this machine",
    example="tfcompress latency model.tflite --threads 1",
    add=add,
    run=run,
)
