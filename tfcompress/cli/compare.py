"""`tfcompress compare`: a Keras model and its .tflite file on the same data."""

from __future__ import annotations

import argparse

from tfcompress.cli.keras_model import add_model, model_of

HELP = "run a model and its file on data; exit 1 if the file loses too much"


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_model(parser)
    parser.add_argument("tflite", help="the .tflite file")
    add_comparison(parser)


def add_comparison(parser: argparse.ArgumentParser) -> None:
    """Name the arguments of a comparison, which `report` takes too."""
    parser.add_argument("--data", required=True, help="a .npz file: inputs under x, labels under y")
    parser.add_argument("--max-accuracy-drop", type=float, help="what may be lost; 0.01 is one point")
    parser.add_argument("--runtime", default="litert", help="litert (default), reference, tflm or all")


def run(arguments: argparse.Namespace) -> bool:
    """Compare, print, and tell whether the file passed."""
    from tfcompress import data_files, kerases
    from tfcompress.comparison.compare import compare
    from tfcompress.flatbuffer.model import load

    tflite = load(arguments.tflite)
    data_files.require_readable(arguments.data)
    model = model_of(arguments)
    x, y = data_files.read(arguments.data, [spec.name for spec in kerases.inputs(model)])
    result = compare(model, tflite, x, y, max_accuracy_drop=arguments.max_accuracy_drop, runtime=arguments.runtime)
    print(result)
    return result.passed
