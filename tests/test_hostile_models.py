"""Model files that run code, read files or fill the memory: every way in is refused by name, unexecuted."""

import builtins
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tfcompress import ModelError, load_keras

SECRET = "the secret of this machine"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a file that nobody may read, and a marker that nobody may write."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "secret.bin").write_bytes(np.arange(8, dtype=np.float32).tobytes())
    return tmp_path


def layer(k, class_name, config, module):
    return {"module": module, "class_name": class_name, "config": {"name": "bad", **config}, "registered_name": None}


def function(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


TOUCH = "touch pwned"
WAYS = {
    "os.system as Lambda": lambda k: layer(
        k, "Lambda", {"function": function("os", "system"), "function_type": "function"}, "keras.layers"
    ),
    "exec as Lambda": lambda k: layer(
        k, "Lambda", {"function": function("builtins", "exec"), "function_type": "function"}, "keras.layers"
    ),
    "eval as the shape of a Lambda": lambda k: layer(
        k,
        "Lambda",
        {
            "function": function("keras.activations", "relu"),
            "function_type": "function",
            "output_shape": function("builtins", "eval"),
            "output_shape_type": "function",
        },
        "keras.layers",
    ),
    "marshalled": lambda k: layer(
        k,
        "Lambda",
        {"function": {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}, "function_type": "x"},
        "keras.layers",
    ),
    "a class of another package": lambda k: {
        **layer(k, "Popen", {"args": ["touch", "pwned"]}, "subprocess"),
        "registered_name": "Popen",
    },
    "a planted module": lambda k: layer(k, "Evil", {}, "planted"),
    "an activation": lambda k: layer(k, "Dense", {"units": 2, "activation": function("os", "system")}, "keras.layers"),
    "an initializer": lambda k: layer(
        k, "Dense", {"units": 2, "kernel_initializer": function("subprocess", "check_output")}, "keras.layers"
    ),
    "a function of Keras that loads": lambda k: layer(
        k, "Activation", {"activation": function("keras.utils", "get_file")}, "keras.layers"
    ),
    "a function of Keras that reads weights": lambda k: layer(
        k, "Activation", {"activation": function("keras.applications.vgg16", "VGG16")}, "keras.layers"
    ),
    "a loader of SavedModels": lambda k: layer(k, "TFSMLayer", {"filepath": "secret.txt"}, "keras.layers"),
    "a wrapped layer": lambda k: layer(
        k, "TimeDistributed", {"layer": layer(k, "Evil", {}, "planted")}, "keras.layers"
    ),
    "a vocabulary": lambda k: layer(
        k, "StringLookup", {"vocabulary": str(Path("secret.txt").resolve())}, "keras.layers"
    ),
    "a type": lambda k: layer(
        k,
        "Activation",
        {
            "activation": "relu",
            "spec": {
                "class_name": "__typespec__",
                "spec_name": "Evil",
                "registered_name": None,
                "module": "planted",
                "config": [],
            },
        },
        "keras.layers",
    ),
    "a TensorFlow function": lambda k: layer(k, "TFOpLambda", {"function": "io.write_file"}, "keras.layers"),
    "a TensorFlow function that writes a folder": lambda k: layer(
        k, "TFOpLambda", {"function": "quantization.experimental.quantize_saved_model"}, "keras.layers"
    ),
}


def hostile_config(k, way):
    model = k.Sequential([k.layers.Input((4,), name="x"), k.layers.Dense(2, name="dense")])
    config = json.loads(model.to_json())
    bad = WAYS[way](k)
    if k.__name__ == "tf_keras" and isinstance(bad["module"], str):
        bad["module"] = bad["module"].replace("keras.layers", "tf_keras.layers")
    config["config"]["layers"].append(bad)
    return model, config


def write(path, k, model, config):
    """Write a model file whose config is another than that of its model."""
    model.save(path)
    if path.suffix == ".h5":
        import h5py

        with h5py.File(path, "a") as file:
            file.attrs["model_config"] = json.dumps(config)
        return
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def watch(monkeypatch):
    """Let every start of a process or of code be an error, and note which files are opened."""
    (Path("planted.py")).write_text("open('pwned', 'w').close()\nclass Evil: pass\n")
    monkeypatch.syspath_prepend(".")

    def forbidden(*args, **settings):
        open("pwned", "w").close()
        raise AssertionError(f"executed: {args}")

    for module, name in ((os, "system"), (subprocess, "check_output"), (subprocess, "Popen"), (builtins, "exec")):
        monkeypatch.setattr(module, name, forbidden)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("way", WAYS)
def test_a_config_makes_nothing_that_is_not_known(k, way, suffix, place, monkeypatch):
    path = place / f"model{suffix}"
    write(path, k, *hostile_config(k, way))
    with pytest.raises(ModelError):  # once as it is, so that what Keras imports lazily is there
        load_keras(path)
    watch(monkeypatch)
    with pytest.raises(ModelError) as caught:
        load_keras(path)
    assert "'bad'" in str(caught.value), "the layer is named"
    assert "custom_objects" in str(caught.value), "the way out is told"
    assert not (place / "pwned").exists()
    assert SECRET not in str(caught.value)
    assert "planted" not in sys.modules


def run_command(*arguments):
    """Run the command in this process; return its exit code."""
    from tfcompress.cli import main

    with pytest.raises(SystemExit) as caught:
        main.run(main.parse(["tfcompress", *arguments]))
    return caught.value.code


CONVERT = ("convert", "model.keras", "--quantization", "float32", "-o", "model.tflite")


def test_the_command_refuses_them_too(k, place, capsys):
    write(place / "model.keras", k, *hostile_config(k, "a planted module"))
    Path("planted.py").write_text("open('pwned', 'w').close()\nclass Evil: pass\n")
    assert run_command(*CONVERT) == 2
    assert "planted.Evil" in capsys.readouterr().err
    assert not Path("pwned").exists()


def test_training_configs_are_not_executed(k, place, monkeypatch, capsys):
    model = k.Sequential([k.layers.Input((4,), name="x"), k.layers.Dense(2)])
    model.compile("adam", "mse")
    for suffix in (".keras", ".h5"):
        path = place / f"model{suffix}"
        model.save(path)
        if suffix == ".h5":
            import h5py

            with h5py.File(path, "a") as file:
                config = json.loads(file.attrs["training_config"])
                file.attrs["training_config"] = json.dumps({**config, "loss": function("os", "system")})
        else:
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read("config.json"))
            write(path, k, model, {**config, "compile_config": {"optimizer": "adam", "loss": function("os", "system")}})
        monkeypatch.setattr(os, "system", lambda command: pytest.fail("executed"))
        assert load_keras(path).name == model.name
        assert "not compiled" in capsys.readouterr().err


