"""Every command's example runs; its result is JSON with `--json`, and text that fits any terminal without."""

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import tfcompress
from tests.models import images, small_cnn
from tfcompress.cli import main
from tfcompress.cli.commands import COMMANDS
from tfcompress.cli.exit_codes import MEANINGS, ExitCode, code_of
from tfcompress.cli.printing import print_result
from tfcompress.errors import MissingPackageError

WITHOUT = {
    "load", "load_keras", "images", "quantize_aware", "strip_quantization", "prune_channels", "merge_lora",
    "reestimate_batch_norm", "distill", "log_comparison", "explore", "compare_golden",
}  # fmt: skip
"""Functions that make, read or log objects of a program, which is where they are called; one that serves a page; and
one that is `tfcompress compare --golden`."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that the examples name."""
    import keras

    keras.utils.set_random_seed(0)
    folder, x = tmp_path_factory.mktemp("examples"), images(np.random.default_rng(0), 60)
    model = small_cnn(keras)
    kernel, bias = model.get_layer("digit").get_weights()
    model.get_layer("digit").set_weights([np.where(abs(kernel) > 0.2, kernel, 0), bias])  # so that `pack` has zeros
    model.save(folder / "model.keras")
    y = model.predict(x, verbose=0).argmax(1)
    np.savez(folder / "calib.npz", x=x)
    for name, count in (("test", 24), ("train", 60), ("val", 24)):
        np.savez(folder / f"{name}.npz", x=x[:count], y=y[:count])
    tfcompress.convert(model, "float32").save(folder / "float.tflite")
    tfcompress.convert(model, samples=x).save(folder / "model.tflite")
    tfcompress.quantize_aware(model, samples=x).save(folder / "trained.keras")
    (folder / "labels.txt").write_text("\n".join(map(str, range(10))))
    return folder


