"""Accuracy against zeros on CIFAR-10 stored as JPEG: TF-MOT's wrappers beside MagnitudePruning, same schedule.

Run: python -m benchmarks.pruning_accuracy DATA MODEL [--runs dense tfmot uniform global taught] [--seeds 0 1]
[--sparsities 0.8] [--epochs 6] [--part test]. DATA is the folder of `benchmarks.cifar10`, MODEL a trained .keras file
for it. Epochs of 390 steps: batch 128, Adam with a cosine decay from 1e-3 to 0, random flip, pad 4 and crop;
PolynomialDecay(0, 0.8, 0, 1560, frequency=50) for six of them. "dense" is the same training without pruning. "taught"
is what the library offers: the float model as teacher at a temperature of 3, without labels, a float as the schedule,
a rate of 1e-2 and shifts of 2 pixels. `--part validation` trains on 45,000 images and looks at 5,000, to choose on.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tf_keras

from benchmarks.cifar10 import BATCH, VALIDATION, augmented, images
from benchmarks.record import Record
from benchmarks.tasks import parted
from benchmarks.twin import twin
from tfcompress import MagnitudePruning, PolynomialDecay, Runner, convert, distill, sparsity, tfmot


def run(name, path, target, seed, epochs, train, test):
    """Train one model; return it with its accuracy on the first 10,000 training images and on the test images."""
    k, taught = tf_keras if name == "tfmot" else keras, name == "taught"
    model = keras.models.load_model(path, compile=False)
    steps = len(train[0]) // BATCH
    schedule = PolynomialDecay(0.0, target, 0, steps * epochs * 2 // 3, frequency=50)
    if name == "tfmot":
        model, callbacks = tfmot.prune(twin(model), schedule), tfmot.callbacks()
    elif taught:
        callbacks = [MagnitudePruning(target)]
    else:
        callbacks = [] if name == "dense" else [MagnitudePruning(schedule, allocation=name)]
    k.utils.set_random_seed(seed)
    rate = k.optimizers.schedules.CosineDecay(1e-2 if taught else 1e-3, steps * epochs)
    fitted = distill(model, model, temperature=3) if taught else model
    fitted.compile(k.optimizers.Adam(rate), None if taught else "sparse_categorical_crossentropy")
    data = augmented(*train, seed, shift=2 if taught else 4)
    if taught:
        data = data.map(lambda x, _: x)
    fitted.fit(data, steps_per_epoch=steps, epochs=epochs, verbose=0, callbacks=callbacks)
    if name == "tfmot":
        model = tfmot.strip(model)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, *(
        model.evaluate(x.astype("float32"), y, 500, verbose=0)[1]
        for x, y in ((train[0][:10_000], train[1][:10_000]), test)
    )


def int8_accuracy(model, train, test):
    """Return the accuracy of the int8 file, calibrated with 500 training images."""
    samples = train[0][np.random.default_rng(0).permutation(len(train[0]))[:500]].astype("float32")
    outputs = Runner(convert(model, samples=samples)).predict(test[0].astype("float32"))
    return float((outputs.argmax(-1) == test[1]).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--runs", nargs="+", default=["tfmot", "uniform", "global"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--sparsities", nargs="+", type=float, default=[0.8])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--part", choices=["validation", "test"], default="test")
    arguments = parser.parse_args()
    record = Record("pruning_accuracy", "run", "target", "seed", "epochs")
    train, test = (images(arguments.data, part) for part in ("train", "test"))
    if arguments.part == "validation":
        train, test = parted(train, VALIDATION)
    for target in arguments.sparsities:
        for seed in arguments.seeds:
            for name in arguments.runs:
                start = time.perf_counter()
                model, seen, unseen = run(name, arguments.model, target, seed, arguments.epochs, train, test)
                row = {"run": name, "target": 0.0 if name == "dense" else target, "seed": seed}
                row |= {"epochs": arguments.epochs, "zeros": sparsity(model).total}
                row |= {"training_accuracy": 100 * seen, f"{arguments.part}_accuracy": 100 * unseen}
                if name == "taught":
                    row["int8_accuracy"] = 100 * int8_accuracy(model, train, test)
                if arguments.part == "validation":
                    print(row, flush=True)
                else:
                    record.add(**row, seconds=round(time.perf_counter() - start))


if __name__ == "__main__":
    main()
