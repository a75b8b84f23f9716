"""Configs that name one thing for the check and another for Keras: refused, and no module of theirs is imported."""

import json
import sys
import zipfile
from pathlib import Path

import pytest

from tfcompress import ModelError, load_keras
from tfcompress.model_files.config_check import find_unknown
from tfcompress.model_files.known_classes import KnownClasses

OURS = "mine>Widget"
"""A name that the user has registered."""


@pytest.fixture
def registered(k):
    """A class and a function of the user, registered in this Keras."""
    module = type(sys)("module_of_the_user")
    exec("def twice(x):\n    return 2 * x\n", vars(module))
    objects = k.saving.get_custom_objects()
    before = dict(objects)
    sys.modules[module.__name__] = module
    k.saving.register_keras_serializable("mine")(module.twice)
    k.saving.register_keras_serializable("mine")(type("Widget", (k.layers.Layer,), {}))
    yield
    del sys.modules[module.__name__]
    objects.clear()
    objects.update(before)


def layer(k, class_name, **config):
    found = {"module": f"{k.__name__}.layers", "class_name": class_name, "registered_name": None}
    return {**found, "config": {"name": "bad", **config}}


def calling(k, function, **arguments):
    """A Lambda layer that calls a function of Keras."""
    shape = {"output_shape": None, "output_shape_type": "raw"}
    return layer(k, "Lambda", function=function, function_type="function", arguments=arguments, **shape)


def function(module, name, registered_name=None):
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered_name or name}


def relu_like(node):
    return lambda k: layer(k, "Activation", activation=node)


WAYS = {
    "a function under a registered name": relu_like(function("planted", "run", OURS)),
    "a class under a registered name": relu_like(
        {"module": "planted", "class_name": OURS, "config": {}, "registered_name": "run"}
    ),
    "a registered class of another name": relu_like(
        {"module": "planted", "class_name": "run", "config": {}, "registered_name": OURS}
    ),
    **{
        f"the value {name} of a module": lambda k, name=name: calling(
            k, {"module": "planted", "class_name": name, "config": {}, "registered_name": "run"}
        )
        for name in ("__slice__", "__ellipsis__", "__keras_tensor__", "__tensor__")
    },
    "a type of a module that is not loaded": relu_like(
        {
            "module": "tensorflow.python.tools.saved_model_cli",
            "class_name": "__typespec__",
            "spec_name": "Spec",
            "config": [],
            "registered_name": None,
        }
    ),
    "a path instead of a name": lambda k: calling(
        k, {**function(k.__name__, "src.activations.relu"), "registered_name": "saving"}
    ),
    "a reader of JSON": lambda k: calling(k, function(f"{k.__name__}.src.models.model", "model_from_json")),
    "another reader of JSON": lambda k: calling(
        k, function(f"{k.__name__}.src.layers.serialization", "deserialize_from_json")
    ),
    "a reader of models": lambda k: calling(
        k, function("keras.src.legacy.saving.legacy_h5_format", "load_model_from_hdf5")
    ),
    "a reader of weights": lambda k: calling(k, function("keras.applications", "MobileNet"), weights="secret.h5"),
    "a download": relu_like(function("keras.applications.imagenet_utils", "decode_predictions")),
    "a switch for the whole program": relu_like(
        function("keras.mixed_precision", "set_global_policy", "set_global_policy")
    ),
    "a lambda in a wrapper of cells": lambda k: layer(
        k,
        "RNN",
        cell={
            "class_name": "ResidualWrapper",
            "config": {
                "cell": {"class_name": "LSTMCell", "config": {"units": 2}},
                "residual_fn": ["4wEAAAA=", None, None],
                "residual_fn_type": "lambda",
                "residual_fn_module": "keras.src.layers.core.lambda_layer",
            },
        },
    ),
    "a reader of message descriptors": lambda k: {
        **layer(k, "TFOpLambda", function="io.decode_proto"),
        "module": f"{k.__name__}.src.layers.core.tf_op_layer",
    },
}


def write(path, k, bad):
    model = k.Sequential([k.layers.Input((4,), name="x"), k.layers.Dense(2, name="dense")])
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"].append(bad)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, "config.json": json.dumps(config)}.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_checked_is_what_keras_makes(k, way, registered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("planted.py").write_text("def run(*a, **b):\n    return a[0]\nopen('pwned', 'w').close()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path / "model.keras", k, WAYS[way](k))
    try:
        with pytest.raises(ModelError, match=r"known and compute only.*'bad'"):
            load_keras("model.keras")
        assert not Path("pwned").exists()
        assert "tensorflow.python.tools.saved_model_cli" not in sys.modules
    finally:
        sys.modules.pop("planted", None)


def test_subclasses_of_the_user_are_checked_like_their_bases(k):
    class Words(k.layers.StringLookup):
        pass

    class Call(k.layers.Lambda):
        pass

    known = KnownClasses(k, {"Words": Words, "Call": Call})
    for node in (
        layer(k, "Words", vocabulary="secret.txt"),
        layer(k, "Call", function="x", function_type="lambda"),
    ):
        assert find_unknown({**node, "registered_name": node["class_name"]}, known)
    assert not find_unknown({**layer(k, "Words", vocabulary=["a"]), "registered_name": "Words"}, known)


def test_functions_that_models_do_name_stay_known(k):
    known = KnownClasses(k, {})
    for module, name in (
        ("activations", "relu"),
        ("losses", "mean_squared_error"),
        ("applications.mobilenet_v2", "preprocess_input"),
        *([("ops", "softmax"), ("layers", "concatenate")] if k.__name__ == "keras" else [("layers", "concatenate")]),
    ):
        assert not find_unknown(calling(k, function(f"{k.__name__}.{module}", name)), known), name


def test_registered_objects_are_known_under_both_names(k, registered):
    known = KnownClasses(k, {})
    assert not find_unknown(calling(k, function("module_of_the_user", "twice", "mine>twice")), known)
    assert not find_unknown(calling(k, function("builtins", "mine>twice", "mine>twice")), known)
    assert not find_unknown({**layer(k, "Widget"), "module": "gone", "registered_name": OURS}, known)
    assert not find_unknown({"class_name": OURS, "config": {}}, known)
    for bad in (function("os", "system", "mine>twice"), function("builtins", "eval", "mine>twice")):
        assert find_unknown(calling(k, bad), known)
