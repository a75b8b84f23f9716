"""`tfcompress report`: several .tflite files beside their Keras model, in one table or page."""

from __future__ import annotations

import argparse
from pathlib import Path

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.compare import add_comparison, limits_of
from tfcompress.cli.data_argument import data_of
from tfcompress.cli.keras_model import add_model, model_of


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_model(parser)
    parser.add_argument("tflite", metavar="TFLITE", nargs="+", help="the .tflite files")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the report here as well: .html, .json or .md")
    parser.add_argument("--title", default="tfcompress report", help="the heading of the report")
    add_comparison(parser)


def run(arguments: argparse.Namespace) -> Printable:
    """Compare each file, and save the report if asked."""
    from tfcompress.comparison.compare import compare
    from tfcompress.console import say
    from tfcompress.data import data_files
    from tfcompress.keras_compat import model_io
    from tfcompress.litert.tflite_model import load
    from tfcompress.reporting.report import Report, report

    limits = limits_of(arguments)
    if arguments.output:
        Report.require_form(arguments.output)
    tflites = {name: load(name) for name in arguments.tflite}
    data_files.require_readable(arguments.data)
    model = model_of(arguments)
    x, y = data_of(arguments, model_io.inputs(model), next(iter(tflites.values())).outputs)
    results = {
        Path(name).stem if len({Path(other).stem for other in tflites}) == len(tflites) else name: compare(
            model,
            tflite,
            x,
            y,
            max_accuracy_drop=arguments.max_accuracy_drop,
            limits=limits,
            runtime=arguments.runtime,
            metrics=arguments.metric,
        )
        for name, tflite in tflites.items()
    }
    table = report(results, title=arguments.title, pictures=None if isinstance(x, dict) else x)
    if arguments.output:
        say(f"wrote {table.save(arguments.output)}")
    return table


COMMAND = Command(
    name="report",
    purpose="compare several files with their model, in one table or page; exit codes as for compare",
    example="tfcompress report model.keras model.tflite --data test.npz -o report.html",
    add=add,
    run=run,
)
