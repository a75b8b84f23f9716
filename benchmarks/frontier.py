"""Accuracy against bytes, MACs and latency for every way to make a model smaller, by tfcompress and by other tools.

    python -m benchmarks.frontier [DATA MODEL] [--only TEXT …] [--again] [--seeds 3]

Without DATA and MODEL it trains the digits network of the examples. All tools get the same model, data, epochs,
learning rates and schedule; narrowed models, which no other tool makes, see pictures shifted less. A way that has a row
is left out unless `--again` is given; a tool that fails has a row
that says so. A way that trains runs once for each seed; figures are means, the spread half the range.
Latency is a ratio to the float file, both run by turns with one thread on this machine.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import ours, peers
from benchmarks.record import Record
from benchmarks.tasks import Task, cifar, digits_task
from tfcompress import Runner, TFLiteModel, inspect

ROUNDS = 6


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


def measure(task: Task, made: TFLiteModel | bytes, base: TFLiteModel) -> dict[str, float | int]:
    """Return the figures of one file."""
    tflite = made if isinstance(made, TFLiteModel) else TFLiteModel(made)
    x, y = task.test
    predicted = Runner(tflite).predict(x.astype("float32"))
    found = inspect(tflite)
    return {
        "test_accuracy": 100 * float((predicted.argmax(1) == y).mean()),
        "flash_bytes": tflite.size,
        "deflated_bytes": tflite.deflated_size,
        "MACs": found.macs,
        "latency_ratio": latency_ratio(tflite, base),
    }


def measured(task: Task, make: Callable[[Task], TFLiteModel | bytes], base: TFLiteModel, seeds: int) -> dict[str, Any]:
    """Return the mean figures of a way that trains with several seeds, or those of one that does not train."""
    found = []
    for task.seed in range(seeds):
        before = task.fits
        found.append(measure(task, make(task), base))
        if task.fits == before:
            break
    accuracies = [each["test_accuracy"] for each in found]
    means = {key: type(value)(statistics.mean(each[key] for each in found)) for key, value in found[0].items()}
    spread = (max(accuracies) - min(accuracies)) / 2 if len(found) > 1 else None
    return {"test_accuracy": means.pop("test_accuracy"), "accuracy_spread": spread, "seeds": len(found), **means}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the names of ways")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error("--seeds must be at least 1")
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        task = cifar(arguments.data, arguments.model) if arguments.model else digits_task(Path(folder))
        record = Record("frontier", "model", "tool", "way")
        done = {(row["model"], row["tool"], row["way"]) for row in record.rows}
        base = ours.floating(task)
        for (tool, way), make in {**ours.WAYS, **peers.WAYS}.items():
            asked = any(part in f"{tool}: {way}" for part in arguments.only)
            if not asked or ((task.name, tool, way) in done and not arguments.again):
                continue
            try:
                figures = measured(task, make, base, arguments.seeds)
            except Exception as error:  # another tool may fail in any way: that is its row
                figures = {"failed": f"{type(error).__name__}: {str(error).splitlines()[0][:100]}"}
            record.add(model=task.name, tool=tool, way=way, **figures)


if __name__ == "__main__":
    main()
