"""Accuracy against bytes, MACs and latency for every way to make a model smaller, by tfcompress and by other tools.

    python -m benchmarks.frontier digits
    python -m benchmarks.frontier audio fsdd_8khz.npz
    python -m benchmarks.frontier sensor_cnn | sensor_lstm
    python -m benchmarks.frontier cifar10 DATA MODEL
    options: [--only TEXT …] [--again] [--seeds 3] [--part validation] [--keep FOLDER]

The tasks are those of `benchmarks.tasks`. All tools get the same model, data, epochs, learning rates and schedule;
narrowed models, which no other tool makes, and weights of four bits have epochs and rates of their own. A way that
has a row is left out unless `--again` is given; a tool that fails has a row that says so. A way that trains runs once
for each seed; figures are means, the spread half the range. `--part validation` looks at the data that choices are
made on, and records nothing. With `--keep` files are kept in a folder and taken from there, so that a long run goes on
where it ended. Latency is a ratio to the float file, both run by turns with one thread on this machine.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import answers, ours, peers
from benchmarks.record import Record, line
from benchmarks.tasks import TASKS, Task
from tfcompress import Runner, TFLiteModel, inspect

ROUNDS = 6
WEIGHTS = ("int4", "int8", "float32", "float16")
"""Types of constants that are weights; biases of float files are among them."""


def latency_ratio(tflite: TFLiteModel, base: TFLiteModel, turns: int = 5) -> float:
    """Return the median of paired ratios of one-thread invokes; with new interpreters, as memory lies by chance."""
    medians = []
    for _ in range(ROUNDS):
        runs = [_interpreter(each) for each in (tflite, base)]
        ratios = []
        for _ in range(turns):
            seconds = []
            for interpreter in runs:
                start = time.perf_counter()
                for _ in range(5):
                    interpreter.invoke()
                seconds.append(time.perf_counter() - start)
            ratios.append(seconds[0] / seconds[1])
        medians.append(statistics.median(ratios))
    return statistics.median(medians)


def _interpreter(tflite: TFLiteModel) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=tflite.content, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.invoke()
    return interpreter


def measure(task: Task, made: TFLiteModel | bytes, base: TFLiteModel) -> tuple[dict[str, float | int], np.ndarray]:
    """Return the figures of one file, and which of the inputs it gets right."""
    tflite = made if isinstance(made, TFLiteModel) else TFLiteModel(made)
    x, y = task.test
    right = Runner(tflite).predict(x.astype("float32")).argmax(1) == y
    found = inspect(tflite)
    figures = {
        "test_accuracy": 100 * float(right.mean()),
        "weight_bytes": sum(found.bytes_by_type.get(dtype, 0) for dtype in WEIGHTS),
        "flash_bytes": tflite.size,
        "deflated_bytes": tflite.deflated_size,
        "MACs": found.macs,
        "latency_ratio": latency_ratio(tflite, base),
    }
    return figures, right


def measured(
    task: Task, make: Callable[[Task], TFLiteModel | bytes], base: TFLiteModel, seeds: int, kept: Path | None = None
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return the mean figures of a way that trains with several seeds, or those of one that does not; the answers.

    Args:
        task: What is measured.
        make: The way.
        base: The float file.
        seeds: How many seeds.
        kept: How the names of files begin that are kept, if they are.
    """
    found, right, epochs = [], [], 0
    for task.seed in range(seeds):
        tflite, epochs = _made(task, make, kept)
        figures, answered = measure(task, tflite, base)
        found, right = [*found, figures], [*right, answered]
        if not epochs:
            break
    accuracies = [each["test_accuracy"] for each in found]
    means = {key: type(value)(statistics.mean(each[key] for each in found)) for key, value in found[0].items()}
    spread = (max(accuracies) - min(accuracies)) / 2 if len(found) > 1 else None
    first = {"test_accuracy": means.pop("test_accuracy"), "accuracy_spread": spread}
    return {**first, "seeds": len(found), "epochs": epochs, **means}, right


def _made(
    task: Task, make: Callable[[Task], TFLiteModel | bytes], kept: Path | None
) -> tuple[TFLiteModel | bytes, int]:
    """Return the file of a way with the seed of now, and how many epochs it took."""
    if kept is not None:
        for path in kept.parent.glob(f"{kept.name}_seed{task.seed}_epochs*.tflite"):
            return path.read_bytes(), int(path.stem.split("_epochs")[1])
    before = task.epochs_run
    tflite = make(task)
    epochs = task.epochs_run - before
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        content = tflite.content if isinstance(tflite, TFLiteModel) else tflite
        kept.with_name(f"{kept.name}_seed{task.seed}_epochs{epochs}.tflite").write_bytes(content)
    return tflite, epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=[*TASKS])
    parser.add_argument("paths", type=Path, nargs="*")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the names of ways")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--keep", type=Path, help="folder of files to go on with")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error("--seeds must be at least 1")
    warnings.simplefilter("ignore")
    task = TASKS[arguments.task](*arguments.paths, part=arguments.part)
    record = Record("frontier", "model", "tool", "way")
    done = {(row["model"], row["tool"], row["way"]) for row in record.rows}
    base = ours.floating(task)
    for (tool, way), make in {**ours.WAYS, **peers.WAYS}.items():
        asked = any(part in f"{tool}: {way}" for part in arguments.only)
        known = (task.name, tool, way) in done and not arguments.again and arguments.part == "test"
        if not asked or known:
            continue
        try:
            kept = arguments.keep and arguments.keep / re.sub(r"\W+", "_", f"{task.name} {tool} {way}")
            figures, right = measured(task, make, base, arguments.seeds, kept)
        except FileNotFoundError as error:  # it is not installed, which is no fault of it
            print(f"{tool} is left out: {error}", flush=True)
            continue
        except Exception as error:  # another tool may fail in any way: that is its row
            told = (str(error).splitlines() or [""])[0]
            figures, right = {"failed": f"{type(error).__name__}: {told[:100]}"}, []
        if arguments.part == "validation":
            print(line([task.name, tool, way, *figures.values()]), flush=True)
            continue
        record.add(model=task.name, tool=tool, way=way, **figures)
        if right:
            answers.keep(task.name, tool, way, right)


if __name__ == "__main__":
    main()
