"""Weights of four bits on CIFAR-10 stored as JPEG: rounded, recovered from images without labels, and trained.

    python -m benchmarks.int4_resnet8 DATA MODEL [--runs rounded recovered trained] [--seeds 0 1 2] [--keep FOLDER]

DATA is the folder of `benchmarks.cifar10`, MODEL a trained .keras file for it. "rounded": calibrated on 500 training
images. "recovered": rounding learned on 1,000 training images. "trained": six epochs with labels and the float model as
teacher. The seed chooses images and orders. int8 files stand beside those with weights of four bits. With --keep files
are kept in a folder and taken from there, so that seeds can be trained one by one.
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
from tfcompress import Runner, TFLiteModel, convert, load, quantize_aware

EPOCHS, RATE = 6, 3e-4
SAMPLES = {"rounded": 500, "recovered": 1000}


def kept(folder: Path | None, task: Task, run: str, scheme: str, seed: int) -> TFLiteModel:
    """Return the file of a run, from the folder where it is there."""
    path = None if folder is None else folder / f"{run}_{scheme}_{seed}.tflite"
    if path is not None and path.exists():
        return load(path)
    tflite = made(task, run, scheme, seed)
    if path is not None:
        path.parent.mkdir(exist_ok=True)
        tflite.save(path)
    return tflite


def made(task: Task, run: str, scheme: str, seed: int) -> TFLiteModel:
    """Return the file of a run."""
    model, task.seed = task.model(), seed
    if run != "trained":
        drawn = np.random.default_rng(seed).choice(len(task.train[0]), SAMPLES[run], replace=False)
        return convert(model, scheme, samples=task.train[0][drawn].astype("float32"), recover=run == "recovered")
    task.epochs["quantize"], task.rates["quantize"] = EPOCHS, RATE
    qat_model = quantize_aware(model, scheme, samples=task.samples, distill=True)
    task.fit(keras, qat_model, "quantize")
    return convert(qat_model)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--runs", nargs="+", default=["rounded", "recovered", "trained"])
    parser.add_argument("--schemes", nargs="+", default=["int8", "int8x4"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    task, record = cifar(arguments.data, arguments.model), Record("int4_resnet8", "scheme", "run")
    x, y = task.test[0].astype("float32"), task.test[1]
    floats = task.model().predict(x, batch_size=500, verbose=0).argmax(1)
    for run in arguments.runs:
        for scheme in arguments.schemes:
            files = [kept(arguments.keep, task, run, scheme, seed) for seed in arguments.seeds]
            classes = [Runner(each, runtime="reference").predict(x).argmax(1) for each in files]
            accuracies = [100 * float((each == y).mean()) for each in classes]
            record.add(
                scheme=scheme,
                run=run,
                seeds=len(files),
                accuracy=float(np.mean(accuracies)),
                spread=float(np.std(accuracies, ddof=1)) if len(files) > 1 else 0.0,
                float_accuracy=100 * float((floats == y).mean()),
                same_class_as_float=100 * float(np.mean([(each == floats).mean() for each in classes])),
                flash_bytes=max(each.size for each in files),
            )


if __name__ == "__main__":
    main()
