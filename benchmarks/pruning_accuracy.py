"""Accuracy at 80 % zeros on CIFAR-10 stored as JPEG: TF-MOT's wrappers beside MagnitudePruning, same schedule.

Run: python -m benchmarks.pruning_accuracy DATA MODEL [--runs dense tfmot uniform global] [--seeds 0 1]
[--sparsities 0.8] [--output results.json]; rows are added to those that the file holds. DATA is a folder with
cifar10_jpeg_train.npz and cifar10_jpeg_test.npz (`jpeg`, `offsets`, `labels`), MODEL a trained .keras file for them.
Six epochs of 390 steps: batch 128, Adam with a cosine decay from 1e-3 to 0, random flip, pad 4 and crop;
PolynomialDecay(0, 0.8, 0, 1560, frequency=50).
"""

import argparse
import json
import os
import time
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from benchmarks.pruning_step import twin
from tfcompress import MagnitudePruning, PolynomialDecay, sparsity, tfmot

BATCH, STEPS, EPOCHS = 128, 390, 6


def load(path):
    """Return the images and labels of one file."""
    file = np.load(path)
    jpeg, offsets = file["jpeg"], file["offsets"]
    images = [tf.io.decode_jpeg(jpeg[a:b].tobytes()).numpy() for a, b in pairwise(offsets)]
    return np.stack(images), file["labels"]


def batches(x, y, seed):
    """Yield shuffled, flipped and cropped batches without end."""
    rng = np.random.default_rng(seed)
    padded = np.pad(x, [(0, 0), (4, 4), (4, 4), (0, 0)])
    while True:
        order = rng.permutation(len(x))
        for chosen in order[: STEPS * BATCH].reshape(STEPS, BATCH):
            rows = rng.integers(0, 9, (BATCH, 1)) + np.arange(32)
            columns = rng.integers(0, 9, (BATCH, 1)) + np.arange(32)
            flip = rng.random(BATCH) < 0.5
            columns[flip] = columns[flip, ::-1]
            crops = padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
            yield crops.astype("float32"), y[chosen]


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
    data = tf.data.Dataset.from_generator(
        lambda: batches(*train, seed),
        output_signature=(tf.TensorSpec((BATCH, 32, 32, 3)), tf.TensorSpec((BATCH,), tf.uint8)),
    )
    model.fit(data.prefetch(4), steps_per_epoch=STEPS, epochs=EPOCHS, verbose=0, callbacks=callbacks)
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
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rows = json.loads(arguments.output.read_text()) if arguments.output and arguments.output.exists() else []
    train, test = (load(arguments.data / f"cifar10_jpeg_{part}.npz") for part in ("train", "test"))
    print(
        "| run | target | seed | zeros | training accuracy | test accuracy | seconds |\n|---|---|---|---|---|---|---|"
    )
    for target in arguments.sparsities:
        for seed in arguments.seeds:
            for name in arguments.runs:
                start = time.perf_counter()
                model, seen, unseen = run(name, arguments.model, target, seed, train, test)
                seconds, zeros = time.perf_counter() - start, sparsity(model).total
                print(
                    f"| {name} | {target} | {seed} | {zeros:.4f} | {seen:.2%} | {unseen:.2%} | {seconds:.0f} |",
                    flush=True,
                )
                rows.append(
                    {"run": name, "target": target, "seed": seed, "zeros": zeros, "train": seen, "test": unseen}
                )
                if arguments.output:
                    arguments.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
