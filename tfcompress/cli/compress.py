"""`tfcompress compress`: a Keras model, data and a budget in, the best .tflite file under it out."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfcompress.cli.byte_count import byte_count
from tfcompress.cli.command import Command, Printable
from tfcompress.cli.keras_model import add_model, model_of

FORMS = "a .npz file: inputs under x, labels under y"


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_model(parser)
    parser.add_argument("--train", metavar="FILE", required=True, help=f"{FORMS}; what candidates are trained on")
    parser.add_argument("--validation", metavar="FILE", required=True, help=f"{FORMS}; what candidates are chosen by")
    parser.add_argument("--test", metavar="FILE", help=f"{FORMS}; run once, on the file that is chosen")
    parser.add_argument(
        "--flash", metavar="BYTES", type=byte_count, help="what the file may take, such as 64k (64,000)"
    )
    parser.add_argument("--arena", metavar="BYTES", type=byte_count, help="the memory that TFLM may need, such as 40k")
    parser.add_argument("--macs", metavar="N", type=float, help="multiply-accumulates: a share up to 1, or a number")
    parser.add_argument(
        "--latency", metavar="SHARE", type=float, help="of the int8 file's on this machine; with --target cpu"
    )
    parser.add_argument(
        "--max-accuracy-drop",
        metavar="SHARE",
        type=float,
        help="what may be lost, 0.005 is half a point; alone: the smallest file that keeps it is the best",
    )
    parser.add_argument("--target", metavar="TARGET", default="tflm", help="tflm (default), esp-nn or cpu")
    parser.add_argument("--epochs", metavar="N", type=int, default=30, help="of all training; default: 30, 0 for none")
    parser.add_argument("--study", metavar="FOLDER", help="where the search is kept, and goes on if it was cut off")
    parser.add_argument("--recipe", metavar="FILE", help="make the file of this recipe again, without a search")
    parser.add_argument("--workers", metavar="N", help='a number, "auto" or the address of a Ray cluster')
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of all choices and trainings; default: 0")
    parser.add_argument("--report", metavar="FILE", help="also write the front, as .html, .json or .md")
    parser.add_argument("--save-recipe", metavar="FILE", help="also write how the file is made, as .json")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the .tflite file to write")


def run(arguments: argparse.Namespace) -> Printable:
    """Search, and save what was found."""
    from tfcompress import files
    from tfcompress.search.compress import compress
    from tfcompress.search.compression import Compression

    files.require_writable(arguments.output)
    if arguments.report is not None:
        Compression.require_form(arguments.report)
    if arguments.save_recipe is not None:
        files.require_writable(arguments.save_recipe)
    model = model_of(arguments)
    workers = arguments.workers
    with _ctrl_c_ends_the_search():
        found = compress(
            model,
            _labelled(arguments.train, "--train", model),
            validation=_labelled(arguments.validation, "--validation", model),
            test=None if arguments.test is None else _labelled(arguments.test, "--test", model),
            flash=arguments.flash,
            arena=arguments.arena,
            macs=arguments.macs,
            latency=arguments.latency,
            max_accuracy_drop=arguments.max_accuracy_drop,
            target=arguments.target,
            epochs=arguments.epochs,
            study=arguments.study,
            recipe=arguments.recipe,
            workers=int(workers) if workers is not None and workers.isdigit() else workers,
            seed=arguments.seed,
        )
    found.best.tflite.save(arguments.output)
    if arguments.report is not None:
        found.save(arguments.report)
    if arguments.save_recipe is not None:
        found.save_recipe(Path(arguments.save_recipe))
    return found


@contextmanager
def _ctrl_c_ends_the_search() -> Iterator[None]:
    """Keep Ctrl-C from ending the process soon after: the search makes a result of what there is."""
    before = signal.getsignal(signal.SIGINT)
    if before in (signal.SIG_IGN, None) or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _labelled(path: str, option: str, model: Any) -> tuple[Any, Any]:
    """Return inputs and labels of a file.

    Raises:
        DataError: the file has no labels.
    """
    from tfcompress.data import data_files
    from tfcompress.errors import DataError
    from tfcompress.keras_compat import model_io

    data_files.require_readable(path)
    x, y = data_files.read(path, [spec.name for spec in model_io.inputs(model)], [])
    if y is None:
        raise DataError(
            f"{option} must hold labels under y.",
            received=f"{path} without",
            hint="Save it with np.savez(path, x=…, y=…).",
        )
    return x, y


COMMAND = Command(
    name="compress",
    purpose="find the best .tflite file under what a device has; exit 1 if none keeps every limit",
    example="tfcompress compress model.keras --train train.npz --validation val.npz --flash 64k -o best.tflite",
    add=add,
    run=run,
    details="What fits is measured first, without training; short trainings choose among it, and the best train to "
    "the end, with the model as teacher. Needs pip install 'tfcompress[search]'.",
)
