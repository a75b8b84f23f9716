"""`tfcompress quantize`: a float .tflite file in, a quantized one out."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.int4_arguments import add_int4
from tfcompress.cli.printing import WrittenModel
from tfcompress.cli.samples import add_samples, samples_of


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    parser.add_argument("tflite", metavar="TFLITE", help="the float .tflite file, from tfcompress or from elsewhere")
    parser.add_argument(
        "--quantization",
        metavar="KIND",
        default="int8",
        help="int8 (default), int8x4 (weights of four bits), dynamic, weight_only_int8, weight_only_int4 or float16",
    )
    add_samples(parser)
    parser.add_argument(
        "--keep-float",
        action="append",
        default=[],
        metavar="GLOB",
        help="tensors, layers or kinds of op left in float; repeatable",
    )
    add_int4(parser, "tensors, layers or kinds of op")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the .tflite file to write")


def run(arguments: argparse.Namespace) -> Printable:
    """Quantize and save."""
    from tfcompress import files
    from tfcompress.conversion.quantize_file import quantize

    files.require_writable(arguments.output)
    samples = samples_of(arguments)
    tflite = quantize(
        arguments.tflite,
        arguments.quantization,
        samples=samples,
        keep_float=arguments.keep_float,
        keep_int8=arguments.keep_int8,
        recover=arguments.recover,
        flash=arguments.flash,
    )
    return WrittenModel(tflite.save(arguments.output), tflite)


COMMAND = Command(
    name="quantize",
    purpose="quantize an existing float .tflite file, without its Keras model",
    example="tfcompress quantize float.tflite --samples calib.npz -o model.tflite",
    add=add,
    run=run,
)
