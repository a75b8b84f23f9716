import logging
import logging.handlers

import numpy as np

from tests.models import images, nested, three_inputs
from tfcompress.keras_compat import model_io


def test_predictor_equals_keras_by_name(k, rng):
    model = nested(k)
    x = images(rng, 5)
    found = model_io.predictor(model)({"image": x})
    for name, expected in zip(("left", "right"), model.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-6)


def test_one_predictor_after_another_makes_no_warning(k):
    model = k.Sequential([k.layers.Input((2,)), k.layers.Dense(1)])
    said = logging.handlers.BufferingHandler(100)
    logger = logging.getLogger("tensorflow")
    logger.addHandler(said)
    try:
        for _ in range(20):  # a function of TensorFlow may get the id of one that is gone, and its count of tracings
            model_io.predictor(model)({model_io.inputs(model)[0].name: np.ones((2, 2))})
    finally:
        logger.removeHandler(said)
    assert not [record.getMessage() for record in said.buffer]


def test_inputs_keep_their_names(k, rng):
    model = three_inputs(k)
    assert [spec.name for spec in model_io.inputs(model)] == ["zeta", "alpha", "mid"]
    data = {spec.name: rng.random((3, spec.shape[1]), dtype=np.float32) for spec in model_io.inputs(model)}
    expected = model.predict([data["zeta"], data["alpha"], data["mid"]], verbose=0)
    np.testing.assert_allclose(model_io.predictor(model)(data)["out"], expected, rtol=1e-5)


def test_dict_models_go_by_their_keys(k):
    a, b = k.Input((2,), name="a"), k.Input((2,), name="b")
    model = k.Model({"b": b, "a": a}, {"minus": k.layers.Subtract()([a, b]), "plus": k.layers.Add()([a, b])})
    found = model_io.predictor(model)({"a": np.full((1, 2), 3.0), "b": np.ones((1, 2))})
    assert found["minus"].tolist() == [[2.0, 2.0]]
    assert found["plus"].tolist() == [[4.0, 4.0]]