def external(file):
    file.create_dataset("outside", (8,), "float32", external=[("secret.bin", 0, 32)])


def link(file):
    import h5py

    file["outside"] = h5py.ExternalLink("other.h5", "/weights")


def virtual(file):
    import h5py

    layout = h5py.VirtualLayout((8,), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "weights", (8,))
    file.create_virtual_dataset("outside", layout)


def bomb(file):
    file.create_dataset("outside", (2**20, 2**10), "float32", chunks=(2**10, 2**10), compression="gzip")


def sparse(file):
    file.create_dataset("outside", (2**20, 2**12), "float32", chunks=(2**10, 2**10))


@pytest.mark.parametrize("attack", [external, link, virtual, bomb, sparse])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_weights_come_from_the_file_alone(k, attack, suffix, place):
    import io

    import h5py

    model, path = k.Sequential([k.layers.Input((4,)), k.layers.Dense(2)]), place / f"model{suffix}"
    model.save(path)
    if suffix == ".h5":
        with h5py.File(path, "a") as file:
            attack(file)
    else:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        content = io.BytesIO(members["model.weights.h5"])
        with h5py.File(content, "a") as file:
            attack(file)
        members["model.weights.h5"] = content.getvalue()
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
    with pytest.raises(ModelError, match="its own weights"):
        load_keras(path)


def test_archives_are_bounded_and_stay_inside(k, place, monkeypatch):
    from tfcompress.model_files import hdf5

    monkeypatch.setattr(hdf5, "ALWAYS_FINE", 2**20)
    model, path = k.Sequential([k.layers.Input((4,)), k.layers.Dense(2)]), place / "model.keras"
    for name, content, words in (
        ("assets/zeros", bytes(9 * 2**20), "packed into"),
        ("../outside", b"x", "outside"),
        ("assets\\..\\..\\outside", b"x", "outside"),
        ("/etc/outside", b"x", "outside"),
    ):
        model.save(path)
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        with pytest.raises(ModelError, match=words):
            load_keras(path)
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for config, words in (("[" * 100_000, "400"), ("[" * 900 + "]" * 900, "400")):
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**members, "config.json": config}.items():
                archive.writestr(name, content)
        with pytest.raises(ModelError, match=words):
            load_keras(path)


def test_one_file_is_not_two(place):
    import tf_keras

    model = tf_keras.Sequential([tf_keras.layers.Input((4,)), tf_keras.layers.Dense(2)])
    model.save("model.keras")
    model.save("model.h5")
    Path("both.h5").write_bytes(Path("model.h5").read_bytes() + Path("model.keras").read_bytes())
    with pytest.raises(ModelError, match="one file"):
        load_keras("both.h5")


def test_the_users_own_classes_keep_their_way(k, place):
    class Twice(k.layers.Layer):
        def call(self, x):
            return 2 * x

    k.Sequential([k.layers.Input((4,)), Twice(name="twice")]).save("model.keras")
    with pytest.raises(ModelError, match=r"Twice in the layer 'twice'.*custom_objects.*--import"):
        load_keras("model.keras")
    loaded = load_keras("model.keras", custom_objects={"Twice": Twice})
    assert isinstance(loaded.layers[-1], Twice)


def test_commands_import_what_they_are_told_to(k, place, monkeypatch, capsys):
    name = f"layers_for_{k.__name__}"
    Path(f"{name}.py").write_text(
        f"import {k.__name__} as k\n"
        "@k.saving.register_keras_serializable('mine')\n"
        "class Twice(k.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return 2 * x\n"
    )
    with monkeypatch.context() as context:
        context.syspath_prepend(str(place))
        module = __import__(name)
        k.Sequential([k.layers.Input((4,)), module.Twice()]).save("model.keras")
    del sys.modules[name]
    del k.saving.get_custom_objects()["mine>Twice"]
    assert run_command(*CONVERT) == 2
    assert "--import" in capsys.readouterr().err
    assert run_command(*CONVERT, "--import", name) == 0
    assert Path("model.tflite").exists()
    assert str(place) not in sys.path
    del k.saving.get_custom_objects()["mine>Twice"]
    assert run_command(*CONVERT, "--import", "no_such_module") == 2
    assert "no_such_module" in capsys.readouterr().err
