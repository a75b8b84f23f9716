"""The callback in real fits of both Kerases: few values a kernel, exactly, that train; zeros stay."""

import copy

import numpy as np
import pytest
import tensorflow as tf

import tfcompress
from tests.training.pruning.test_pruning import data, network
from tfcompress import MagnitudePruning, WeightClustering
from tfcompress.training.clustering.kernel_clusters import KernelClusters
from tfcompress.training.pruning.kernels import kernels_of


def fit(k, model, *callbacks, epochs=2, compiled=None):
    model.compile(k.optimizers.Adam(0.01), "sparse_categorical_crossentropy", **(compiled or {}))
    x, y = data()
    return model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, callbacks=[*callbacks])


def values(model):
    """How many values each kernel holds, more than one of which are left by whatever clusters them."""
    found = {path: kernel.values for path, kernel in tfcompress.sparsity(model).kernels.items()}
    assert found
    assert min(found.values()) > 1
    return found


def free(model):
    """Tell whether no constraint is left."""
    return all(variable.constraint is None for variable in model.trainable_variables)


@pytest.mark.one_keras
@pytest.mark.parametrize(
    "compiled",
    [{}, {"steps_per_execution": 8}, {"jit_compile": True}, {"run_eagerly": True}],
    ids=lambda compiled: next(iter(compiled), "plain"),
)
def test_few_values_that_train(k, compiled, capsys):
    model = network(k)
    before = [kernel.read() for kernel in kernels_of(model)]
    fit(k, model, WeightClustering(6), compiled=compiled)
    assert all(count <= 6 for count in values(model).values())
    assert "3 kernels hold at most 6 values each" in capsys.readouterr().err
    for old, kernel in zip(before, kernels_of(model), strict=True):
        assert not np.isin(kernel.read(), old).all()
    assert free(model)


@pytest.mark.one_keras
@pytest.mark.parametrize("first", [True, False])
def test_beside_a_pruner_zeros_are_exact_and_one_of_the_values(k, first):
    model, both = network(k), [MagnitudePruning(0.5), WeightClustering(6)]
    fit(k, model, *(both if first else both[::-1]))
    assert all(count <= 6 for count in values(model).values())
    assert tfcompress.sparsity(model).total == pytest.approx(0.5, abs=0.01)
    assert free(model)


@pytest.mark.one_keras
def test_zeros_of_a_pruned_model_stay(k):
    model = network(k)
    fit(k, model, MagnitudePruning(0.5))
    before = [kernel.read() == 0 for kernel in kernels_of(model)]
    assert all(zero.any() for zero in before)
    fit(k, model, WeightClustering(6))
    for zero, kernel in zip(before, kernels_of(model), strict=True):
        np.testing.assert_array_equal(kernel.read() == 0, zero)
    assert all(count <= 6 for count in values(model).values())


def test_a_centroid_moves_by_the_mean_of_its_members():
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8)])
    kernel = kernels_of(model)[0]
    clusters = KernelClusters(kernel, 3, tf.distribute.get_strategy())
    clusters.start()
    clusters.settle()
    before, members = kernel.read(), clusters.members.numpy()
    step = np.random.default_rng(0).normal(size=before.shape).astype("float32")
    after = clusters(before + step).numpy()
    for place in np.unique(members):
        chosen = members == place
        np.testing.assert_allclose(after[chosen], before[chosen] + step[chosen].mean(), rtol=1e-4, atol=1e-6)


def test_until_they_settle_weights_go_to_the_nearest_centroid():
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8)])
    kernel = kernels_of(model)[0]
    clusters = KernelClusters(kernel, 3, tf.distribute.get_strategy())
    clusters.start()
    far = kernel.read()
    far[0, 0] = 100.0
    before, centroids = clusters.moved.numpy(), clusters.centroids.numpy()[1:]
    after = clusters(far).numpy()
    moved = before + far - centroids[clusters_of(before, centroids)]
    members = clusters_of(moved, centroids)
    np.testing.assert_array_equal(clusters.members.numpy(), members + 1)
    for place in np.unique(members):
        np.testing.assert_allclose(after[members == place], moved[members == place].mean(), rtol=1e-4)


def clusters_of(weights, centroids):
    return np.abs(weights[..., None] - centroids).argmin(-1)


@pytest.mark.one_keras
def test_a_loop_of_ones_own(k):
    model, clustering, optimizer = network(k), WeightClustering(6), k.optimizers.SGD(0.1)
    x, y = data()
    for start in range(0, 64, 16):
        with tf.GradientTape() as tape:
            found = model(x[start : start + 16], training=True)
            loss = tf.reduce_mean(k.losses.sparse_categorical_crossentropy(y[start : start + 16], found))
        trained = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, trained), trained, strict=True))
        clustering.step(model, optimizer)
        assert all(count <= 6 for count in values(model).values())


@pytest.mark.one_keras
def test_replicas(k, strategy):
    with strategy.scope():
        model = network(k)
        fit(k, model, WeightClustering(6))
    assert all(count <= 6 for count in values(model).values())


@pytest.mark.one_keras
def test_moving_averages_take_the_place_of_weights(k):
    model = network(k)
    model.compile(k.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=4), "sparse_categorical_crossentropy")
    x, y = data()
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[WeightClustering(6)])
    assert all(count <= 6 for count in values(model).values())


@pytest.mark.one_keras
def test_a_shared_layer_in_a_nested_model_and_one_left_out(k):
    inner = k.Sequential([k.Input((6,)), k.layers.Dense(6, name="shared")], name="inner")
    inputs = k.Input((6,))
    model = k.Model(inputs, k.layers.Dense(6, name="out")(inner(inner(inputs))))
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(32, 6)).astype("float32")
    model.fit(x, x, verbose=0, callbacks=[WeightClustering(4, exclude=["out"])])
    assert values(model)["inner/shared/kernel"] == 4
    assert values(model)["out/kernel"] == 36


def test_mistakes(k, capsys):
    for wrong in (1, 129, 2.5, True, "16"):
        with pytest.raises(tfcompress.SettingError, match="a whole number from 2 to 128"):
            WeightClustering(wrong)
    model = network(k)
    kernels_of(model)[0].write(np.full((3, 3, 2, 4), np.nan, "float32"))
    with pytest.raises(tfcompress.ClusteringError, match=r"NaN or infinity in .*/kernel"):
        fit(k, model, WeightClustering())

    class Disturbs(k.callbacks.Callback):
        def on_train_end(self, logs=None):
            kernel = kernels_of(self.model)[0]
            kernel.write(np.random.default_rng(0).normal(size=kernel.read().shape))

    model = network(k)
    with pytest.raises(tfcompress.ClusteringError, match=r"/kernel: 72\. Another callback"):
        fit(k, model, WeightClustering(), Disturbs())
    assert copy.deepcopy(WeightClustering(5))._clusters == 5
