"""The built models in tflite_models/ run, and are as accurate as their manifest states."""

import hashlib
import json
from pathlib import Path

import pytest

import tfcompress
from examples import digits
from tfcompress.litert.inspect import float_ops

FOLDER = Path(__file__).parent.parent / "tflite_models"
MANIFEST = json.loads((FOLDER / "MANIFEST.json").read_text())


def test_every_file_is_in_the_manifest():
    assert sorted(path.name for path in FOLDER.glob("*.tflite")) == sorted(MANIFEST)


@pytest.mark.parametrize("name", MANIFEST)
def test_a_built_model_is_what_the_manifest_says(name):
    tflite, facts = tfcompress.load(FOLDER / name), MANIFEST[name]
    assert hashlib.sha256(tflite.content).hexdigest() == facts["sha256"]
    assert tflite.size == facts["bytes"]
    assert float_ops(tflite) == []
    _, x_test, _, y_test = digits.load()
    accuracy = (tfcompress.Runner(tflite).predict(x_test).argmax(axis=1) == y_test).mean()
    assert accuracy == pytest.approx(facts["accuracy"], abs=0.002), "one image may fall differently on other processors"
