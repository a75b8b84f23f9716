"""The whole search on a small model: what is found fits, a recipe makes it again, and mistakes are told at once."""

import json

import numpy as np
import pytest

from tests.models import images, small_cnn
from tfcompress.errors import DataError, SettingError, TfcompressError
from tfcompress.search import ways
from tfcompress.search.compress import compress
from tfcompress.search.recipe import Recipe

pytest.importorskip("optuna")


@pytest.fixture
def data(rng):
    """Images whose class is where they are brightest."""
    x = images(rng, 240)
    y = x.reshape(-1, 64)[:, :40].reshape(-1, 10, 4).mean(-1).argmax(1)
    return (x[:160], y[:160]), (x[160:], y[160:])


@pytest.fixture
def model(k, data):
    model = small_cnn(k)
    model.compile(k.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    model.fit(*data[0], epochs=3, verbose=0)
    return model


@pytest.mark.slow
@pytest.mark.one_keras
def test_training_of_ones_own(model, data, monkeypatch):
    monkeypatch.setattr(ways, "LEVELS", (1.0,))
    train, validation = data
    fitted = []

    def fit(model, *, epochs, callbacks):
        fitted.append(epochs)
        model.fit(*train, epochs=epochs, callbacks=callbacks, verbose=0)

    before = [np.array(weight) for weight in model.get_weights()]
    found = compress(
        model, train, validation=validation, test=validation, flash=12_000, target="cpu", epochs=3, fit=fit,
        compile=lambda one: one.compile("sgd", "sparse_categorical_crossentropy"),
    )  # fmt: skip
    assert {each.recipe for each in found.tried} > {Recipe("int8"), Recipe("int16x8")}
    assert sum(fitted) == found.epochs <= 3
    assert found.passed
    assert found.best.candidate.test_accuracy == found.best.candidate.accuracy
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))


@pytest.mark.slow
@pytest.mark.one_keras
def test_what_is_found_keeps_the_budget_and_is_made_again(k, model, data, tmp_path, monkeypatch):
    train, validation = data
    limits = {"validation": validation, "flash": 5_800, "target": "cpu"}
    found = compress(model, train, epochs=6, study=tmp_path / "study", **limits)
    assert found.best.tflite.size <= 5_800
    assert found.passed
    assert found.epochs <= 6
    assert found.best.recipe in {each.recipe for each in found.front}
    again = compress(model, train, epochs=6, study=tmp_path / "study", **limits)
    assert [each.recipe for each in again.tried] == [each.recipe for each in found.tried]
    path = found.save_recipe(tmp_path / "recipe.json")
    made = compress(model, train, validation=validation, target="cpu", recipe=path)
    assert made.best.tflite.content == found.best.tflite.content
    page = found.save(tmp_path / "front.html").read_text()
    assert page.count("<circle") == len(found.tried)
    assert json.loads(found.save(tmp_path / "front.json").read_text())["best"]["flash"] <= 5_800
    monkeypatch.chdir(tmp_path)
    model.save("model.keras")
    for each in [found.best.candidate, *(one for one in found.tried if one.recipe.quantized_epochs)][:2]:
        names = {"train": train}
        exec(found.lines[each.recipe], names)
        assert names["tflite"].content == each.tflite.content, each.recipe
        assert len(found.lines[each.recipe].splitlines()) <= 14


@pytest.mark.one_keras
def test_mistakes_are_told_before_training(model, data):
    train, validation = data
    for error, words, settings in (
        (DataError, "needs validation data", {"validation": None, "flash": 9_000}),
        (SettingError, "needs a budget", {"validation": validation}),
        (SettingError, "the least found is flash=", {"validation": validation, "flash": 100, "target": "cpu"}),
        (SettingError, "the least found is macs=", {"validation": validation, "macs": 0.01, "target": "cpu"}),
        (DataError, "same length", {"validation": (validation[0], validation[1][:3]), "flash": 9_000}),
        (SettingError, "epochs must be", {"validation": validation, "flash": 9_000, "epochs": -1}),
        (TfcompressError, "recipe is a .json", {"validation": validation, "flash": 9_000, "recipe": "missing.json"}),
    ):
        with pytest.raises(error, match=words):
            compress(model, train, **settings)
