"""Every example runs, and the demo succeeds in each Keras."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
RUNNABLE = sorted(path.stem for path in (ROOT / "examples").glob("*.py") if "def main" in path.read_text())


@pytest.mark.parametrize("name", ["keras", pytest.param("tf_keras", marks=pytest.mark.slow)])
def test_demo(name, tmp_path):
    command = [sys.executable, "-m", "examples.demo", "--keras", name, "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "int8" in done.stdout
    assert (tmp_path / f"digits_{name}_int8.tflite").stat().st_size < 20_000
    assert "<svg" in (tmp_path / f"digits_{name}.html").read_text()


# The demo does what they do, and is run above; they come in the long suite.
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in RUNNABLE if name != "demo"])
def test_example(name, tmp_path):
    command = [sys.executable, "-m", f"examples.{name}"]
    if "--output" in (ROOT / "examples" / f"{name}.py").read_text():
        command += ["--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"MPLBACKEND": "agg"})
    assert done.returncode == 0, done.stderr[-2000:]


def test_examples_are_short():
    paths = [*(ROOT / "examples").glob("*.py")]
    assert paths
    for path in paths:
        assert len(path.read_text().splitlines()) < 80, path.name
