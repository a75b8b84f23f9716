"""`tfcompress convert`: a Keras model file in, a .tflite file out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tfcompress.cli.keras_model import add_model, model_of
from tfcompress.cli.samples import add_samples, samples_of

if TYPE_CHECKING:
    from tfcompress.litert.tflite_model import TFLiteModel

HELP = "convert a Keras model to a .tflite file"


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_model(parser)
    parser.add_argument("--quantization", default="int8", help="int8 (default), dynamic, float16 or float32")
    add_samples(parser)
    parser.add_argument("--io", help="type of inputs and outputs: int8 (default of int8), uint8 or float32")
    parser.add_argument("--runtime", help="the oldest LiteRT that must run the file, such as 1.4")
    parser.add_argument("-o", "--output", required=True, help="the .tflite file to write")


def run(arguments: argparse.Namespace) -> int:
    """Convert, save and say what was made."""
    from tfcompress import files
    from tfcompress.conversion.convert import convert, require_known

    files.require_writable(arguments.output)
    require_known(arguments.quantization, arguments.io)
    samples = samples_of(arguments)
    model = model_of(arguments)
    tflite = convert(model, arguments.quantization, samples=samples, io=arguments.io, runtime=arguments.runtime)
    say_what_was_made(tflite.save(arguments.output), tflite)
    return 0


def say_what_was_made(path: Path, tflite: TFLiteModel) -> None:
    """Print the file's sizes, inputs and outputs."""
    print(f"{path}: {tflite.size:,} bytes in flash, {tflite.deflated_size:,} deflated")
    for side, specs in (("input", tflite.inputs), ("output", tflite.outputs)):
        for spec in specs:
            scale = "" if spec.scale is None else f", scale {spec.scale:.6g}, zero point {spec.zero_point}"
            print(f"  {side} {spec}{scale}")
