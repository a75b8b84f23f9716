"""Kernels of 16 values on CIFAR-10 stored as JPEG: clustered and calibrated, and clustered while it trains in int8.

    python -m benchmarks.clustered_resnet8 DATA MODEL [--runs calibrated trained] [--seeds 0 1 2] [--part validation]

DATA is the folder of `benchmarks.cifar10`, MODEL a trained .keras file for it. "calibrated": clustered in float, then
calibrated on 500 training images. "trained": clustered on int8 grids, with labels and the float model as teacher. The
seed chooses orders, flips and shifts. Bytes are those of the file, and of the file that `tfcompress.pack` makes of it.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from benchmarks.record import Record
from benchmarks.tasks import Task, cifar
from tfcompress import Runner, TFLiteModel, WeightClustering, convert, pack, quantize_aware

CLUSTERS, EPOCHS, RATE = 16, 5, 3e-4


def made(task: Task, run: str, seed: int) -> TFLiteModel:
    """Return the file of a run."""
    model, task.seed = task.model(), seed
    task.epochs["quantize"], task.rates["quantize"] = EPOCHS, RATE
    if run == "trained":
        model = quantize_aware(model, samples=task.samples, distill=True)
    task.fit(keras, model, "quantize", [WeightClustering(CLUSTERS)])
    return convert(model) if run == "trained" else convert(model, samples=task.samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--runs", nargs="+", default=["calibrated", "trained"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    arguments = parser.parse_args()
    task, record = cifar(arguments.data, arguments.model, arguments.part), Record("clustered_resnet8", "run")
    x, y = task.test[0].astype("float32"), task.test[1]
    for run in arguments.runs:
        files = [made(task, run, seed) for seed in arguments.seeds]
        accuracies = [
            100 * float((Runner(each, runtime="reference").predict(x).argmax(1) == y).mean()) for each in files
        ]
        figures = {
            "seeds": len(files),
            "epochs": EPOCHS,
            "accuracy": float(np.mean(accuracies)),
            "spread": float(np.std(accuracies, ddof=1)) if len(files) > 1 else 0.0,
            "flash_bytes": max(each.size for each in files),
            "packed_bytes": max(pack(each).size for each in files),
        }
        if arguments.part == "test":
            record.add(run=run, **figures)
        else:
            print(run, figures)


if __name__ == "__main__":
    main()
