"""Quantization-aware training on CIFAR-10 stored as JPEG: accuracy, agreement with the .tflite, cost of a step.

    python -m benchmarks.qat_resnet8 DATA MODEL [--runs labels taught distill pruned cost]

DATA is the folder of `benchmarks.cifar10`, MODEL a trained .keras file for it. "labels": three epochs with labels.
"taught": the same with the float model as teacher. "distill": 300 steps on 1,000 images without labels, the float model
as teacher. "pruned": 80 % zeros in six epochs, then three epochs in which they are kept. "cost": steps of the float and
the quantization-aware model by turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from benchmarks.cifar10 import augmented
from benchmarks.peers import schedule_of
from benchmarks.record import Record
from benchmarks.tasks import Task, cifar
from tfcompress import MagnitudePruning, Runner, convert, quantize_aware, sparsity

UNLABELLED, DISTILL_STEPS = 1000, 300


def labels(task: Task, distill: bool = False) -> keras.Model:
    """Three epochs with labels."""
    qat_model = quantize_aware(task.model(), samples=task.samples, distill=distill)
    task.fit(keras, qat_model, "quantize")
    return qat_model


def taught(task: Task) -> keras.Model:
    """Three epochs with labels and the float model as teacher."""
    return labels(task, distill=True)


def distill(task: Task) -> keras.Model:
    """1,000 images without labels, and a teacher."""
    x = task.train[0][:UNLABELLED]
    qat_model = quantize_aware(task.model(), samples=x.astype("float32"), distill=True)
    rate = keras.optimizers.schedules.CosineDecay(1e-4, DISTILL_STEPS)
    qat_model.compile(keras.optimizers.Adam(rate))
    data = augmented(x, np.zeros(len(x), "uint8"), seed=0).map(lambda images, _: images)
    qat_model.fit(data, epochs=1, steps_per_epoch=DISTILL_STEPS, verbose=0)
    return qat_model


def pruned(task: Task) -> keras.Model:
    """80 % zeros, then three epochs in which they are kept."""
    model = task.model()
    task.fit(keras, model, "prune", [MagnitudePruning(schedule_of(task, 0.8))])
    print("pruned, float:", 100 * float((predict(model, task.test[0]).argmax(1) == task.test[1]).mean()), flush=True)
    qat_model = quantize_aware(model, samples=task.samples)
    task.fit(keras, qat_model, "quantize", [MagnitudePruning(0.8)])
    return qat_model


def predict(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Return the outputs of a Keras model."""
    return model.predict(x.astype("float32"), batch_size=500, verbose=0)


def cost(task: Task, turns: int = 60) -> dict[str, Any]:
    """Return the paired ratio of a training step to a float step."""
    x, y = task.train[0][:128].astype("float32"), task.train[1][:128]
    models = {"float": task.model(), "trained quantized": quantize_aware(task.model(), samples=x)}
    times: dict[str, list[float]] = {name: [] for name in models}
    for model in models.values():
        model.compile("adam", "sparse_categorical_crossentropy")
        for _ in range(3):
            model.train_on_batch(x, y)
    for _ in range(turns):
        for name, model in models.items():
            start = time.perf_counter()
            model.train_on_batch(x, y)
            times[name].append(time.perf_counter() - start)
    plain, quantized = times.values()
    ratio = statistics.median(b / a for a, b in zip(plain, quantized, strict=True))
    return {"ms_a_step": 1000 * statistics.median(quantized), "ratio_to_float": ratio, "turns": turns}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--runs", nargs="+", default=["labels", "taught", "distill", "pruned", "cost"])
    arguments = parser.parse_args()
    task = cifar(arguments.data, arguments.model)
    record, costs = Record("qat_resnet8", "run"), Record("qat_cost", "model", module="qat_resnet8")
    x, y = task.test
    for name in arguments.runs:
        if name == "cost":
            costs.add(model=task.name, **cost(task))
            continue
        qat_model = {"labels": labels, "taught": taught, "distill": distill, "pruned": pruned}[name](task)
        tflite = convert(qat_model)
        ours, device = predict(qat_model, x), Runner(tflite, runtime="reference").predict(x.astype("float32"))
        record.add(
            run=name,
            accuracy_in_Keras=100 * float((ours.argmax(1) == y).mean()),
            accuracy_as_tflite=100 * float((device.argmax(1) == y).mean()),
            same_class=100 * float((ours.argmax(1) == device.argmax(1)).mean()),
            within_one_step=100 * float((np.abs(ours - device) <= 1.01 * tflite.outputs[0].scale).mean()),
            zeros=100 * sparsity(qat_model).total,
            flash_bytes=tflite.size,
            deflated_bytes=tflite.deflated_size,
        )


if __name__ == "__main__":
    main()
