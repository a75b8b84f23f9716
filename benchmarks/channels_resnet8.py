"""Half the MACs of ResNet-8 on CIFAR-10 stored as JPEG: accuracy after fine-tuning, then as int8.

    python -m benchmarks.channels_resnet8 DATA MODEL [--runs labels teacher] [--importance l2] [--exclude …]

DATA is the folder of `benchmarks.cifar10`, MODEL a trained .keras file for it. "labels": ten epochs with labels.
"teacher": ten epochs with the float model's outputs in their place, softened. What `--exclude` names keeps its
channels. Widths stay multiples of 4, and the first layer loses channels too. Latency is a paired ratio to the int8 file
of the unpruned model, one thread.
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
from benchmarks.tasks import cifar
from tfcompress import Runner, convert, inspect, prune_channels


def compiled(model: Any) -> Any:
    """Give a model the loss that "taylor" asks."""
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def accuracy(outputs: np.ndarray, y: np.ndarray) -> float:
    """Return the share of right answers in percent."""
    return 100 * float((outputs.argmax(1) == y).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--runs", nargs="+", default=["labels", "teacher"], choices=["labels", "teacher"])
    parser.add_argument("--importance", nargs="+", default=["l2"], choices=["l1", "l2", "batch_norm", "taylor"])
    parser.add_argument("--macs", type=float, default=0.5)
    parser.add_argument("--exclude", nargs="*", default=[])
    arguments = parser.parse_args()
    task = cifar(arguments.data, arguments.model)
    record, (x, y) = Record("channels_resnet8", "run", "importance", "macs_wanted", "excluded"), task.test
    x = x.astype("float32")
    base = convert(task.model(), samples=task.samples)
    for kind in arguments.importance:
        samples = (task.samples, task.train[1][:500]) if kind == "taylor" else None
        for run in arguments.runs:
            keras.utils.set_random_seed(0)
            settings = {
                "round_to": 4,
                "keep_first": False,
                "macs": arguments.macs,
                "importance": kind,
                "samples": samples,
            }
            model = prune_channels(compiled(task.model()), **settings, exclude=arguments.exclude or None)
            print(model.channels, flush=True)
            before = accuracy(model.predict(x, batch_size=500, verbose=0), y)
            task.fit(keras, model, "channels", teacher=task.model() if run == "teacher" else None)
            tflite = convert(model, samples=task.samples)
            record.add(
                run=run,
                importance=kind,
                macs_wanted=arguments.macs,
                excluded=" ".join(arguments.exclude) or "–",
                macs_left=model.channels.macs_share,
                accuracy_unpruned=accuracy(task.model().predict(x, batch_size=500, verbose=0), y),
                accuracy_before_tuning=before,
                accuracy_float=accuracy(model.predict(x, batch_size=500, verbose=0), y),
                accuracy_int8=accuracy(Runner(tflite).predict(x), y),
                flash_bytes=tflite.size,
                flash_bytes_unpruned=base.size,
                MACs=inspect(tflite).macs,
                MACs_unpruned=inspect(base).macs,
                latency_ratio_int8=latency_ratio(tflite, base, turns=40),
            )


if __name__ == "__main__":
    main()
