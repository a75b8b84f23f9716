"""`tfcompress export-c`: a .tflite file as C++ sources for a microcontroller."""

from __future__ import annotations

import argparse

HELP = "write the C++ sources that a microcontroller needs to run a file"


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    parser.add_argument("tflite", help="the .tflite file, from tfcompress or from elsewhere")
    parser.add_argument("-o", "--out", required=True, help="the folder to write to")
    parser.add_argument("--name", default="model", help="the C++ namespace, and how file names begin")
    parser.add_argument("--data", help="a .npz or .npy file with inputs for golden vectors; default: noise")


def run(arguments: argparse.Namespace) -> int:
    """Write the sources and list them."""
    from tfcompress.data import data_files
    from tfcompress.deployment.export_c import export_c
    from tfcompress.litert.tflite_model import load

    tflite = load(arguments.tflite)
    samples = None
    if arguments.data:
        data_files.require_readable(arguments.data)
        samples, _ = data_files.read(arguments.data, [spec.name for spec in tflite.inputs])
    for path in export_c(tflite, arguments.out, name=arguments.name, samples=samples):
        print(path)
    return 0
