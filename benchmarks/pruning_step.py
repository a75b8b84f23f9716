"""What a training step costs with pruning: paired ratios against the plain step, beside TF-MOT's wrappers.

Run: python -m benchmarks.pruning_step MODEL [steps]. MODEL is a .keras file with an image input. Random images, batch
64, frequency 100. All fits run at once in threads but take turns, ten steps each, so that what else the machine does
hits all alike. Records the ratio of the summed times, and the median of the ratios of single turns.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import statistics
import sys
import threading
import time
import warnings

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from benchmarks.record import Record
from benchmarks.twin import twin
from tfcompress import MagnitudePruning, PolynomialDecay, tfmot

TURN, BATCH = 10, 64
SCHEDULE = PolynomialDecay(0.0, 0.8, 0, 100_000, frequency=100)


class Turns:
    """Lets several fits run by turns."""

    def __init__(self, names):
        self.names, self.now, self.changed = list(names), 0, threading.Condition()

    def wait(self, name):
        with self.changed:
            self.changed.wait_for(lambda: self.names[self.now] == name)

    def pass_on(self):
        with self.changed:
            self.now = (self.now + 1) % len(self.names)
            self.changed.notify_all()


def by_turns(k, name, turns, times):
    """Return two callbacks, to stand first and last: they wait for the turn, and note how long it took."""
    state = {}

    class First(k.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch % TURN == 0:
                turns.wait(name)
                state["start"] = time.perf_counter()

    class Last(k.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch % TURN == TURN - 1:
                times.append(time.perf_counter() - state["start"])
                turns.pass_on()

    return First(), Last()


def main():
    path, steps = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 600
    steps -= steps % TURN
    warnings.simplefilter("ignore")
    model = keras.models.load_model(path, compile=False)
    shape = model.input_shape[1:]
    x = np.random.default_rng(0).uniform(0, 255, (BATCH * TURN, *shape)).astype("float32")
    y = np.random.default_rng(1).integers(0, model.output_shape[-1], BATCH * TURN)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH).cache().repeat().take(steps)
    runs = {
        "Keras 3 plain": (keras, model, []),
        "Keras 3 callback": (keras, keras.models.load_model(path, compile=False), [MagnitudePruning(SCHEDULE)]),
        "tf_keras plain": (tf_keras, twin(model), []),
        "tf_keras callback": (tf_keras, twin(model), [MagnitudePruning(SCHEDULE)]),
        "TF-MOT wrappers": (tf_keras, tfmot.prune(twin(model), SCHEDULE), tfmot.callbacks()),
    }
    turns, times, threads = Turns(runs), {name: [] for name in runs}, []
    for name, (k, network, callbacks) in runs.items():
        network.compile(k.optimizers.Adam(1e-4), "sparse_categorical_crossentropy")
        first, last = by_turns(k, name, turns, times[name])
        options = {"epochs": 1, "verbose": 0, "callbacks": [first, *callbacks, last]}
        threads.append(threading.Thread(target=network.fit, args=(data,), kwargs=options))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = {name: values[1:] for name, values in times.items()}  # the first turn traces
    record = Record("pruning_step", "run", "against")
    for name, base in [
        ("Keras 3 callback", "Keras 3 plain"),
        ("tf_keras callback", "tf_keras plain"),
        ("TF-MOT wrappers", "tf_keras plain"),
    ]:
        ratios = [a / b for a, b in zip(seconds[name], seconds[base], strict=True)]
        record.add(
            run=name,
            against=base,
            ms_a_step=1000 * statistics.median(seconds[name]) / TURN,
            ratio_of_sums=sum(seconds[name]) / sum(seconds[base]),
            median_ratio=statistics.median(ratios),
            turns=len(ratios),
        )


if __name__ == "__main__":
    main()
