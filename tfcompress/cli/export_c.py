"""`tfcompress export-c`: a .tflite file as C++ sources for a microcontroller."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.data_argument import add_data, data_of
from tfcompress.cli.printing import WrittenFiles
from tfcompress.cli.tflite_argument import add_tflite


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_tflite(parser)
    add_export(parser, "the C++ namespace, and how file names begin")
    parser.add_argument(
        "--layers",
        action="store_true",
        help="write what each op computes, too: a device whose kernel is wrong names it",
    )
    parser.add_argument(
        "--manifest", action="store_true", help="keep how the file was made in flash. Default: it is left out"
    )


def add_export(parser: argparse.ArgumentParser, of_name: str) -> None:
    """Name the arguments of an export, which `export-android` takes too."""
    parser.add_argument("-o", "--output", metavar="FOLDER", required=True, help="the folder to write to")
    parser.add_argument("--name", default="model", help=f"{of_name}. Default: model")
    add_data(parser, "a .npz or .npy file with inputs for golden vectors. Default: noise", required=False)


def run(arguments: argparse.Namespace) -> Printable:
    """Write the sources."""
    from tfcompress.deployment.export_c import export_c
    from tfcompress.litert.tflite_model import load

    tflite = load(arguments.tflite)
    samples, _ = data_of(arguments, tflite.inputs)
    paths = export_c(
        tflite,
        arguments.output,
        name=arguments.name,
        samples=samples,
        layers=arguments.layers,
        manifest=arguments.manifest,
    )
    return WrittenFiles(paths)


COMMAND = Command(
    name="export-c",
    purpose="write the C++ sources that a microcontroller needs to run a file",
    example="tfcompress export-c model.tflite -o firmware",
    add=add,
    run=run,
)
