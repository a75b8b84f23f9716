"""A copy computes what its model does, shares what it shares, and what cannot be copied is named."""

import copy

import numpy as np
import pytest

import tfcompress
from tfcompress import ModelError, Runner, convert, prune_channels, quantize_aware, strip_quantization
from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.copying import copied


def twice_in_a_chain(k):
    relu, dense = k.layers.ReLU(name="act"), k.layers.Dense(16, name="twice")
    return k.Sequential([k.Input((16,), name="i"), k.layers.Dense(16, name="a"), relu, dense, relu, dense])


def shared_by_submodels(k):
    shared = k.layers.Dense(4, name="shared")

    def tower(name):
        entry = k.Input((16,), name=f"in_{name}")
        return k.Model(entry, shared(entry), name=name)

    entry = k.Input((16,), name="i")
    return k.Model(entry, k.layers.Concatenate(name="cat")([tower("left")(entry), tower("right")(-entry)]))


def a_submodel_twice(k):
    inner = k.Sequential([k.Input((16,)), k.layers.Dense(16, activation="tanh", name="deep")], name="inner")
    entry = k.Input((16,), name="i")
    return k.Model(entry, k.layers.Add()([inner(inner(entry)), entry * 2.0]))


@pytest.mark.one_keras
@pytest.mark.parametrize("build", [twice_in_a_chain, shared_by_submodels, a_submodel_twice])
def test_what_is_shared_is_shared_in_every_copy(k, build, rng):
    model, x = build(k), rng.normal(size=(64, 16)).astype("float32")
    expected = model.predict(x, verbose=0)
    qat_model = quantize_aware(model, samples=x)
    for made in (copied(model), strip_quantization(qat_model)):
        np.testing.assert_allclose(made.predict(x, verbose=0), expected, atol=1e-5)
    for made in (qat_model, copied(model)):
        assert len(made.trainable_variables) == len(model.trainable_variables)
    assert np.abs(qat_model.predict(x, verbose=0) - expected).max() < 0.05 * np.ptp(expected)


def test_channels_of_zeros_go_from_a_model_with_a_layer_used_twice(k, rng):
    relu = k.layers.ReLU(name="act")
    dense = [k.layers.Dense(16, name=name) for name in "ab"]
    model = k.Sequential([k.Input((16,)), dense[0], relu, dense[1], relu, k.layers.Dense(4)])
    weights = model.get_weights()
    weights[2][:, 8:], weights[3][8:] = 0, 0
    model.set_weights(weights)
    x = rng.normal(size=(64, 16)).astype("float32")
    smaller = prune_channels(model, ratio=0.5, round_to=2)
    np.testing.assert_allclose(smaller.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)


def test_a_layer_that_forgets_a_setting_is_named(k):
    class Forgetful(k.layers.Layer):
        def __init__(self, factor=1.0, **settings):
            super().__init__(**settings)
            self.factor = factor

        def call(self, x):
            return x * self.factor

        def get_config(self):
            return {"name": self.name, "dtype": "float32"}

    entry = k.Input((4,))
    model = k.Model(entry, k.layers.Dense(3)(k.layers.Dense(16)(Forgetful(3.0, name="forgetful")(entry))))
    for copying in (copied, quantize_aware, lambda model: prune_channels(model, ratio=0.5, keep_first=False)):
        with pytest.raises(ModelError, match="'forgetful'"):
            copying(model)


def test_lambdas_and_adapted_layers_are_copied_whole(k, rng):
    shift = 3.0
    normal = k.layers.Normalization()
    x = rng.normal(5, 2, size=(64, 4)).astype("float32")
    normal.adapt(x)
    entry = k.Input((4,))
    model = k.Model(entry, k.layers.Dense(2)(k.layers.Lambda(lambda y: y + shift, output_shape=(4,))(normal(entry))))
    np.testing.assert_allclose(copied(model).predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)


@pytest.mark.one_keras
def test_half_precision_with_a_custom_layer_converts(k, rng):
    class Plus(k.layers.Layer):
        def call(self, x):
            return x + 1.0

    entry = k.Input((8,))
    x = k.layers.Dense(8, dtype="mixed_float16")(entry)
    model = k.Model(entry, k.layers.Dense(4, dtype="float32")(Plus(dtype="mixed_float16")(x)))
    data = rng.normal(size=(64, 8)).astype("float32")
    answers = Runner(convert(model, samples=data)).predict(data)
    assert np.abs(answers - model.predict(data, verbose=0)).max() < 0.1


def test_clones_and_deep_copies(k, rng):
    x = rng.normal(size=(64, 16)).astype("float32")
    qat_model = quantize_aware(twice_in_a_chain(k), samples=x)
    clones = [k.models.clone_model(qat_model) for _ in range(2)]
    assert len({id(v) for model in (qat_model, *clones) for v in model.weights}) == 3 * len(qat_model.weights)
    clone = clones[1]
    clone.compile("sgd", "mse")
    clone.fit(x, x, verbose=0)
    tflite = convert(clone)
    apart = np.abs(Runner(tflite, runtime="reference").predict(x) - clone.predict(x, verbose=0))
    assert (apart <= 1.01 * tflite.outputs[0].scale).mean() > 0.99
    assert strip_quantization(clone).predict(x, verbose=0).shape == (64, 16)
    assert [layer.name for layer in clones[0].layers] == [layer.name for layer in qat_model.layers]
    np.testing.assert_array_equal(copy.deepcopy(qat_model).predict(x, verbose=0), qat_model.predict(x, verbose=0))


def test_a_used_callback_is_copied_and_used_again(k, rng):
    x = rng.normal(size=(64, 16)).astype("float32")
    pruner = tfcompress.MagnitudePruning(0.5)
    for _ in range(2):
        model = twice_in_a_chain(k)
        model.compile("sgd", "mse")
        model.fit(x, x, batch_size=8, verbose=0, callbacks=[pruner])
        assert tfcompress.sparsity(model).total == 0.5
        pruner = copy.deepcopy(pruner)


@pytest.mark.one_keras
def test_layers_whose_configuration_has_no_name_keep_it_and_those_of_their_parts(k, rng):
    layers = k.layers

    class Block(layers.Layer):
        """As most are written: no get_config, parts without a name, one of them made late."""

        def __init__(self, width, **settings):
            super().__init__(**settings)
            self.width, self.first, self.second = width, layers.Dense(width), layers.Dense(width)

        def build(self, shape):
            self.late = layers.Dense(self.width, name="late")
            super().build(shape)

        def call(self, x):
            return self.second(self.first(x)) + self.late(x)

        def get_config(self):
            return {"width": self.width}

    entry = k.Input((5,))
    model = k.Model(entry, layers.Dense(2, name="head")(Block(4)(Block(3, name="block_of_mine")(entry))))
    again = copied(model)
    assert [path for path, _ in model_view.layers(again)] == [path for path, _ in model_view.layers(model)]
    x = rng.normal(size=(60, 5)).astype("float32")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert "block_of_mine" in {row.path for row in quantize_aware(model, samples=x).quantization}