def call(line, folder, monkeypatch):
    """Run a command in this process; return its result, exit code and output."""
    found, out, err = [], io.StringIO(), io.StringIO()

    def printed(result, as_json):
        found.append(result)
        print_result(result, as_json)

    monkeypatch.setattr(main, "print_result", printed)
    monkeypatch.chdir(folder)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as caught:
        main.run(main.parse(line.split()))
    return (found or [None])[0], caught.value.code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_runs(name, folder, monkeypatch, capsys):
    if name == "quantize":
        pytest.importorskip("litert_quantizer")
    if name == "compress":
        pytest.importorskip("optuna")
    without_training = " --epochs 0" * (name == "compress")
    result, code, out, err = call(f"{COMMANDS[name].example}{without_training} --json", folder, monkeypatch)
    if result is None and "pip install" in err:
        raise MissingPackageError(err)
    assert code in (ExitCode.DONE, ExitCode.TOO_FEW_SAMPLES), err
    assert json.loads(out) == json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert not [line for line in err.splitlines() if not line.startswith("tfcompress: ")]
    if name == "completion":
        return
    for columns in (40, 80, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        print_result(result, as_json=False)
        lines = capsys.readouterr().out.splitlines()
        assert [line for line in lines if len(line) > columns and " " in line.strip()] == []
        assert len(lines) > 0


def test_every_function_has_its_command():
    functions = {
        name for name in tfcompress.__all__
        if callable(getattr(tfcompress, name)) and not isinstance(getattr(tfcompress, name), type)
    }  # fmt: skip
    assert functions - WITHOUT == {name.replace("-", "_") for name in COMMANDS if name != "completion"}


def test_a_quantization_aware_model_is_inspected(folder, monkeypatch):
    result, code, out, _ = call("tfcompress inspect trained.keras", folder, monkeypatch)
    assert code == 0
    assert {row.path for row in result} >= {"conv", "digit"}
    assert "conv" in out
    _, code, out, err = call("tfcompress inspect model.keras", folder, monkeypatch)
    assert (code, out) == (2, "")
    assert "tfcompress preflight" in err


def test_convert_takes_what_the_function_takes(folder, monkeypatch):
    line = "tfcompress convert model.keras --samples calib.npz --calibration minmax -o new/folder/m.tflite"
    _, code, out, err = call(f"{line} --keep-float digit --keep-int16 conv", folder, monkeypatch)
    assert code == 0, err
    made = tfcompress.load(folder / "new" / "folder" / "m.tflite")
    assert made.manifest["settings"] == {
        "quantization": "int8", "io": "int8", "keep_float": ["digit"], "keep_int16": ["conv"],
    }  # fmt: skip
    assert made.manifest["calibration"]["method"] == "minmax"
    assert out.startswith("new/folder/m.tflite: ")


def test_a_report_tells_what_else_is_asked_for(folder, monkeypatch):
    line = "tfcompress report model.keras model.tflite float.tflite --data test.npz -o page.html --json"
    _, code, out, err = call(f"{line} --target cpu --latency --layer-errors --histograms", folder, monkeypatch)
    assert code == 0, err
    integer, floating = json.loads(out)["rows"]
    assert {row["layer"] for row in integer["errors"]["rows"]} >= {"conv", "digit"}
    assert floating["errors"] is None  # nothing is rounded in it
    for row in (integer, floating):
        assert [found["target"] for found in row["findings"]] == ["cpu"]
        assert row["latencies"]["rows"][0]["median"] > 0
    page = (folder / "page.html").read_text()
    _, code, out, err = call(line, folder, monkeypatch)
    assert {json.loads(out)["rows"][0][name] for name in ("errors", "latencies")} == {None}
    assert len((folder / "page.html").read_text()) < len(page)
    _, code, out, err = call(f"{line} --target cpuu", folder, monkeypatch)
    assert (code, out) == (2, "")
    assert "Did you mean 'cpu'?" in err


def test_quiet_and_verbose(folder, monkeypatch):
    line = "tfcompress convert model.keras --quantization float16 -o m.tflite"
    _, _, _, said = call(line, folder, monkeypatch)
    assert "loaded model.keras" in said
    _, _, out, said = call(f"{line} --quiet", folder, monkeypatch)
    assert said == ""
    assert "bytes in flash" in out
    _, _, _, said = call(f"{line} --verbose", folder, monkeypatch)
    assert "tfcompress: exporting the model: " in said
    _, code, _, said = call("tfcompress inspect calib.npz --quiet", folder, monkeypatch)
    assert code == 2
    assert said.count("\n") == 1
    _, _, _, said = call("tfcompress inspect calib.npz --verbose", folder, monkeypatch)
    assert "Traceback" in said


def test_exit_codes():
    class Found:
        verdict, passed = "too few samples to tell", False

    class Lost:
        passed = False

    assert (code_of(Found()), code_of(Lost()), code_of(object())) == (4, 1, 0)
    assert {*MEANINGS} == {*ExitCode}


def test_exit_codes_of_answers(folder, monkeypatch):
    for options, expected in (
        ("--max-accuracy-drop 0.9", ExitCode.DONE),
        ("--limit accuracy=0.2", ExitCode.TOO_FEW_SAMPLES),
    ):
        _, code, _, err = call(
            f"tfcompress compare model.keras model.tflite --data test.npz {options}", folder, monkeypatch
        )
        assert code == expected, err


def test_a_fault_of_ours_is_3_with_a_traceback(folder, monkeypatch):
    monkeypatch.setattr(importlib.import_module("tfcompress.deployment.energy"), "energy", lambda _: 1 / 0)
    _, code, out, err = call("tfcompress energy model.tflite", folder, monkeypatch)
    assert (code, out) == (3, "")
    assert "ZeroDivisionError" in err


def test_json_in_a_pipe_in_ascii(folder):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    words = [sys.executable, "-m", "tfcompress", "inspect", "model.tflite"]
    piped = subprocess.run([*words, "--json"], cwd=folder, env=environment, capture_output=True, check=True)
    facts = json.loads(piped.stdout.decode("ascii"))
    assert facts["kind"] == "integer"
    assert piped.stderr == b""
    table = subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=True)
    assert "CONV_2D" in table.stdout.decode("ascii")
