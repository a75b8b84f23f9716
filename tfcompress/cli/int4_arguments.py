"""The arguments that say how weights are rounded, for the commands that make integer files.

In: a parser. Out: the same with `--keep-int8`, `--flash` and `--recover`.
"""

from __future__ import annotations

import argparse

from tfcompress.cli.byte_count import byte_count


def add_int4(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the arguments.

    Args:
        parser: That of a command.
        what: What the globs of the command are on.
    """
    parser.add_argument(
        "--keep-int8",
        nargs="*",
        action="extend",
        metavar="GLOB",
        help=f"{what} of an int8x4 file whose weights keep 8 bits; alone: none. Default: first, last, depthwise",
    )
    parser.add_argument(
        "--flash",
        metavar="BYTES",
        type=byte_count,
        help="the most bytes of the file, such as 64k (64,000): in an int8x4 file it decides what keeps 8 bits",
    )
    parser.add_argument(
        "--recover", action="store_true", help="get back, from 500 to 1,000 samples, what integers lose"
    )
