"""What the benchmarks train on: CIFAR-10 as JPEG with a model from a file, or the digits that scikit-learn carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from benchmarks import cifar10
from examples import digits


@dataclass
class Task:
    """Data, a trained Keras 3 model, and how long to train it again.

    Args:
        name: What it is called in the tables.
        path: The trained model, a .keras file.
        train: Images and labels to train on.
        test: Images and labels that no training sees.
        augment: Whether training images are flipped and cropped.
        epochs: Epochs of a fine-tuning, by kind: "prune", "quantize", "channels".
        rates: Learning rates where each begins; all end at 0 by a cosine.
    """

    name: str
    path: Path
    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    augment: bool
    epochs: dict[str, int]
    rates: dict[str, float]
    seed: int = 0
    """What order, flips, shifts and dropout of a training depend on."""
    fits: int = 0
    """How many trainings there were."""

    @property
    def samples(self) -> np.ndarray:
        """500 training images to calibrate with."""
        return self.train[0][:500].astype("float32")

    def model(self) -> keras.Model:
        """Return the trained model anew."""
        return keras.models.load_model(self.path, compile=False)

    def steps(self, kind: str) -> int:
        """Return how many steps a fine-tuning takes."""
        return self.epochs[kind] * (len(self.train[0]) // cifar10.BATCH)

    def fit(
        self, k: Any, model: Any, kind: str, callbacks: Sequence[Any] = (), teacher: keras.Model | None = None
    ) -> None:
        """Fine-tune a model of either Keras, the same way for all tools; with a teacher, on its softened outputs."""
        k.utils.set_random_seed(self.seed)
        self.fits += 1
        rate = k.optimizers.schedules.CosineDecay(self.rates[kind], self.steps(kind))
        model.compile(k.optimizers.Adam(rate), soft_loss if teacher else "sparse_categorical_crossentropy")
        if self.augment:
            shift = 2 if kind == "channels" else 4  # a smaller model learns less of what the test does not ask
            data = cifar10.augmented(*self.train, self.seed, shift)
        else:
            rows = tf.data.Dataset.from_tensor_slices(self.train).shuffle(len(self.train[0]), seed=self.seed).repeat()
            data = rows.batch(cifar10.BATCH)
        if teacher:
            data = data.map(lambda x, _: (x, teacher(x, training=False)))
        steps = self.steps(kind) // self.epochs[kind]
        model.fit(data, epochs=self.epochs[kind], steps_per_epoch=steps, verbose=0, callbacks=[*callbacks])


def soft_loss(taught: tf.Tensor, found: tf.Tensor, temperature: float = 3.0) -> tf.Tensor:
    """Cross-entropy of two distributions that are softened alike (Hinton et al. 2015)."""
    soft, loud = (tf.math.log(each + 1e-7) / temperature for each in (taught, found))
    return -temperature * tf.reduce_sum(tf.nn.softmax(soft) * tf.nn.log_softmax(loud), axis=-1)


def cifar(data: Path, model: Path) -> Task:
    """Return the task of the shared data and ResNet-8."""
    train, test = (cifar10.images(data, part) for part in ("train", "test"))
    epochs, rates = {"prune": 6, "quantize": 3, "channels": 10}, {"prune": 1e-3, "quantize": 2e-4, "channels": 5e-3}
    return Task(model.stem, model, train, test, augment=True, epochs=epochs, rates=rates)


def digits_task(folder: Path) -> Task:
    """Train the digits network of the examples in seconds and return its task."""
    x_train, x_test, y_train, y_test = digits.load()
    model = digits.build("keras")
    digits.train(model, x_train, y_train)
    model.save(folder / "digits.keras")
    epochs, rates = {"prune": 20, "quantize": 10, "channels": 20}, {"prune": 3e-3, "quantize": 3e-4, "channels": 3e-3}
    return Task("digits", folder / "digits.keras", (x_train, y_train), (x_test, y_test), False, epochs, rates)


def twin(model: keras.Model) -> tf_keras.Model:
    """Return the same layers and weights in tf_keras, for the tools that refuse Keras 3."""
    if isinstance(model, keras.Sequential):
        made = tf_keras.Sequential([tf_keras.Input(model.input_shape[1:]), *map(_layer, model.layers)])
        return _with_weights(made, model)
    tensors = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            tensors[layer.output.name] = tf_keras.Input(layer.batch_shape[1:])
            continue
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        values = [tensors[tensor.name] for tensor in given]
        tensors[layer.output.name] = _layer(layer)(values if len(values) > 1 else values[0])
    inputs, outputs = (tensors[t.name] for t in (model.inputs[0], model.outputs[0]))
    return _with_weights(tf_keras.Model(inputs, outputs), model)


def _layer(layer: keras.layers.Layer) -> tf_keras.layers.Layer:
    unknown = {"dtype", "quantization_config", "renorm", "lora_rank"}
    config = {k: v for k, v in layer.get_config().items() if not isinstance(v, dict) and k not in unknown}
    return getattr(tf_keras.layers, type(layer).__name__).from_config(config)


def _with_weights(made: tf_keras.Model, model: keras.Model) -> tf_keras.Model:
    ours, theirs = ([layer for layer in each.layers if layer.weights] for each in (model, made))
    for one, other in zip(ours, theirs, strict=True):
        other.set_weights(one.get_weights())
    return made
