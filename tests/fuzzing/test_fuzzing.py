"""What is damaged or hostile ends in an error of ours; fixed seeds, and each run in a process that may die."""

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

MICRO = importlib.util.find_spec("tflite_micro") is not None
ROOT = Path(__file__).parent.parent.parent


def endings(kind, count):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzzing.run", kind, str(count)],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = Counter(json.loads(done.stdout))
    assert found.total() == 8 * count
    return found


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("files", 24),
        ("manifests", 6),
        pytest.param("files", 500, marks=pytest.mark.slow),
        pytest.param("manifests", 200, marks=pytest.mark.slow),
    ],
)
def test_every_file_ends_well_or_in_an_error_of_ours(kind, count):
    found = endings(kind, count)
    assert found["look: FileError"] > count // 10, "the damage is real"
    assert found["look: well"] > count // 10, "and not all of it stops the reader"
    if kind == "manifests":
        runtimes = 3 if MICRO else 2
        assert found["run: well"] == runtimes * count, "no manifest stops a file from running"
