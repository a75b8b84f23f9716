"""`tfcompress compare`: a Keras model and its .tflite file on the same data."""

from __future__ import annotations

import argparse

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.data_argument import add_data, data_of
from tfcompress.cli.keras_model import add_model, model_of


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_model(parser)
    parser.add_argument(
        "tflite", metavar="TFLITE", nargs="?", help="the .tflite file, from tfcompress or from elsewhere"
    )
    add_comparison(parser, required=False)
    parser.add_argument(
        "--golden",
        metavar="FILE",
        help="golden.npz of tfcompress golden; the result.json of run_golden.py then stands alone in MODEL's place",
    )


def add_comparison(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Name the arguments of a comparison, which `report` takes too."""
    from tfcompress.runtime.engine import runtimes

    add_data(parser, "a .npz file: inputs under x, labels under y or the names of outputs", required=required)
    parser.add_argument(
        "--max-accuracy-drop", metavar="SHARE", type=float, help="what the accuracy may lose; 0.01 is one point"
    )
    parser.add_argument(
        "--metric",
        action="append",
        metavar="NAME",
        help="what to measure instead of accuracy, such as mean_absolute_error; repeatable",
    )
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="how much worse a metric may be, such as mean_absolute_error=0.02 or mask/mean_io_u=0.01; repeatable",
    )
    names = "; ".join(f"{spec.name}: {spec.kernels}" for spec in runtimes().values()).replace("%", "%%")
    parser.add_argument(
        "--runtime", metavar="NAME", default="litert", help=f"{names}; all: side by side. Default: litert"
    )


def limits_of(arguments: argparse.Namespace) -> dict[str, float]:
    """Return the limits that the arguments name, for `limits` of the library."""
    from tfcompress.errors import SettingError

    found: dict[str, float] = {}
    for text in arguments.limit:
        name, _, value = text.rpartition("=")
        try:
            amount = float(value)
        except ValueError:
            name = ""
        if not name or name in found:
            raise SettingError(
                "--limit must be NAME=VALUE, once for each name.",
                received=repr(text),
                hint="Such as --limit mean_absolute_error=0.02.",
            )
        found[name] = amount
    return found


def run(arguments: argparse.Namespace) -> Printable:
    """Compare."""
    from tfcompress.comparison.compare import compare
    from tfcompress.data import data_files
    from tfcompress.keras_compat import model_io
    from tfcompress.litert.tflite_model import load

    if arguments.golden is not None:
        return _golden(arguments)
    _require(arguments)
    limits = limits_of(arguments)
    tflite = load(arguments.tflite)
    data_files.require_readable(arguments.data)
    model = model_of(arguments)
    x, y = data_of(arguments, model_io.inputs(model), tflite.outputs)
    return compare(
        model,
        tflite,
        x,
        y,
        max_accuracy_drop=arguments.max_accuracy_drop,
        limits=limits,
        runtime=arguments.runtime,
        metrics=arguments.metric,
    )


def _golden(arguments: argparse.Namespace) -> Printable:
    from tfcompress.comparison.golden_comparison import compare_golden
    from tfcompress.errors import SettingError

    if arguments.tflite is not None or arguments.data is not None:
        raise SettingError(
            "--golden takes the result.json of run_golden.py and nothing else.",
            received=" ".join(filter(None, (arguments.model, arguments.tflite, arguments.data and "--data"))),
            hint="Such as: tfcompress compare --golden proof/golden.npz result.json",
        )
    return compare_golden(arguments.golden, arguments.model)


def _require(arguments: argparse.Namespace) -> None:
    from tfcompress.errors import SettingError

    given = {"TFLITE": arguments.tflite, "--data": arguments.data}
    if missing := [name for name, value in given.items() if value is None]:
        raise SettingError(f"tfcompress compare needs {', '.join(missing)}.", hint=f"Such as: {COMMAND.example}")


COMMAND = Command(
    name="compare",
    purpose="run a model and its file on data; exit 1 if the file loses too much, 4 if the samples are too few to tell",
    example="tfcompress compare model.keras model.tflite --data test.npz --max-accuracy-drop 0.01",
    details="MODEL, TFLITE and --data are needed. With --golden, what another machine made of golden samples is held "
    "against them instead: tfcompress compare --golden proof/golden.npz result.json",
    add=add,
    run=run,
)
