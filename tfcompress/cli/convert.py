"""`tfcompress convert`: a Keras model file in, a .tflite file out."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.int4_arguments import add_int4
from tfcompress.cli.keras_model import add_model, model_of
from tfcompress.cli.printing import WrittenModel
from tfcompress.cli.samples import add_samples, samples_of


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_model(parser)
    parser.add_argument(
        "--quantization",
        metavar="KIND",
        help="int8, int8x4 (weights of four bits), int16x8, dynamic, float16 or float32; default: what the model was "
        "trained for, else int8",
    )
    add_samples(parser)
    parser.add_argument(
        "--calibration",
        metavar="METHOD",
        default="mse",
        help="how ranges follow from the samples: mse (default), percentile or minmax",
    )
    add_int4(parser, "layers")
    for kind, of in (("float", "an integer file"), ("int16", "an int8 file")):
        parser.add_argument(
            f"--keep-{kind}",
            action="append",
            metavar="GLOB",
            help=f"layers of {of} that stay in {kind}, by name, path or glob; repeatable",
        )
    parser.add_argument(
        "--extra-ops",
        action="append",
        default=[],
        metavar="OP",
        help="a TensorFlow op without a TFLite form that may go along, such as Erf; repeatable",
    )
    parser.add_argument("--io", metavar="TYPE", help="type of inputs and outputs: int8, uint8, int16 or float32")
    parser.add_argument("--runtime", metavar="VERSION", help="the oldest LiteRT that must run the file, such as 1.4")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the .tflite file to write")


def run(arguments: argparse.Namespace) -> Printable:
    """Convert and save."""
    from tfcompress import files
    from tfcompress.conversion.conversion_settings import require_known
    from tfcompress.conversion.convert import convert

    files.require_writable(arguments.output)
    require_known(arguments.quantization or "int8", arguments.io, arguments.calibration)
    samples = samples_of(arguments)
    tflite = convert(
        model_of(arguments),
        arguments.quantization,
        samples=samples,
        io=arguments.io,
        calibration=arguments.calibration,
        keep_float=arguments.keep_float,
        keep_int16=arguments.keep_int16,
        keep_int8=arguments.keep_int8,
        recover=arguments.recover,
        flash=arguments.flash,
        extra_ops=arguments.extra_ops,
        runtime=arguments.runtime,
    )
    return WrittenModel(tflite.save(arguments.output), tflite)


COMMAND = Command(
    name="convert",
    purpose="convert a Keras model to a .tflite file",
    example="tfcompress convert model.keras --samples calib.npz -o model.tflite",
    add=add,
    run=run,
    details="In an int8 file every op is integer, or it is an error that names the layer. Calibration needs samples, "
    "but for a quantization-aware model, which has trained its ranges.",
)
