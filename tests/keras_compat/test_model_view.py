import logging
import logging.handlers

import numpy as np
import pytest

from tests.models import images, nested, small_cnn, three_inputs
from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_view


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
        model_view.inputs(model)
    expected = model(np.ones((2, 5, 3), "float32"))
    paths = [weight.path for weight in model_view.weights(model)]
    assert paths[:4] == ["same/kernel", "same/bias", "same_1/kernel", "same_1/bias"]
    assert "lstm/lstm_cell/recurrent_kernel" in paths
    assert [str(spec) for spec in model_view.inputs(model)] == ["input: (None, 5, 3) float32"]
    found = model_view.predictor(model)({"input": np.ones((2, 5, 3))})
    np.testing.assert_allclose(found["output"], expected, rtol=1e-5)


def test_predictor_equals_keras_by_name(k, rng):
    model = nested(k)
    x = images(rng, 5)
    found = model_view.predictor(model)({"image": x})
    for name, expected in zip(("left", "right"), model.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-6)


def test_one_predictor_after_another_makes_no_warning(k):
    model = k.Sequential([k.layers.Input((2,)), k.layers.Dense(1)])
    said = logging.handlers.BufferingHandler(100)
    logger = logging.getLogger("tensorflow")
    logger.addHandler(said)
    try:
        for _ in range(20):  # a function of TensorFlow may get the id of one that is gone, and its count of tracings
            model_view.predictor(model)({model_view.inputs(model)[0].name: np.ones((2, 2))})
    finally:
        logger.removeHandler(said)
    assert not [record.getMessage() for record in said.buffer]


def test_inputs_keep_their_names(k, rng):
    model = three_inputs(k)
    assert [spec.name for spec in model_view.inputs(model)] == ["zeta", "alpha", "mid"]
    data = {spec.name: rng.random((3, spec.shape[1]), dtype=np.float32) for spec in model_view.inputs(model)}
    expected = model.predict([data["zeta"], data["alpha"], data["mid"]], verbose=0)
    np.testing.assert_allclose(model_view.predictor(model)(data)["out"], expected, rtol=1e-5)


def test_dict_models_go_by_their_keys(k):
    a, b = k.Input((2,), name="a"), k.Input((2,), name="b")
    model = k.Model({"b": b, "a": a}, {"minus": k.layers.Subtract()([a, b]), "plus": k.layers.Add()([a, b])})
    found = model_view.predictor(model)({"a": np.full((1, 2), 3.0), "b": np.ones((1, 2))})
    assert found["minus"].tolist() == [[2.0, 2.0]]
    assert found["plus"].tolist() == [[4.0, 4.0]]


def test_fingerprint_follows_the_weights(k):
    model = small_cnn(k)
    before = model_view.fingerprint(model)
    assert before == model_view.fingerprint(model)
    model.get_layer("digit").kernel.assign_add(np.full((128, 10), 1e-3, "float32"))
    assert model_view.fingerprint(model) != before
