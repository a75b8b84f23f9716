"""The argument --target, of commands that ask where a file is to run."""

from __future__ import annotations

import argparse


def add_target(parser: argparse.ArgumentParser, several: bool = False, *, required: bool = True) -> None:
    """Name the argument and what there is to choose from.

    Args:
        parser: That of the command.
        several: Whether it may be given several times.
        required: Whether it must be given.
    """
    from tfcompress.deployment.target import targets

    names = "; ".join(f"{target.name}: {target.asks}" for target in targets().values()).replace("%", "%%")
    if several:
        parser.add_argument("--target", action="append", required=required, help=f"{names}; repeatable")
    else:
        parser.add_argument("--target", required=required, help=names)
