"""Recipes: epochs add up, files hold them, and strange files are refused."""

import json

import pytest

from tfcompress.errors import FileError, SettingError
from tfcompress.search import recipe as recipes
from tfcompress.search.recipe import Recipe


@pytest.mark.parametrize("epochs", [0, 1, 2, 3, 7, 30])
@pytest.mark.parametrize("changed", [{}, {"macs": 0.5}, {"sparsity": 0.8}, {"clusters": 16}])
@pytest.mark.parametrize("trained", [False, True])
def test_epochs_add_up(epochs, changed, trained):
    recipe = Recipe(trained=trained, epochs=epochs, **changed)
    assert recipe.float_epochs + recipe.quantized_epochs == epochs
    assert bool(recipe.float_epochs) == bool(epochs and (changed or not trained))


def test_a_file_holds_a_recipe(tmp_path):
    recipe = Recipe("int8x4", flash=64_000, macs=0.5, trained=True, epochs=9, learning_rate=2e-3, seed=4)
    path = recipes.save(tmp_path / "recipe.json", recipe, {"model": "m"})
    assert recipes.load(path) == (recipe, {"model": "m"})


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"recipe": {"quantization": "int8", "colour": 1}},
        {"recipe": {"epochs": "many"}},
        {"recipe": {"sparsity": 0.5}},
        {"recipe": {"quantization": "int2"}},
        {"recipe": []},
        {"origin": 3},
    ],
)
def test_what_is_no_recipe(tmp_path, change):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"format": 1, "recipe": {"quantization": "int8"}, "origin": {}} | change))
    with pytest.raises((FileError, SettingError)):
        recipes.load(path)
