"""The callback in real fits of both Kerases: exact zeros, whatever the way of training."""

import numpy as np
import pytest
import tensorflow as tf

import tfcompress
from tfcompress import MagnitudePruning, PolynomialDecay

SCHEDULE = PolynomialDecay(0.0, 0.7, 0, 12, frequency=3)


def data(rows=64):
    rng = np.random.default_rng(3)
    return rng.normal(size=(rows, 6, 6, 2)).astype("float32"), rng.integers(0, 3, rows)


def network(k, **constraint):
    return k.Sequential(
        [
            k.Input((6, 6, 2)),
            k.layers.Conv2D(4, 3, activation="relu", **constraint),
            k.layers.DepthwiseConv2D(2),
            k.layers.BatchNormalization(),
            k.layers.Flatten(),
            k.layers.Dense(3, activation="softmax", dtype="float32"),
        ]
    )


def fit(k, model, pruner, *, compiled=None, epochs=2, **more):
    if compiled is not None or not getattr(model, "optimizer", None):
        model.compile(k.optimizers.Adam(0.01), "sparse_categorical_crossentropy", **(compiled or {}))
    x, y = data()
    return model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, callbacks=[pruner], **more)


def require(model, sparsity, allocation):
    report = tfcompress.sparsity(model)
    sizes = {path: counts.size for path, counts in report.kernels.items()}
    if allocation == "uniform":
        assert all(abs(share - sparsity) * sizes[path] <= 1 for path, share in report.items())
    assert abs(report.total - sparsity) * sum(sizes.values()) <= (len(sizes) if allocation == "uniform" else 1)


BOTH = pytest.mark.parametrize("allocation", ["uniform", "global"])


@pytest.mark.one_keras
@BOTH
@pytest.mark.parametrize(
    "compiled",
    [{}, {"steps_per_execution": 8}, {"jit_compile": True}, {"run_eagerly": True}],
    ids=lambda compiled: next(iter(compiled), "plain"),
)
def test_reaches_the_target_exactly(k, compiled, allocation):
    model = network(k)
    history = fit(k, model, MagnitudePruning(SCHEDULE, allocation=allocation), compiled=compiled)
    require(model, 0.7, allocation)
    assert history.history["sparsity"][-1] == pytest.approx(0.7, abs=0.02)


@pytest.mark.one_keras
@BOTH
def test_mixed_precision_and_a_float(k, allocation):
    k.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = network(k)
    finally:
        k.mixed_precision.set_global_policy("float32")
    fit(k, model, MagnitudePruning(0.7, allocation=allocation))
    require(model, 0.7, allocation)


@BOTH
def test_gradient_accumulation(allocation):
    import keras

    model = network(keras)
    model.compile(keras.optimizers.Adam(0.01, gradient_accumulation_steps=2), "sparse_categorical_crossentropy")
    fit(keras, model, MagnitudePruning(PolynomialDecay(0, 0.7, 0, 8, frequency=3), allocation=allocation))
    require(model, 0.7, allocation)


@pytest.mark.one_keras
@BOTH
def test_several_fits_and_a_model_fitted_before(k, allocation):
    model = network(k)
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = data()
    model.fit(x, y, batch_size=8, verbose=0)
    fit(k, model, MagnitudePruning(0.5, allocation=allocation))
    require(model, 0.5, allocation)
    pruner = MagnitudePruning(0.8, allocation=allocation)
    fit(k, model, pruner)
    fit(k, model, pruner)
    require(model, 0.8, allocation)


