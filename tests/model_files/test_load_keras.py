import json

import numpy as np
import pytest

from tests.models import images, small_cnn
from tfcompress import ModelError, load_keras
from tfcompress.keras_compat import model_io, model_view


def suffixes(k):
    return (".keras", ".h5", "") if k.__name__ == "tf_keras" else (".keras", ".h5")


def test_each_format_loads_with_the_keras_that_wrote_it(k, tmp_path, rng, capsys):
    model, x = small_cnn(k), images(rng, 3)
    expected = model.predict(x, verbose=0)
    for suffix in suffixes(k):
        path = tmp_path / f"model{suffix}"
        model.save(path)
        loaded = load_keras(path)
        assert model_view.flavour(loaded) == k.__name__
        assert f"loaded {path.name} with {k.__name__} {k.__version__}" in capsys.readouterr().err
        np.testing.assert_allclose(loaded.predict(x, verbose=0), expected, rtol=1e-5)


def test_a_compiled_model_comes_back_compiled(k, tmp_path):
    model = small_cnn(k)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "model.keras")
    assert load_keras(tmp_path / "model.keras").optimizer is not None


def test_a_custom_loss_costs_the_compilation_and_not_the_model(k, tmp_path, capsys):
    model = small_cnn(k)
    model.compile("adam", loss=lambda y, p: p[:, 0])
    model.save(tmp_path / "model.keras")
    assert model_view.flavour(load_keras(tmp_path / "model.keras")) == k.__name__
    assert "not compiled" in capsys.readouterr().err


def test_an_old_h5_that_keras_3_cannot_read_loads_in_tf_keras(tmp_path):
    import h5py
    import keras
    import tf_keras

    path = tmp_path / "old.h5"
    small_cnn(tf_keras).save(path)
    with h5py.File(path, "a") as file:  # as Keras 2.3 to 2.9 wrote it
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            layer["config"].setdefault("groups", 1) if layer["class_name"] == "DepthwiseConv2D" else None
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.4.0"
    with pytest.raises(Exception, match="groups"):
        keras.models.load_model(path)
    assert model_view.flavour(load_keras(path)) == "tf_keras"


def test_a_plain_saved_model_becomes_a_model_for_inference(tmp_path, rng):
    import keras

    model, x = small_cnn(keras), images(rng, 3)
    model.export(tmp_path / "exported", verbose=False)
    loaded = load_keras(tmp_path / "exported")
    (name,) = [spec.name for spec in model_io.inputs(loaded)]
    (found,) = model_io.predictor(loaded)({name: x}).values()
    np.testing.assert_allclose(found, model.predict(x, verbose=0), rtol=1e-5)


def test_code_in_files_is_refused(k, tmp_path):
    model = k.Sequential([k.layers.Input((4,)), k.layers.Lambda(lambda x: x * 2)])
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"model{suffix}")
        with pytest.raises(ModelError, match="safe_mode"):
            load_keras(tmp_path / f"model{suffix}")


def test_a_file_that_keras_2_saved_on_windows_loads(tmp_path, rng, capsys):
    import io
    import zipfile

    import h5py
    import tf_keras

    model, x = small_cnn(tf_keras), images(rng, 3)
    model.save(tmp_path / "linux.keras")
    with zipfile.ZipFile(tmp_path / "linux.keras") as source, zipfile.ZipFile(tmp_path / "win.keras", "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith(".h5"):  # as os.path.join made the names of groups there
                result = io.BytesIO()
                with h5py.File(io.BytesIO(content)) as old, h5py.File(result, "w") as new:
                    for group in old:
                        for inner in old[group] if group == "layers" else ():
                            old.copy(old[group][inner], new, f"{group}\\{inner}")
                        if group != "layers":
                            old.copy(old[group], new, group)
                content = result.getvalue()
            target.writestr(name, content.replace(tf_keras.__version__.encode(), b"2.15.0"))
    loaded = load_keras(tmp_path / "win.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)
    assert "loaded win.keras with tf_keras" in capsys.readouterr().err


def test_what_is_no_model_is_named(k, tmp_path):
    small_cnn(k).save_weights(tmp_path / "alone.weights.h5")
    (tmp_path / "junk.keras").write_text("hello")
    (tmp_path / "empty.h5").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "model.tflite").write_bytes(b"\0\0\0\0TFL3" + bytes(100))
    for name, words in {
        "alone.weights.h5": "weights alone",
        "junk.keras": "begins b'hello'",
        "empty.h5": "begins b''",
        "folder": "saved_model.pb",
        "model.tflite": "already converted",
        "missing.keras": "does not exist",
    }.items():
        with pytest.raises(ModelError, match=words):
            load_keras(tmp_path / name)


def test_damaged_files_are_told(tmp_path):
    import zipfile

    import keras
    import tf_keras

    small_cnn(tf_keras).save(tmp_path / "whole.h5")
    small_cnn(keras).save(tmp_path / "whole.keras")
    for suffix in (".h5", ".keras"):
        whole = (tmp_path / f"whole{suffix}").read_bytes()
        for share in (0.1, 0.5, 0.9):
            (tmp_path / f"cut{suffix}").write_bytes(whole[: int(len(whole) * share)])
            with pytest.raises(ModelError, match=r"damaged|cut off|whole"):
                load_keras(tmp_path / f"cut{suffix}")
    for metadata in ("{", "[]", '{"keras_version": null}'):
        with zipfile.ZipFile(tmp_path / "odd.keras", "w") as archive:
            archive.writestr("metadata.json", metadata)
        with pytest.raises(ModelError):
            load_keras(tmp_path / "odd.keras")
    for path in (None, "a" * 300, "a\0b"):
        with pytest.raises(ModelError):
            load_keras(path)
