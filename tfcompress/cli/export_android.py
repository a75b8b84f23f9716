"""`tfcompress export-android`: a .tflite file as the assets of an Android application."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.data_argument import data_of
from tfcompress.cli.export_c import add_export
from tfcompress.cli.printing import WrittenFiles
from tfcompress.cli.tflite_argument import add_tflite

if TYPE_CHECKING:
    from tfcompress.deployment.image_input import ImageInput


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_tflite(parser)
    add_export(parser, "the name of the model, and how file names begin")
    parser.add_argument(
        "--labels",
        action="append",
        metavar="[OUTPUT=]FILE",
        help="a text file with the name of a class in each line; of several outputs one each",
    )
    for option, what in (("mean", "what was subtracted from pixels in training"), ("std", "what they were divided by")):
        parser.add_argument(
            f"--{option}", type=float, nargs="+", metavar="N", help=f"{what}: one number, or one a channel"
        )


def run(arguments: argparse.Namespace) -> Printable:
    """Write the assets."""
    from tfcompress.deployment.export_android import export_android
    from tfcompress.litert.tflite_model import load

    image, labels = _image(arguments), _labels(arguments.labels)
    tflite = load(arguments.tflite)
    samples, _ = data_of(arguments, tflite.inputs)
    name = arguments.name
    return WrittenFiles(
        export_android(tflite, arguments.output, name=name, labels=labels, image=image, samples=samples)
    )


def _image(arguments: argparse.Namespace) -> ImageInput | None:
    from tfcompress.deployment.image_input import ImageInput

    if arguments.mean is None and arguments.std is None:
        return None
    return ImageInput(arguments.mean or 0.0, arguments.std or 1.0)


def _labels(given: list[str] | None) -> str | dict[str, str] | None:
    from tfcompress.errors import SettingError

    if given is None or (len(given) == 1 and "=" not in given[0]):
        return None if given is None else given[0]
    named = [text.partition("=") for text in given]
    if not all(equals for _, equals, _ in named) or len({name for name, *_ in named}) < len(named):
        raise SettingError(
            "--labels must be one FILE, or OUTPUT=FILE once for each output.",
            received=" ".join(given),
            hint="Such as --labels digit=digits.txt --labels colour=colours.txt.",
        )
    return {name: path for name, _, path in named}


COMMAND = Command(
    name="export-android",
    purpose="write the assets that an Android application needs to run a file",
    example="tfcompress export-android model.tflite -o assets --labels labels.txt",
    add=add,
    run=run,
)
