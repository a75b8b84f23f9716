import numpy as np
import pytest

from tests.models import nested, small_cnn
from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_io, model_view


def test_flavour_is_read_from_the_object(k):
    assert model_view.flavour(small_cnn(k)) == k.__name__
    assert model_view.keras_of(small_cnn(k)) is k


@pytest.mark.parametrize("thing", [None, 3, "model.keras", object(), np.zeros(3)])
def test_what_is_no_model_is_refused(thing):
    with pytest.raises(ModelError, match="load_keras"):
        model_view.flavour(thing)


def test_paths_reach_into_nested_models_and_are_stable(k):
    first, second = nested(k), nested(k)
    paths = [weight.path for weight in model_view.weights(first)]
    assert "stem/kernel" in paths
    assert "inner/deep/kernel" in paths
    assert len(paths) == len(set(paths)) == len(first.weights)
    leaves = [path for path, _ in model_view.leaf_layers(second)]
    assert "inner" not in leaves
    assert {"stem", "inner/deep", "sum", "left", "right"} <= set(leaves)


def test_shared_layers_are_listed_once(k):
    inputs = k.Input((4,))
    dense = k.layers.Dense(4, name="twice")
    model = k.Model(inputs, dense(dense(inputs)))
    assert [weight.path for weight in model_view.weights(model)] == ["twice/kernel", "twice/bias"]


def test_subclassed_models_layers_in_lists_and_equal_names(k):
    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.parts = [k.layers.Dense(3, name="same"), k.layers.Dense(3, name="same")]
            self.lstm = k.layers.LSTM(2, name="lstm")

        def call(self, x):
            return self.lstm(self.parts[1](self.parts[0](x)))

    model = Net()
    with pytest.raises(ModelError, match="built"):
        model_io.inputs(model)
    expected = model(np.ones((2, 5, 3), "float32"))
    paths = [weight.path for weight in model_view.weights(model)]
    assert paths[:4] == ["same/kernel", "same/bias", "same_1/kernel", "same_1/bias"]
    assert "lstm/lstm_cell/recurrent_kernel" in paths
    assert [str(spec) for spec in model_io.inputs(model)] == ["input: (None, 5, 3) float32"]
    found = model_io.predictor(model)({"input": np.ones((2, 5, 3))})
    np.testing.assert_allclose(found["output"], expected, rtol=1e-5)


def test_fingerprint_follows_the_weights(k):
    model = small_cnn(k)
    before = model_view.fingerprint(model)
    assert before == model_view.fingerprint(model)
    model.get_layer("digit").kernel.assign_add(np.full((128, 10), 1e-3, "float32"))
    assert model_view.fingerprint(model) != before


def test_how_a_model_is_compiled_is_no_part_of_it(k):
    model = small_cnn(k)
    before = model_view.fingerprint(model)
    for _ in range(2):
        model.compile(k.optimizers.Adam(), "mse")
        assert model_view.fingerprint(model) == before
