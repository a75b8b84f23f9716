"""A folder of modules with the names of those that we import: none of them is executed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tfcompress

ROOT = Path(tfcompress.__file__).parent.parent
DIGITS = ROOT / "tflite_models" / "digits_keras_int8.tflite"
NAMES = """
__future__ abc argparse ast codecs collections contextlib csv ctypes dataclasses enum functools hashlib importlib json
logging multiprocessing pickle queue random re resource select selectors signal sitecustomize socket struct subprocess
tempfile threading typing usercustomize uuid warnings weakref zlib absl ai_edge_litert litert_quantizer flatbuffers
keras matplotlib ml_dtypes numpy rich scipy tensorflow tensorflow_model_optimization tf_keras tflite_micro torch jax
"""


@pytest.fixture
def planted(tmp_path):
    """A folder whose modules leave a trace when they are executed."""
    folder = tmp_path / "planted"
    folder.mkdir()
    for name in NAMES.split():
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write({name + ' '!r})\n")
    yield folder
    assert not (tmp_path / "executed").exists(), (tmp_path / "executed").read_text()


def run(*words, cwd):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([*map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)


def test_through_the_children_of_the_library(planted, tmp_path):
    (planted / "tfcompress.py").write_text((planted / "json.py").read_text())
    script = tmp_path / "script.py"
    script.write_text(
        f"""
import sys
sys.path.append({str(ROOT)!r})
import numpy as np, tfcompress
import keras
from tfcompress.conversion.converter_process import converter_process
from tfcompress.runtime import run_once
model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])
x = np.random.default_rng(0).random((60, 4), dtype=np.float32)
sys.path[:0] = ["", {str(planted)!r}]  # as in a console, by `python -m`, or by an empty entry of PYTHONPATH
converter_process.start()
run_once._child.start()
del sys.path[:2]  # what this process itself imports from there is its own affair
made = tfcompress.convert(model, samples=x)
tfcompress.Runner(made, runtime="reference", workers=1).predict(x)
print(tfcompress.check(made, "cpu").passed)
"""
    )
    done = run(sys.executable, script, cwd=planted)
    assert done.stdout.split() == ["True"], done.stderr


def test_a_module_that_the_user_names_imports_what_is_installed(planted):
    (planted / "mine.py").write_text("import json, uuid, zlib, numpy\nassert numpy.zeros(1).size and uuid.uuid4()\n")
    code = f"""
import sys
sys.path[0] = {str(ROOT)!r}
from tfcompress.cli.keras_model import import_for_user
import_for_user("mine")
"""
    done = run(sys.executable, "-c", code, cwd=planted)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("way", ["script", "module"])
def test_through_the_command(planted, tmp_path, way):
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).random((60, 8, 8, 1), dtype=np.float32))
    program = [sys.executable, "-m", "tfcompress"]
    if way == "script":  # what pip makes of the entry point; its folder is no place for modules
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "tfcompress").write_text(
            f"import sys\nsys.path.append({str(ROOT)!r})\nfrom tfcompress.cli.main import main\nsys.exit(main())\n"
        )
        program = [sys.executable, tmp_path / "bin" / "tfcompress"]
        (planted / "tfcompress.py").write_text((planted / "json.py").read_text())
    else:  # Python itself looks there for `-m`: for what was asked for, and for what it needs to find that
        for name in ["abc", "collections", "contextlib", "functools", "importlib", "warnings", "weakref"]:
            (planted / f"{name}.py").unlink()
        (planted / "tfcompress").symlink_to(ROOT / "tfcompress")
    done = run(*program, "check", DIGITS, "--target", "cpu", cwd=planted)
    assert done.returncode == 0, done.stderr
    assert "runs on cpu" in done.stdout
