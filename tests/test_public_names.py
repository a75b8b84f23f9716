"""The names that `tfcompress` offers: the same to Python, to editors and to type checkers."""

import ast
import inspect
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

import tfcompress
from tfcompress import typing
from tfcompress.deployment.target import targets
from tfcompress.runtime.engine import runtimes


def test_type_checkers_find_each_name_where_python_finds_it():
    tree = ast.parse(Path(tfcompress.__file__).with_suffix(".pyi").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    found = {alias.asname: (node.module, alias.name) for node in imports for alias in node.names}
    assert found == {name: (f"tfcompress.{home}", name) for name, home in tfcompress._HOMES.items()}


def test_completion_offers_functions_and_no_modules():
    import_module("tfcompress.conversion")  # from then on an attribute
    assert dir(tfcompress) == sorted(tfcompress.__all__)
    assert [name for name in dir(tfcompress) if name.startswith("co")] == [
        "compare",
        "compare_golden",
        "compress",
        "convert",
    ]


def test_a_misspelt_name_is_answered_with_the_right_one():
    with pytest.raises(AttributeError, match="Did you mean 'quantize'"):
        _ = tfcompress.quantise
    assert not hasattr(tfcompress, "shrink_the_file")


def test_choices_for_type_checkers_are_those_there_are():
    assert set(get_args(typing.Runtime)) == set(runtimes())
    assert set(get_args(typing.Target)) == set(targets())
    assert all(hasattr(typing, name) for name in typing.__all__)


@pytest.mark.parametrize("protocol", [typing.KerasModel, typing.TrainableModel], ids=lambda one: one.__name__)
def test_models_of_both_kerases_are_what_their_types_say(protocol, k):
    model = k.Sequential([k.layers.Input((2,)), k.layers.Dense(1)])
    model.compile("adam", "mse")
    members = {name: one for kind in protocol.__mro__ for name, one in vars(kind).items() if name[0] != "_"}
    fields = typing.TrainableModel.__annotations__ if protocol is typing.TrainableModel else {}
    assert [name for name in (*members, *fields) if not hasattr(model, name)] == []
    for name, method in members.items():
        if inspect.isfunction(method):
            known = inspect.signature(getattr(model, name)).parameters.values()
            if not any(one.kind is one.VAR_KEYWORD for one in known):
                told = [one for one in inspect.signature(method).parameters.values() if one.name != "self"]
                keywords = {one.name for one in told if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)}
                assert keywords <= {one.name for one in known}, name
