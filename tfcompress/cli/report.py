"""`tfcompress report`: several .tflite files beside their Keras model, in one table or page."""

from __future__ import annotations

import argparse
from pathlib import Path

from tfcompress.cli.compare import add_comparison, exit_code, limits_of
from tfcompress.cli.keras_model import add_model, model_of

HELP = "compare several files with their model, in one table or page"


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_model(parser)
    parser.add_argument("tflite", nargs="+", help="the .tflite files")
    parser.add_argument("-o", "--output", help="write the report here as well: .html, .json or .md")
    parser.add_argument("--title", default="tfcompress report", help="the heading of the report")
    add_comparison(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare each file, print the table, save it if asked, and return the exit code."""
    from tfcompress.comparison.compare import compare
    from tfcompress.comparison.metric_score import worst
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
    outputs = [spec.name for spec in next(iter(tflites.values())).outputs]
    x, y = data_files.read(arguments.data, [spec.name for spec in model_io.inputs(model)], outputs)
    results = {
        Path(name).stem if len({Path(other).stem for other in tflites}) == len(tflites) else name: compare(
            model,
            tflite,
            x,
            y,
            max_accuracy_drop=arguments.max_accuracy_drop,
            limits=limits,
            runtime=arguments.runtime,
        )
        for name, tflite in tflites.items()
    }
    table = report(results, title=arguments.title, pictures=None if isinstance(x, dict) else x)
    print(table)
    if arguments.output:
        print(table.save(arguments.output))
    return exit_code(worst(result.verdict for result in results.values()))
