"""Both sides of a fork go on: each with processes, threads and locks of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")


def run(code):
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("way", ["here", "workers=2"])
def test_predictions_on_both_sides_are_right(way):
    """The runner was used before, and other threads hold its locks and ask its processes amid the fork."""
    said = run(
        f"""
import os, signal, sys, threading
import numpy as np, tfcompress
from tfcompress.conversion.converter_process import converter_process
from tfcompress.runtime import run_once
tflite = tfcompress.load("tflite_models/digits_keras_int8.tflite")
run_once.remember_as_ours(tflite)
runner = tfcompress.Runner(tflite{"" if way == "here" else ", " + way})
x = np.random.default_rng(0).random((1600, 8, 8, 1), dtype=np.float32)
expected = runner.predict(x)
stop, held = threading.Event(), threading.Event()

def hold():
    with converter_process._lock, run_once._child._lock:
        held.set()
        stop.wait()

others = [threading.Thread(target=hold), threading.Thread(target=lambda: [runner.predict(x) for _ in range(3)])]
for thread in others:
    thread.start()
held.wait()
child = os.fork()
signal.alarm(100)
if child:
    stop.set()
right = sum((runner.predict(part) == whole).all() for part, whole in zip(np.split(x, 16), np.split(expected, 16)))
other = tfcompress.Runner(tflite, runtime="reference", workers=1).predict(x[:3]).shape
print("child" if child == 0 else "parent", right, other, flush=True)
if child == 0:
    sys.exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
"""
    )
    assert sorted(said.splitlines()) == ["child 16 (3, 10)", "parent 16 (3, 10)"]


def test_what_needs_tensorflow_says_so():
    said = run(
        """
import os, signal
import numpy as np, tfcompress, keras, tensorflow as tf
from tfcompress.keras_compat import model_io, model_view
model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])
x = np.zeros((3, 4), "float32")
model.predict(x, verbose=0)
child = os.fork()
signal.alarm(100)
if child == 0:
    tflite = tfcompress.load("tflite_models/digits_keras_int8.tflite")
    for work in (
        lambda: tfcompress.convert(model, "float32"),
        lambda: model_io.predictor(model)({model_io.inputs(model)[0].name: x}),
        lambda: tfcompress.Runner(tflite).predict(tf.data.Dataset.from_tensors(np.zeros((2, 8, 8, 1), "float32"))),
    ):
        try:
            print("no error", work(), flush=True)
        except tfcompress.TfcompressError as error:
            print(type(error).__name__, "spawn" in str(error), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    )
    assert said.splitlines() == ["ModelError True"] * 3