@pytest.mark.one_keras
@BOTH
@pytest.mark.parametrize(
    "again", [0.7, PolynomialDecay(0.7, 0.7, 0, 12), tfcompress.ConstantSparsity(0.7, 0, frequency=5)]
)
def test_zeros_there_are_held_from_the_first_step(k, allocation, again):
    model = network(k)
    fit(k, model, MagnitudePruning(0.7, allocation=allocation))
    zeros = [np.array(w) == 0 for w in model.get_weights()]
    assert all(zero.any() for zero, w in zip(zeros, model.get_weights(), strict=True) if w.ndim > 1)
    model.compile(k.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
    fit(k, model, MagnitudePruning(again, allocation=allocation), epochs=3)
    assert all((np.array(w)[zero] == 0).all() for w, zero in zip(model.get_weights(), zeros, strict=True) if w.ndim > 1)
    require(model, 0.7, allocation)


@pytest.mark.one_keras
@BOTH
@pytest.mark.filterwarnings("ignore::tfcompress.TfcompressWarning")
def test_a_growing_schedule_lets_a_kernel_that_begins_at_zero_train(k, allocation):
    model = network(k)
    last = model.layers[-1]
    last.set_weights([np.zeros_like(value) for value in last.get_weights()])
    fit(k, model, MagnitudePruning(PolynomialDecay(0.0, 0.5, 0, 1000, frequency=1000), allocation=allocation))
    assert (last.get_weights()[0] != 0).mean() > 0.9


@pytest.mark.one_keras
@BOTH
def test_users_constraint_holds_too(k, allocation):
    model = network(k, kernel_constraint=k.constraints.MaxNorm(0.1, axis=[0, 1, 2]))
    fit(k, model, MagnitudePruning(0.5, allocation=allocation))
    norms = np.sqrt((np.asarray(model.layers[0].get_weights()[0]) ** 2).sum(axis=(0, 1, 2)))
    assert norms.max() <= 0.1 + 1e-6
    assert isinstance(next(iter(model.layers[0].trainable_variables)).constraint, k.constraints.MaxNorm)
    require(model, 0.5, allocation)


@BOTH
def test_mirrored_strategy_with_two_devices(k, allocation, strategy):
    with strategy.scope():
        model = network(k)
        model.compile(k.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    fit(k, model, MagnitudePruning(SCHEDULE, allocation=allocation))
    require(model, 0.7, allocation)


@pytest.mark.one_keras
@pytest.mark.parametrize("stop", [1, 2])
def test_resumed_equals_never_stopped(k, tmp_path, stop):
    path = tmp_path / "m.keras"
    whole = network(k)
    whole.compile(k.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    whole.save(path)
    fit(k, whole, MagnitudePruning(0.7), epochs=4)
    model = k.models.load_model(path)
    schedule = PolynomialDecay(0, 0.7, 0, 24, frequency=1)
    with pytest.warns(tfcompress.TfcompressWarning, match="will reach"):
        fit(k, model, MagnitudePruning(schedule), epochs=stop)
    model.save(path)
    model = k.models.load_model(path)
    fit(k, model, MagnitudePruning(0.7), epochs=4, initial_epoch=stop)
    for ours, theirs in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_every_checkpoint_is_sparse_and_loads_alone(k, tmp_path):
    class Saved(k.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.save(tmp_path / f"{int(self.model.optimizer.iterations.numpy()):02}.keras")

    model = network(k)
    model.compile(k.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    x, y = data()
    pruner = MagnitudePruning(SCHEDULE, allocation="uniform")
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[Saved(), pruner])
    for step in range(3, 17):
        saved = k.models.load_model(tmp_path / f"{step:02}.keras")
        require(saved, SCHEDULE(SCHEDULE.last_update(0, step)), "uniform")


def test_custom_loop(k):
    model, optimizer = network(k), k.optimizers.Adam(0.01)
    loss, pruner = k.losses.SparseCategoricalCrossentropy(), MagnitudePruning(SCHEDULE)
    x, y = data()
    for _ in range(13):
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True))
        optimizer.apply_gradients(
            zip(tape.gradient(value, model.trainable_variables), model.trainable_variables, strict=True)
        )
        pruner.step(model, optimizer)
    require(model, 0.7, "global")


def test_unfinished_schedule_is_told_before_the_first_step(k):
    model = network(k)
    with pytest.warns(tfcompress.TfcompressWarning, match="will reach a sparsity of 0.0000"):
        fit(k, model, MagnitudePruning(PolynomialDecay(0, 0.8, 0, 1000)))


def test_weights_set_after_the_last_step_are_an_error(k):
    class Restore(k.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.model.set_weights([np.ones_like(w) for w in self.model.get_weights()])

    model = network(k)
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = data()
    with pytest.raises(tfcompress.PruningError, match="came back"):
        model.fit(x, y, epochs=2, verbose=0, callbacks=[Restore(), MagnitudePruning(0.5)])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"schedule": 0.5, "include": "nope"}, tfcompress.SelectionError, "nope"),
        ({"schedule": 0.5, "pattern": "2:4", "include": "dense*"}, tfcompress.SettingError, "divide"),
        ({"schedule": 0.5, "pattern": ("block", (5, 1))}, tfcompress.SettingError, "divide"),
    ],
)
def test_bad_input_before_the_first_step(k, arguments, error, message):
    model = k.Sequential([k.Input((6,)), k.layers.Dense(7, name="dense")])
    model.compile("adam", "mse")
    with pytest.raises(error, match=message):
        model.fit(np.ones((8, 6)), np.ones((8, 7)), verbose=0, callbacks=[MagnitudePruning(**arguments)])
    assert int(np.array(model.optimizer.iterations.numpy())) == 0


def test_nothing_to_prune(k):
    model = k.Sequential([k.Input((6,)), k.layers.BatchNormalization()])
    model.compile("adam", "mse")
    with pytest.raises(tfcompress.ModelError, match="kernel"):
        model.fit(np.ones((8, 6)), np.ones((8, 6)), verbose=0, callbacks=[MagnitudePruning(0.5)])
