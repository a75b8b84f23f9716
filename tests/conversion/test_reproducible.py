"""The same inputs give the same bytes: twice in one process, and in processes that hash otherwise."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CODE = """
import hashlib, importlib.util, sys
import keras, numpy as np
import tfcompress
from tests.models import images, small_cnn

keras.utils.set_random_seed(5)
model, x = small_cnn(keras), images(np.random.default_rng(5), 60)
files = [tfcompress.convert(model, samples=x) for _ in range(2)]
files += [tfcompress.convert(model, "dynamic") for _ in range(2)]
if importlib.util.find_spec("litert_quantizer"):
    floats = tfcompress.convert(model, "float32")
    files += [tfcompress.quantize(floats, samples=x, keep_float=["conv", "SOFTMAX"]) for _ in range(2)]
for first, second in zip(files[::2], files[1::2], strict=True):
    assert first.content == second.content
    print(hashlib.sha256(first.content).hexdigest())
"""


def made(seed):
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


def test_the_same_inputs_give_the_same_bytes_in_every_process():
    first = made("1")
    assert len(first) >= 2
    assert made("2") == first
