"""The README is true: its code runs, its commands exist, its table is that of the built model."""

import json
import os
import re
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()


def test_the_examples_run_as_printed(tmp_path, capsys):
    from examples import digits

    x_train, x_test, y_train, y_test = digits.load()
    model = digits.build("keras")
    digits.train(model, x_train, y_train, epochs=8)
    model.save(tmp_path / "model.keras")
    code = "".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        exec(code, {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test, "np": np})
    finally:
        os.chdir(before)
    assert "passed: at most 1.00%" in capsys.readouterr().out
    assert (tmp_path / "model.tflite").exists()


def test_commands_and_links_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^    |`|KERAS=tf_keras )make ([a-z-]+)", TEXT, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for link in re.findall(r"\]\(([^):]+)\)", TEXT):
        assert (ROOT / link).exists(), link


def test_the_table_is_that_of_the_built_model():
    facts = json.loads((ROOT / "tflite_models" / "MANIFEST.json").read_text())["digits_keras_int8.tflite"]
    row = next(line for line in TEXT.splitlines() if line.startswith("| int8 |"))
    assert f"{facts['bytes']:,}" in row
    assert f"{100 * facts['accuracy']:.2f} %" in row
