"""`tfcompress report`: several .tflite files beside their Keras model, in one table or page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfcompress.cli.command import Command, Printable
from tfcompress.cli.compare import add_comparison, limits_of
from tfcompress.cli.data_argument import data_of
from tfcompress.cli.keras_model import add_model, model_of
from tfcompress.cli.target_argument import add_target

if TYPE_CHECKING:
    from tfcompress.comparison.layer_errors import LayerErrors
    from tfcompress.litert.tflite_model import TFLiteModel

SAMPLES_OF_ERRORS = 200
"""Rows of the data that the noise of layers is measured on; more change little and take long, op by op."""


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_model(parser)
    parser.add_argument("tflite", metavar="TFLITE", nargs="+", help="the .tflite files")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the report here as well: .html, .json or .md")
    parser.add_argument("--title", default="tfcompress report", help="the heading of the report")
    add_comparison(parser)
    group = parser.add_argument_group("what else to find out about each file")
    add_target(group, several=True, required=False)
    group.add_argument("--latency", action="store_true", help="the time of one inference on this machine")
    group.add_argument(
        "--layer-errors",
        action="store_true",
        help=f"how much noise each layer of the integer files adds, on the first {SAMPLES_OF_ERRORS} samples",
    )
    group.add_argument(
        "--histograms",
        action="store_true",
        help="how the weights of each layer are distributed; with --layer-errors its activations too",
    )


def run(arguments: argparse.Namespace) -> Printable:
    """Compare each file, and save the report if asked."""
    from tfcompress.comparison.compare import compare
    from tfcompress.console import say
    from tfcompress.data import data_files
    from tfcompress.deployment.check import check
    from tfcompress.deployment.target import target_of
    from tfcompress.keras_compat import model_io
    from tfcompress.litert.tflite_model import load
    from tfcompress.reporting.report import Report, report
    from tfcompress.runtime.latency import latency

    limits = limits_of(arguments)
    if arguments.output:
        Report.require_form(arguments.output)
    targets = [target_of(name).name for name in dict.fromkeys(arguments.target or [])]
    stems = [Path(name).stem for name in arguments.tflite]
    names = stems if len({*stems}) == len(stems) else arguments.tflite
    tflites = {name: load(path) for name, path in zip(names, arguments.tflite, strict=True)}
    data_files.require_readable(arguments.data)
    model = model_of(arguments)
    x, y = data_of(arguments, model_io.inputs(model), next(iter(tflites.values())).outputs)
    results = {
        name: compare(
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
    table = report(
        results,
        title=arguments.title,
        errors=_layer_errors(model, tflites, x) if arguments.layer_errors else None,
        findings={name: [check(tflite, target) for target in targets] for name, tflite in tflites.items()},
        latencies={name: latency(tflite) for name, tflite in tflites.items()} if arguments.latency else None,
        pictures=None if isinstance(x, dict) else x,
        histograms=arguments.histograms,
    )
    if arguments.output:
        say(f"wrote {table.save(arguments.output)}")
    return table


def _layer_errors(model: Any, tflites: dict[str, TFLiteModel], x: Any) -> dict[str, LayerErrors]:
    """Measure the files that have integer ops against one float file."""
    from tfcompress.comparison.layer_errors import has_integer_ops, layer_errors
    from tfcompress.conversion.float_file import float_file

    few = {key: array[:SAMPLES_OF_ERRORS] for key, array in x.items()} if isinstance(x, dict) else x[:SAMPLES_OF_ERRORS]
    floating = float_file(model)
    return {name: layer_errors(floating, one, few) for name, one in tflites.items() if has_integer_ops(one)}


COMMAND = Command(
    name="report",
    purpose="compare several files with their model, in one table or page; exit codes as for compare",
    example="tfcompress report model.keras model.tflite --data test.npz -o report.html",
    add=add,
    run=run,
    details="The exit code is that of the comparisons alone; check and latency have theirs.",
)
