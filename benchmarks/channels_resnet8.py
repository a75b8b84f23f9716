"""Half the MACs of ResNet-8 on CIFAR-10 stored as JPEG: accuracy after fine-tuning, then as int8.

    python -m benchmarks.channels_resnet8 DATA MODEL [--runs labels teacher] [--importance l2] [--exclude "add*"]

DATA is the folder of `benchmarks.cifar10`, MODEL a trained .keras file for it. "labels": ten epochs with labels.
"teacher": ten epochs with the float model's outputs in their place. What `--exclude` names keeps its
channels: by default the sums of the residual blocks. Latency is a paired ratio to the int8 file of the
unpruned model, one thread.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from benchmarks.cifar10 import augmented
from benchmarks.frontier import latency_ratio
from benchmarks.record import Record
from benchmarks.tasks import Task, cifar
from tfcompress import Runner, convert, inspect, prune_channels


def compiled(model: Any) -> Any:
    """Give a model the loss that "taylor" asks."""
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def teach(task: Task, model: Any) -> None:
    """Fine-tune like `Task.fit`, the float model's outputs as labels."""
    teacher, kind = task.model(), "channels"
    rate = keras.optimizers.schedules.CosineDecay(task.rates[kind], task.steps(kind))
    model.compile(keras.optimizers.Adam(rate), "kl_divergence")
    data = augmented(*task.train, seed=0).map(lambda x, _: (x, teacher(x, training=False)))
    model.fit(data, epochs=task.epochs[kind], steps_per_epoch=task.steps(kind) // task.epochs[kind], verbose=0)


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
    parser.add_argument("--exclude", nargs="*", default=["add*"])
    arguments = parser.parse_args()
    task = cifar(arguments.data, arguments.model)
    record, (x, y) = Record("channels_resnet8", "run", "importance", "macs_wanted", "excluded"), task.test
    x = x.astype("float32")
    base = convert(task.model(), samples=task.samples)
    for kind in arguments.importance:
        samples = (task.samples, task.train[1][:500]) if kind == "taylor" else None
        for run in arguments.runs:
            keras.utils.set_random_seed(0)
            settings = {"macs": arguments.macs, "importance": kind, "samples": samples}
            model = prune_channels(compiled(task.model()), **settings, exclude=arguments.exclude)
            print(model.channels, flush=True)
            before = accuracy(model.predict(x, batch_size=500, verbose=0), y)
            task.fit(keras, model, "channels") if run == "labels" else teach(task, model)
            tflite = convert(model, samples=task.samples)
            record.add(
                run=run,
                importance=kind,
                macs_wanted=arguments.macs,
                excluded=" ".join(arguments.exclude),
                macs_left=model.channels.macs_share,
                accuracy_unpruned=accuracy(task.model().predict(x, batch_size=500, verbose=0), y),
                accuracy_before_tuning=before,
                accuracy_float=accuracy(model.predict(x, batch_size=500, verbose=0), y),
                accuracy_int8=accuracy(Runner(tflite).predict(x), y),
                flash_bytes=tflite.size,
                flash_bytes_unpruned=base.size,
                MACs=inspect(tflite).macs,
                MACs_unpruned=inspect(base).macs,
                latency_ratio_int8=latency_ratio(tflite, base, x[:1]),
            )


if __name__ == "__main__":
    main()
