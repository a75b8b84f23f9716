"""What the benchmarks train on: images, spoken digits, exercises seen by a watch, and digits that scikit-learn carries.

Each task has data to train on, to choose on and to test with. What is chosen - rates, epochs, layers - is chosen with
`part="validation"`; the pages show what `part="test"` gives, once. Float models are trained here with seed 0, in a
minute, and kept in build/baselines; that of CIFAR-10 comes from a file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from benchmarks import audio, cifar10, sensor
from examples import digits

BASELINES = Path(__file__).parent.parent / "build/baselines"
Labelled = tuple[np.ndarray, np.ndarray]
Part = Literal["validation", "test"]


def plain(x: np.ndarray, y: np.ndarray, seed: int, size: int) -> tf.data.Dataset:
    """Return shuffled batches without end, as they are."""
    rows = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=seed)
    return rows.batch(min(size, len(x)), drop_remainder=True).repeat()


@dataclass
class Task:
    """Data, a trained Keras 3 model, and how long to train it again.

    Args:
        name: What it is called in the tables.
        path: The trained model, a .keras file.
        train: Inputs and labels to train on.
        test: Inputs and labels that no training sees: the task's test data, or its validation data.
        epochs: Epochs of a fine-tuning, by kind: "prune", "quantize", "int4", "channels".
        rates: Learning rates where each begins; all end at 0 by a cosine.
        batch: Inputs in a batch.
        batches: From inputs, labels, seed and size of a batch to batches without end. "cifar": flipped and shifted.
    """

    name: str
    path: Path
    train: Labelled
    test: Labelled
    epochs: dict[str, int]
    rates: dict[str, float]
    batch: int = cifar10.BATCH
    batches: Callable[[np.ndarray, np.ndarray, int, int], tf.data.Dataset] | Literal["cifar"] = plain
    seed: int = 0
    """What order, flips, shifts and dropout of a training depend on."""
    epochs_run: int = 0
    """For how many epochs this task has trained."""

    @property
    def samples(self) -> np.ndarray:
        """500 training inputs to calibrate with, drawn with the seed 0."""
        return self.drawn(500)

    def drawn(self, count: int) -> np.ndarray:
        """Return training inputs without labels, drawn with the seed 0."""
        x = self.train[0]
        return x[np.random.default_rng(0).permutation(len(x))[:count]].astype("float32")

    def model(self) -> keras.Model:
        """Return the trained model anew."""
        return keras.models.load_model(self.path, compile=False)

    def steps(self, kind: str) -> int:
        """Return how many steps a fine-tuning takes."""
        return self.epochs[kind] * (len(self.train[0]) // self.batch)

    def fit(
        self, k: Any, model: Any, kind: str, callbacks: Sequence[Any] = (), teacher: keras.Model | None = None
    ) -> None:
        """Fine-tune a model of either Keras, the same way for all tools; with a teacher, on its softened outputs."""
        k.utils.set_random_seed(self.seed)
        self.epochs_run += self.epochs[kind]
        rate = k.optimizers.schedules.CosineDecay(self.rates[kind], self.steps(kind))
        model.compile(k.optimizers.Adam(rate), soft_loss if teacher else "sparse_categorical_crossentropy")
        if self.batches == "cifar":
            shift = 2 if kind == "channels" else 4  # a smaller model learns less of what the test does not ask
            data = cifar10.augmented(*self.train, self.seed, shift)
        else:
            data = self.batches(*self.train, self.seed, self.batch)
        if teacher:
            data = data.map(lambda x, _: (x, teacher(x, training=False)))
        steps = self.steps(kind) // self.epochs[kind]
        model.fit(data, epochs=self.epochs[kind], steps_per_epoch=steps, verbose=0, callbacks=[*callbacks])


def soft_loss(taught: tf.Tensor, found: tf.Tensor, temperature: float = 3.0) -> tf.Tensor:
    """Cross-entropy of two distributions that are softened alike (Hinton et al. 2015)."""
    soft, loud = (tf.math.log(each + 1e-7) / temperature for each in (taught, found))
    return -temperature * tf.reduce_sum(tf.nn.softmax(soft) * tf.nn.log_softmax(loud), axis=-1)


def cifar(data: Path, model: Path, part: Part = "test") -> Task:
    """Return the task of CIFAR-10 and a model from a file; for the test all 50,000 training images are trained on."""
    train, test = cifar10.images(data, "train"), cifar10.images(data, "test")
    if part == "validation":
        train, test = parted(train, cifar10.VALIDATION)
    epochs, rates = {"prune": 6, "quantize": 3, "int4": 6, "channels": 10}, {"prune": 1e-3, "quantize": 2e-4}
    return Task(model.stem, model, train, test, epochs, rates | {"int4": 3e-4, "channels": 5e-3}, batches="cifar")


def parted(data: Labelled, count: int) -> tuple[Labelled, Labelled]:
    """Return all but the last so many, and these."""
    x, y = data
    return (x[:-count], y[:-count]), (x[-count:], y[-count:])


def digits_task(part: Part = "test") -> Task:
    """Return the task of the examples' digits; to choose, 200 of the 1,198 training images are set aside."""
    x_train, x_test, y_train, y_test = digits.load()
    train, test = (x_train, y_train), (x_test, y_test)
    if part == "validation":
        train, test = parted(train, 200)
    path = BASELINES / f"digits{'_validation' * (part == 'validation')}.keras"
    if not path.exists():
        model = digits.build("keras")
        digits.train(model, *train)
        _keep(model, path)
    epochs, rates = {"prune": 20, "quantize": 10, "int4": 20, "channels": 20}, {"prune": 3e-3, "quantize": 3e-4}
    return Task("digits", path, train, test, epochs, rates | {"int4": 1e-3, "channels": 3e-3})


