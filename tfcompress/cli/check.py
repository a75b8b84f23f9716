"""`tfcompress check`: whether a .tflite file runs on a target."""

from __future__ import annotations

import argparse

from tfcompress.cli.target_argument import add_target

HELP = "tell whether a file runs on a target, op by op; exit 1 if it does not"


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    parser.add_argument("tflite", help="the .tflite file, from tfcompress or from elsewhere")
    add_target(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and return the exit code: 1 if the file does not run."""
    from tfcompress.deployment.check import check

    findings = check(arguments.tflite, arguments.target)
    print(findings)
    return 0 if findings.passed else 1
