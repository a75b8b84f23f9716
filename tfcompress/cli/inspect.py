"""`tfcompress inspect`: what a .tflite file is made of and how it was made."""

from __future__ import annotations

import argparse

HELP = "print what a .tflite file is made of and how it was made"


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    parser.add_argument("tflite", help="the .tflite file, from tfcompress or from elsewhere")


def run(arguments: argparse.Namespace) -> int:
    """Print the facts."""
    from tfcompress.litert.inspect import inspect

    print(inspect(arguments.tflite))
    return 0
