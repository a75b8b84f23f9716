"""What a training step costs with pruning: paired ratios against the plain step, beside TF-MOT's wrappers.

Run: python -m benchmarks.pruning_step MODEL [rounds]. MODEL is a .keras file with an image input. Random images,
batch 64, 100 steps a round, frequency 100; plain, callback and wrappers take turns in each round, all in tf_keras
except the two Keras 3 runs. Prints the median of the ratios of each round.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import statistics
import sys
import time
import warnings

import keras
import numpy as np
import tf_keras

from tfcompress import MagnitudePruning, PolynomialDecay, tfmot

STEPS, BATCH = 100, 64
SCHEDULE = PolynomialDecay(0.0, 0.8, 0, 100_000, frequency=100)


def twin(model):
    """The same layers and weights in tf_keras."""
    tensors = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            tensors[layer.output.name] = tf_keras.Input(layer.batch_shape[1:])
            continue
        config = {k: v for k, v in layer.get_config().items() if not isinstance(v, dict) and k not in {"dtype"}}
        config = {k: v for k, v in config.items() if k not in {"quantization_config", "renorm", "lora_rank"}}
        made = getattr(tf_keras.layers, type(layer).__name__).from_config(config)
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        values = [tensors[tensor.name] for tensor in given]
        tensors[layer.output.name] = made(values if len(values) > 1 else values[0])
    inputs, outputs = (tensors[t.name] for t in (model.inputs[0], model.outputs[0]))
    made = tf_keras.Model(inputs, outputs)
    for ours, theirs in zip(
        [lay for lay in model.layers if lay.weights], [lay for lay in made.layers if lay.weights], strict=True
    ):
        theirs.set_weights(ours.get_weights())
    return made


def main():
    path, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 7
    warnings.simplefilter("ignore")
    model = keras.models.load_model(path, compile=False)
    shape = model.input_shape[1:]
    x = np.random.default_rng(0).uniform(0, 255, (BATCH * STEPS, *shape)).astype("float32")
    y = np.random.default_rng(1).integers(0, model.output_shape[-1], BATCH * STEPS)
    runs = {
        "Keras 3 plain": (keras, model, []),
        "Keras 3 callback": (keras, keras.models.load_model(path, compile=False), [MagnitudePruning(SCHEDULE)]),
        "tf_keras plain": (tf_keras, twin(model), []),
        "tf_keras callback": (tf_keras, twin(model), [MagnitudePruning(SCHEDULE)]),
        "TF-MOT wrappers": (tf_keras, tfmot.prune(twin(model), SCHEDULE), tfmot.callbacks()),
    }
    times = {name: [] for name in runs}
    for k, network, _ in runs.values():
        network.compile(k.optimizers.Adam(1e-4), "sparse_categorical_crossentropy")
    for name, (k, network, callbacks) in runs.items():

        class Epochs(k.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                self.start = time.perf_counter()

            def on_epoch_end(self, epoch, logs=None, name=name):
                times[name].append(time.perf_counter() - self.start)

        runs[name] = (k, network, [*callbacks, Epochs()])
    for _ in range(rounds):
        for _, network, callbacks in runs.values():
            network.fit(x, y, batch_size=BATCH, epochs=2, verbose=0, callbacks=callbacks)
    seconds = {name: values[1::2] for name, values in times.items()}  # the first epoch of a fit traces
    for name, base in [
        ("Keras 3 callback", "Keras 3 plain"),
        ("tf_keras callback", "tf_keras plain"),
        ("TF-MOT wrappers", "tf_keras plain"),
    ]:
        ratios = [a / b for a, b in zip(seconds[name], seconds[base], strict=True)]
        print(
            f"{name:18} {1000 * statistics.median(seconds[name]) / STEPS:7.2f} ms a step, "
            f"{statistics.median(ratios):.3f} × {base} (from {min(ratios):.3f} to {max(ratios):.3f})"
        )


if __name__ == "__main__":
    main()
