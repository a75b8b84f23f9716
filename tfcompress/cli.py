"""The command line: `tfcompress convert | compare | report`, on absl.

In: arguments. Out: files, tables on stdout, messages on stderr; exit 0 for success, 1 for a failed comparison,
2 for an error. Knows nothing but how to call the library.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from absl import app
from absl.flags import argparse_flags

from tfcompress import __version__


def main() -> None:
    """Run the command line; the entry point of the `tfcompress` command."""
    # This process is ours: TensorFlow's start-up lines would bury the result.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    app.run(_run, flags_parser=_parse)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse_flags.ArgumentParser(
        prog="tfcompress", description="A trained Keras model in, a proven int8 .tflite out."
    )
    parser.add_argument("--version", action="version", version=f"tfcompress {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    convert = commands.add_parser("convert", help="convert a Keras model to a .tflite file")
    convert.add_argument("model", help="a .keras or .h5 file, or a SavedModel folder")
    convert.add_argument("--quantization", default="int8", help="int8 (default), dynamic, float16 or float32")
    convert.add_argument("--samples", help="a .npz or .npy file of typical inputs; needed for int8")
    convert.add_argument("--io", help="type of inputs and outputs: int8 (default of int8), uint8 or float32")
    convert.add_argument("-o", "--output", required=True, help="the .tflite file to write")

    compare = commands.add_parser("compare", help="run a model and its file on data; exit 1 if the file loses too much")
    compare.add_argument("model", help="a .keras or .h5 file, or a SavedModel folder")
    compare.add_argument("tflite", help="the .tflite file")

    report = commands.add_parser("report", help="compare several files with their model, in one table or page")
    report.add_argument("model", help="a .keras or .h5 file, or a SavedModel folder")
    report.add_argument("tflite", nargs="+", help="the .tflite files")
    report.add_argument("-o", "--output", help="write the report here as well: .html, .json or .md")
    report.add_argument("--title", default="tfcompress report", help="the heading of the report")
    for command in (compare, report):
        command.add_argument("--data", required=True, help="a .npz file: inputs under x, labels under y")
        command.add_argument("--max-accuracy-drop", type=float, help="what may be lost; 0.01 is one point")
        command.add_argument("--runtime", default="litert", help="litert (default) or reference kernels")
    return parser.parse_args(argv[1:])


def _run(arguments: argparse.Namespace) -> None:
    from tfcompress.errors import TfcompressError

    commands = {"convert": _convert, "compare": _compare, "report": _report}
    try:
        passed = commands[arguments.command](arguments)
    except TfcompressError as error:
        print(f"tfcompress: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0 if passed else 1)


def _convert(arguments: argparse.Namespace) -> bool:
    from tfcompress import data_files, files, kerases
    from tfcompress.conversion.tflite import convert, require_known
    from tfcompress.loading import load_keras

    files.require_writable(arguments.output)
    require_known(arguments.quantization, arguments.io)
    model = load_keras(arguments.model)
    samples = None
    if arguments.samples:
        samples, _ = data_files.read(arguments.samples, [spec.name for spec in kerases.inputs(model)])
    tflite = convert(model, arguments.quantization, samples=samples, io=arguments.io)
    path = tflite.save(arguments.output)
    print(f"{path}: {tflite.size:,} bytes in flash, {tflite.deflated_size:,} deflated")
    for side, specs in (("input", tflite.inputs), ("output", tflite.outputs)):
        for spec in specs:
            scale = "" if spec.scale is None else f", scale {spec.scale:.6g}, zero point {spec.zero_point}"
            print(f"  {side} {spec}{scale}")
    return True


def _compare(arguments: argparse.Namespace) -> bool:
    from tfcompress import data_files, kerases
    from tfcompress.comparison.compare import compare
    from tfcompress.flatbuffer.model import load
    from tfcompress.loading import load_keras

    tflite = load(arguments.tflite)
    model = load_keras(arguments.model)
    x, y = data_files.read(arguments.data, [spec.name for spec in kerases.inputs(model)])
    result = compare(model, tflite, x, y, max_accuracy_drop=arguments.max_accuracy_drop, runtime=arguments.runtime)
    print(result)
    return result.passed


def _report(arguments: argparse.Namespace) -> bool:
    from tfcompress import data_files, files, kerases
    from tfcompress.comparison.compare import compare
    from tfcompress.flatbuffer.model import load
    from tfcompress.loading import load_keras
    from tfcompress.reporting.report import report

    if arguments.output:
        files.require_writable(arguments.output)
    tflites = {name: load(name) for name in arguments.tflite}
    model = load_keras(arguments.model)
    x, y = data_files.read(arguments.data, [spec.name for spec in kerases.inputs(model)])
    results = {
        Path(name).stem if len({Path(other).stem for other in tflites}) == len(tflites) else name: compare(
            model, tflite, x, y, max_accuracy_drop=arguments.max_accuracy_drop, runtime=arguments.runtime
        )
        for name, tflite in tflites.items()
    }
    table = report(results, title=arguments.title)
    print(table)
    if arguments.output:
        print(table.save(arguments.output))
    return all(result.passed for result in results.values())


if __name__ == "__main__":
    main()
