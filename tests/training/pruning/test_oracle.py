"""TF-MOT as the oracle: the same model, data and schedule give the same sparsities and nearly the same mask."""

import numpy as np
import pytest

import tfcompress
from tfcompress import MagnitudePruning, PolynomialDecay
from tfcompress.training import tfmot

tf_keras = pytest.importorskip("tf_keras")
SCHEDULE = PolynomialDecay(0.0, 0.8, 4, 24, frequency=5)


class Record(tf_keras.callbacks.Callback):
    """Notes the zeros of every kernel at the start of the forward pass: TF-MOT masks before each step."""

    def __init__(self, kernels):
        super().__init__()
        self.kernels, self.zeros = kernels, []

    def on_train_batch_end(self, batch, logs=None):
        self.zeros.append(self.kernels(self.model))


def test_sparsity_at_every_update_and_the_final_mask(rng):
    x, y = rng.normal(size=(240, 8, 8, 3)).astype("float32"), rng.integers(0, 4, 240)
    base = tf_keras.Sequential(
        [
            tf_keras.Input((8, 8, 3)),
            tf_keras.layers.Conv2D(8, 3, activation="relu", name="conv"),
            tf_keras.layers.Flatten(),
            tf_keras.layers.Dense(32, activation="relu", name="hidden"),
            tf_keras.layers.Dense(4, activation="softmax", name="out"),
        ]
    )
    start = base.get_weights()
    compiled = {"loss": "sparse_categorical_crossentropy"}
    options = {"batch_size": 8, "epochs": 1, "shuffle": False, "verbose": 0}

    wrapped = tfmot.prune(base, SCHEDULE)
    wrapped.compile(tf_keras.optimizers.SGD(0.01), **compiled)
    layers = [layer for layer in wrapped.layers if getattr(layer, "pruning_vars", None)]
    theirs = Record(lambda _: [int((layer.pruning_vars[0][1].numpy() == 0).sum()) for layer in layers])
    wrapped.fit(x, y, **options, callbacks=[*tfmot.callbacks(), theirs])
    stripped = tfmot.strip(wrapped)

    model = tf_keras.models.clone_model(base)
    model.set_weights(start)
    model.compile(tf_keras.optimizers.SGD(0.01), **compiled)
    kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
    ours = Record(lambda _: [int((kernel.numpy() == 0).sum()) for kernel in kernels])
    model.fit(x, y, **options, callbacks=[MagnitudePruning(SCHEDULE, allocation="uniform"), ours])

    assert ours.zeros == theirs.zeros
    same = [
        (layer.kernel.numpy() == 0) == (kernel.numpy() == 0)
        for layer, kernel in zip([lay for lay in stripped.layers if hasattr(lay, "kernel")], kernels, strict=True)
    ]
    assert np.concatenate([part.ravel() for part in same]).mean() >= 0.99


def test_tfmots_own_schedules_work(rng):
    import os

    before = os.environ.get("TF_USE_LEGACY_KERAS")
    theirs = tfmot._tfmot().sparsity.keras.PolynomialDecay(0.0, 0.5, 0, 8, frequency=3)
    assert os.environ.get("TF_USE_LEGACY_KERAS") == before
    model = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(8)])
    model.compile("sgd", "mse")
    model.fit(np.ones((80, 4)), np.ones((80, 8)), batch_size=8, verbose=0, callbacks=[MagnitudePruning(theirs)])
    assert tfcompress.sparsity(model).total == 0.5


def test_strip_masks_what_an_extra_step_made_dense(rng):
    model = tfmot.prune(
        tf_keras.Sequential([tf_keras.Input((6,)), tf_keras.layers.Dense(10)]),
        PolynomialDecay(0, 0.5, 0, 4, frequency=2),
    )
    model.compile("sgd", "mse")
    x, y = rng.normal(size=(64, 6)), rng.normal(size=(64, 10))
    model.fit(x, y, batch_size=8, verbose=0, callbacks=tfmot.callbacks())
    model.train_on_batch(x, y)
    assert tfcompress.sparsity(tfmot.strip(model)).total == 0.5


def test_keras_3_is_refused():
    import keras

    with pytest.raises(tfcompress.ModelError, match="tf_keras"):
        tfmot.prune(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), SCHEDULE)
