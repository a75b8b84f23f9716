"""The argument --target, of commands that ask where a file is to run."""

from __future__ import annotations

import argparse


def add_target(parser: argparse.ArgumentParser) -> None:
    """Name the argument and what there is to choose from."""
    from tfcompress.deployment.target import targets

    names = "; ".join(f"{target.name}: {target.asks}" for target in targets().values())
    parser.add_argument("--target", required=True, help=names.replace("%", "%%"))
