"""The argument that names a .tflite file, of the commands that read one."""

from __future__ import annotations

import argparse


def add_tflite(parser: argparse.ArgumentParser) -> None:
    """Name the argument."""
    parser.add_argument("tflite", metavar="TFLITE", help="the .tflite file, from tfcompress or from elsewhere")
