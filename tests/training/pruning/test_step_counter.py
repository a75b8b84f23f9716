"""Steps are those of the optimizer that trains the kernels, whichever it is; without one, batches count."""

from contextlib import nullcontext

import numpy as np
import pytest
import tensorflow as tf

import tfcompress
from tfcompress import MagnitudePruning, PolynomialDecay

SCHEDULE = PolynomialDecay(0.0, 0.75, 0, 12, frequency=3)
X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")


def gan(k, by_hand=False, own=None, warm_up=0):
    """A GAN without a `call`, with two optimizers of its own; `compile` gives it a third one, which never moves.

    Args:
        k: The Keras.
        by_hand: Train the generator without an optimizer.
        own: "d" to have `compile` take the discriminator's optimizer.
        warm_up: Batches in which the discriminator trains alone.
    """

    class GAN(k.Model):
        def __init__(self):
            super().__init__()
            self.g = k.Sequential([k.Input((4,)), k.layers.Dense(16, activation="relu"), k.layers.Dense(6)])
            self.d = k.Sequential([k.Input((6,)), k.layers.Dense(8, activation="relu"), k.layers.Dense(1)])
            self.optimizers = {"g": k.optimizers.Adam(0.01), "d": k.optimizers.Adam(0.01)}
            self.bce = k.losses.BinaryCrossentropy(from_logits=True)
            self.batches = 0

        def train_step(self, real):
            noise = tf.random.normal((tf.shape(real)[0], 4))
            zero, one = tf.zeros((tf.shape(real)[0], 1)), tf.ones((tf.shape(real)[0], 1))
            self._train("d", lambda: self.bce(zero, self.d(self.g(noise))) + self.bce(one, self.d(real)))
            self.batches += 1
            if not warm_up or self.batches > warm_up:
                self._train("g", lambda: self.bce(one, self.d(self.g(noise))))
            return {"batch": tf.constant(1.0)}

        def _train(self, name, loss):
            variables = getattr(self, name).trainable_variables
            with tf.GradientTape() as tape:
                value = loss()
            gradients = tape.gradient(value, variables)
            if by_hand:
                for variable, gradient in zip(variables, gradients, strict=True):
                    variable.assign_sub(0.01 * gradient)
            else:
                self.optimizers[name].apply_gradients(zip(gradients, variables, strict=True))

    model = GAN()
    model.compile(*([model.optimizers[own]] if own else []), **({"run_eagerly": True} if warm_up else {}))
    return model


@pytest.mark.one_keras
@pytest.mark.parametrize("how", [{}, {"own": "d"}, {"by_hand": True}, {"warm_up": 3}], ids=str)
def test_the_generator_of_a_gan(k, how):
    model = gan(k, **how)
    pruner = MagnitudePruning(SCHEDULE, include=["sequential*"], exclude=[f"{model.d.name}*"])
    model.fit(X, batch_size=16, epochs=4, verbose=0, callbacks=[pruner])
    assert tfcompress.sparsity(model.g).total == pytest.approx(0.75, abs=0.01)
    assert tfcompress.sparsity(model.d).total < 0.1


def test_a_second_fit_goes_on_where_the_generator_stood(k):
    model, pruner = gan(k), MagnitudePruning(PolynomialDecay(0.0, 0.75, 0, 24, frequency=2, power=1))
    for expected in (0.375, 0.75):
        with pytest.warns(tfcompress.TfcompressWarning, match="schedule") if expected < 0.75 else nullcontext():
            model.fit(X, batch_size=16, epochs=3, verbose=0, callbacks=[pruner])
        assert tfcompress.sparsity(model).total == pytest.approx(expected, abs=0.01)


def test_a_float_is_reached(k):
    model = gan(k)
    history = model.fit(X, batch_size=16, epochs=4, verbose=0, callbacks=[MagnitudePruning(0.75)])
    assert history.history["sparsity"][-1] == pytest.approx(0.75, abs=0.01)


def test_a_loop_whose_compiled_optimizer_stands_still(k):
    model = gan(k)
    pruner = MagnitudePruning(SCHEDULE)
    for _ in range(12):
        model.train_step(tf.constant(X))
        pruner.step(model)
    assert tfcompress.sparsity(model).total == pytest.approx(0.75, abs=0.01)


def test_unbuilt_layers_are_named(k):
    model = gan(k)
    model.g = k.Sequential([k.layers.Dense(3, name="later")], name="open")
    with pytest.raises(tfcompress.ModelError, match=r"unbuilt layers .*later"):
        tfcompress.sparsity(model)


def test_the_optimizer_of_a_model_inside_that_was_trained_before_does_not_count(k):
    inner = k.Sequential([k.Input((6,)), k.layers.Dense(8)])
    inner.compile("adam", "mse")
    inner.fit(X, np.ones((64, 8)), batch_size=4, verbose=0)  # 16 steps: more than the schedule has
    model = k.Sequential([k.Input((6,)), inner, k.layers.Dense(1)])
    model.compile("adam", "mse")
    seen = model.fit(X, np.ones(64), batch_size=8, epochs=2, verbose=0, callbacks=[MagnitudePruning(SCHEDULE)])
    assert seen.history["sparsity"] == pytest.approx([SCHEDULE(6), 0.75], abs=0.03)