def audio_task(file: Path, part: Part = "test") -> Task:
    """Return the task of spoken digits: four speakers to train on, one to choose with, one to test with."""
    return _small("audio", audio.pictures(file), part, audio.ds_cnn, audio.batches, 25)


def sensor_cnn_task(part: Part = "test") -> Task:
    """Return the task of exercises with convolutions: six people to train on, two to choose with, two to test with."""
    return _small("sensor_cnn", sensor.windows(sensor.watch_file()), part, sensor.cnn, plain, 15)


def sensor_lstm_task(part: Part = "test") -> Task:
    """Return the same task with an LSTM."""
    return _small("sensor_lstm", sensor.windows(sensor.watch_file()), part, sensor.lstm, plain, 20)


def _small(
    name: str,
    data: dict[str, Labelled],
    part: Part,
    build: Callable[[], keras.Model],
    batches: Callable[[np.ndarray, np.ndarray, int, int], tf.data.Dataset],
    epochs: int,
) -> Task:
    path, size = BASELINES / f"{name}.keras", 32
    train = data["train"]
    if not path.exists():
        keras.utils.set_random_seed(0)
        model, steps = build(), len(train[0]) // size
        rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * steps)
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        model.fit(batches(*train, 0, size), epochs=epochs, steps_per_epoch=steps, verbose=0)
        _keep(model, path)
    tuning = {"prune": 10, "quantize": 5, "int4": 10, "channels": 10}
    rates = {"prune": 1e-3, "quantize": 3e-4, "int4": 1e-4, "channels": 3e-3}
    return Task(name, path, train, data[part], tuning, rates, size, batches)


def _keep(model: keras.Model, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)


TASKS: dict[str, Callable[..., Task]] = {
    "digits": digits_task,
    "audio": audio_task,
    "sensor_cnn": sensor_cnn_task,
    "sensor_lstm": sensor_lstm_task,
    "cifar10": cifar,
}
"""The tasks by name; each takes the paths that it needs, and the part to look at."""
