"""A student learns from a teacher: the same weights, any callback, several outputs, sample weights, no labels."""

import numpy as np
import pytest

from tests.models import images, nested, small_cnn
from tfcompress import MagnitudePruning, ShrinkChannels, convert, distill, quantize_aware, sparsity
from tfcompress.errors import ModelError, SettingError


def far(model, teacher, x):
    return float(np.abs(model.predict(x, verbose=0) - teacher.predict(x, verbose=0)).mean())


def test_the_student_is_trained_and_pruned_without_labels(k, rng, tmp_path):
    student, teacher, x = small_cnn(k), small_cnn(k), images(rng, 128)
    before, frozen = far(student, teacher, x), teacher.get_weights()
    taught = distill(student, teacher)
    taught.compile(k.optimizers.Adam(3e-3))
    history = taught.fit(x, epochs=8, batch_size=16, verbose=0, callbacks=[MagnitudePruning(0.5)]).history["loss"]
    assert history[-1] < history[0]
    assert far(student, teacher, x) < 0.9 * before
    assert sparsity(student).total == pytest.approx(0.5, abs=0.01)
    for old, new in zip(frozen, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    taught.save(tmp_path / "student.keras")
    alone = k.models.load_model(tmp_path / "student.keras")
    np.testing.assert_allclose(alone.predict(x, verbose=0), student.predict(x, verbose=0), atol=1e-6)
    assert len(alone.weights) == len(student.weights)


@pytest.mark.one_keras
def test_the_loss_is_that_of_labels_and_of_the_teacher_by_sample_weights(k, rng):
    student, teacher, x = nested(k), nested(k), images(rng, 4)
    taught = distill(student, teacher)
    y = [rng.normal(size=(4, size)).astype(np.float32) for size in (3, 2)]
    weight = np.array([1.0, 0.0, 2.0, 0.5], np.float32)
    taught.compile(k.optimizers.SGD(0.0), ["mse", "mse"])
    found = taught.fit(x, y, sample_weight=[weight, weight], batch_size=4, verbose=0).history["loss"][0]

    def part(target, output):
        return (weight * ((target - output) ** 2).mean(-1)).mean()

    ours = student(x, training=True)
    wanted = sum(part(np.array(one), np.array(other)) for one, other in zip(y, ours, strict=True))
    shown = teacher(x, training=False)
    wanted += sum(part(np.array(one), np.array(other)) for one, other in zip(shown, ours, strict=True))
    assert found == pytest.approx(float(wanted), rel=1e-3)


def test_a_temperature_softens_both_distributions_and_scales_by_its_square(k, rng):
    student, teacher, x = small_cnn(k), small_cnn(k), images(rng, 4)
    taught = distill(student, teacher, temperature=3)
    taught.compile(k.optimizers.SGD(0.0))
    found = taught.fit(x, batch_size=4, verbose=0).history["loss"][0]
    p, q = (np.float64(np.array(one)) ** (1 / 3) for one in (teacher(x, training=False), student(x, training=True)))
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    assert found == pytest.approx(9 * (p * np.log(p / q)).sum(-1).mean(), rel=1e-3)


@pytest.mark.one_keras
@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf"), True, "3", None])
def test_what_is_no_temperature_is_refused(k, temperature):
    model = small_cnn(k)
    with pytest.raises(SettingError, match="temperature"):
        distill(model, model, temperature=temperature)


@pytest.mark.one_keras
def test_channels_shrink_with_a_teacher(k, rng):
    student, x = small_cnn(k), images(rng, 64)
    taught = distill(student, student)
    shrink = ShrinkChannels(ratio=0.5, round_to=2, keep_first=False)
    taught.compile("adam", "sparse_categorical_crossentropy")
    taught.fit(x, np.zeros(64, int), epochs=4, verbose=0, callbacks=[shrink])
    smaller = shrink.remove()
    assert smaller.count_params() < student.count_params()
    np.testing.assert_allclose(smaller.predict(x, verbose=0), student.predict(x, verbose=0), atol=1e-4)


@pytest.mark.one_keras
def test_a_quantization_aware_student_is_given_its_teacher(k, rng):
    model, x = small_cnn(k), images(rng)
    qat_model = quantize_aware(model, samples=x)
    assert distill(qat_model, model) is qat_model
    qat_model.compile("adam")
    assert qat_model.fit(x, verbose=0).history["loss"][0] < 0.1
    assert convert(qat_model).size


def test_training_steps_of_the_students_class_are_kept(k, rng):
    import tensorflow as tf

    class Mine(k.Model):
        steps = 0

        def train_step(self, data):
            self.steps += 1
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
            variables = self.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            return {"loss": loss}

    class Deaf(k.Model):
        def train_step(self, data):
            return {"loss": tf.constant(0.0)}

    net, x = small_cnn(k), images(rng)
    taught = distill(Mine(inputs=net.inputs, outputs=net.outputs), small_cnn(k))
    taught.compile("adam", "sparse_categorical_crossentropy")
    taught.fit(x, np.zeros(64, int), verbose=0)
    assert taught.steps
    assert taught.lesson.loss is not None
    with pytest.raises(ModelError, match="compute_loss"):
        distill(Deaf(inputs=net.inputs, outputs=net.outputs), net)


@pytest.mark.one_keras
def test_mistakes_are_told(k):
    import keras
    import tf_keras

    other = small_cnn(tf_keras if k is keras else keras)
    with pytest.raises(ModelError, match="same Keras"):
        distill(small_cnn(k), other)
    with pytest.raises(ModelError, match="same shapes"):
        distill(small_cnn(k), nested(k))
    with pytest.raises(ModelError, match="Keras model"):
        distill("student.keras", small_cnn(k))
