"""Accuracy against zeros on CIFAR-10 stored as JPEG: TF-MOT's wrappers beside MagnitudePruning, same schedule.

Run: python -m benchmarks.pruning_accuracy DATA MODEL [--runs dense tfmot uniform global] [--seeds 0 1]
[--sparsities 0.8]. DATA is the folder of `benchmarks.cifar10`, MODEL a trained .keras file for it. Six epochs of 390
steps: batch 128, Adam with a cosine decay from 1e-3 to 0, random flip, pad 4 and crop;
PolynomialDecay(0, 0.8, 0, 1560, frequency=50). "dense" is the same training without pruning.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tf_keras

from benchmarks.cifar10 import STEPS, augmented, images
from benchmarks.record import Record
from benchmarks.twin import twin
from tfcompress import MagnitudePruning, PolynomialDecay, sparsity, tfmot

EPOCHS = 6


def run(name, path, target, seed, train, test):
    """Train one model; return it with its accuracy on the first 10,000 training images and on the test images."""
    k = tf_keras if name == "tfmot" else keras
    model = keras.models.load_model(path, compile=False)
    schedule = PolynomialDecay(0.0, target, 0, 1560, frequency=50)
    if name == "tfmot":
        model, callbacks = tfmot.prune(twin(model), schedule), tfmot.callbacks()
    else:
        callbacks = [] if name == "dense" else [MagnitudePruning(schedule, allocation=name)]
    k.utils.set_random_seed(seed)
    rate = k.optimizers.schedules.CosineDecay(1e-3, STEPS * EPOCHS)
    model.compile(k.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    data = augmented(*train, seed)
    model.fit(data, steps_per_epoch=STEPS, epochs=EPOCHS, verbose=0, callbacks=callbacks)
    if name == "tfmot":
        model = tfmot.strip(model)
        model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, *(
        model.evaluate(x.astype("float32"), y, 500, verbose=0)[1]
        for x, y in ((train[0][:10_000], train[1][:10_000]), test)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--runs", nargs="+", default=["tfmot", "uniform", "global"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--sparsities", nargs="+", type=float, default=[0.8])
    arguments = parser.parse_args()
    record = Record("pruning_accuracy", "run", "target", "seed")
    train, test = (images(arguments.data, part) for part in ("train", "test"))
    for target in arguments.sparsities:
        for seed in arguments.seeds:
            for name in arguments.runs:
                start = time.perf_counter()
                model, seen, unseen = run(name, arguments.model, target, seed, train, test)
                record.add(
                    run=name,
                    target=0.0 if name == "dense" else target,
                    seed=seed,
                    zeros=sparsity(model).total,
                    training_accuracy=100 * seen,
                    test_accuracy=100 * unseen,
                    seconds=round(time.perf_counter() - start),
                )


if __name__ == "__main__":
    main()
