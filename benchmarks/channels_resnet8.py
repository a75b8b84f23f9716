"""Half the MACs or time of ResNet-8 on CIFAR-10 stored as JPEG: accuracy after fine-tuning, and as int8.

    python -m benchmarks.channels_resnet8 DATA MODEL [--runs labels teacher] [--macs 0.5 | --latency 0.7]
        [--importance l2] [--exclude …] [--seeds 0 1 2] [--part validation]

DATA is the folder of `benchmarks.cifar10`, MODEL a trained .keras file for it. "labels": ten epochs with labels.
"teacher": ten epochs with the float model's outputs in their place, softened. The seed chooses orders, flips and
shifts. What `--exclude` names keeps its channels. Widths stay multiples of 4, and the first layer loses channels too.
Latency is a paired ratio to the int8 file of the unpruned model, one thread.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from benchmarks.frontier import latency_ratio
from benchmarks.record import Record
from benchmarks.tasks import Task, cifar
from tfcompress import Runner, TFLiteModel, convert, inspect, prune_channels


def compiled(model: Any) -> Any:
    """Give a model the loss that "taylor" asks."""
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def accuracy(outputs: np.ndarray, y: np.ndarray) -> float:
    """Return the share of right answers in percent."""
    return 100 * float((outputs.argmax(1) == y).mean())


def measured(
    task: Task, base: TFLiteModel, run: str, settings: dict[str, Any], seeds: list[int], epochs: int
) -> dict[str, Any]:
    """Prune once, fine-tune with each seed; return the means."""
    x, y = task.test[0].astype("float32"), task.test[1]
    smaller = prune_channels(compiled(task.model()), round_to=4, keep_first=False, **settings)
    print(smaller.channels, flush=True)
    untuned, weights = accuracy(smaller.predict(x, batch_size=500, verbose=0), y), smaller.get_weights()
    floats, integers, task.epochs["channels"] = [], [], epochs
    for task.seed in seeds:
        smaller.set_weights(weights)
        task.fit(keras, smaller, "channels", teacher=task.model() if run == "teacher" else None)
        tflite = convert(smaller, samples=task.samples)
        floats.append(accuracy(smaller.predict(x, batch_size=500, verbose=0), y))
        integers.append(accuracy(Runner(tflite).predict(x), y))
    return {
        "seeds": len(seeds),
        "epochs": epochs,
        "MACs_left": smaller.channels.macs_share,
        "accuracy_unpruned": accuracy(task.model().predict(x, batch_size=500, verbose=0), y),
        "accuracy_before_tuning": untuned,
        "accuracy_float": float(np.mean(floats)),
        "accuracy_int8": float(np.mean(integers)),
        "spread": float(np.std(integers, ddof=1)) if len(seeds) > 1 else 0.0,
        "flash_bytes": tflite.size,
        "flash_bytes_unpruned": base.size,
        "MACs": inspect(tflite).macs,
        "MACs_unpruned": inspect(base).macs,
        "latency_ratio_int8": latency_ratio(tflite, base, turns=40),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--runs", nargs="+", default=["labels", "teacher"], choices=["labels", "teacher"])
    parser.add_argument("--importance", nargs="+", default=["l2"], choices=["l1", "l2", "batch_norm", "taylor"])
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--macs", type=float)
    budget.add_argument("--latency", type=float)
    parser.add_argument("--exclude", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    arguments = parser.parse_args()
    task = cifar(arguments.data, arguments.model, arguments.part)
    record = Record("channels_resnet8", "run", "importance", "budget", "excluded", "epochs")
    base = convert(task.model(), samples=task.samples)
    unit = "macs" if arguments.latency is None else "latency"
    share = arguments.latency or arguments.macs or 0.5
    labelled = task.samples, task.train[1][np.random.default_rng(0).permutation(len(task.train[1]))[:500]]
    for kind in arguments.importance:
        settings: dict[str, Any] = {unit: share, "importance": kind, "exclude": arguments.exclude or None}
        settings["samples"] = labelled if kind == "taylor" else None
        for run in arguments.runs:
            found = measured(task, base, run, settings, arguments.seeds, arguments.epochs)
            excluded = " ".join(arguments.exclude) or "–"
            row = {"run": run, "importance": kind, "budget": f"{unit}={share}", "excluded": excluded}
            if arguments.part == "test":
                record.add(**row, **found)
            else:
                print(row, found, flush=True)


if __name__ == "__main__":
    main()
