"""README and docs are true: code runs, commands exist, the table is that of the built model."""

import importlib.util
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

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
    assert "accuracy: passed (at most 1 point worse)" in capsys.readouterr().out
    assert (tmp_path / "model.tflite").exists()


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
START = r"(?:^(?:    |\$ )?|`|=\w+ |&& )"
"""Where a command begins: a line of code, or a code span; a variable or another command may stand before it."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_named_exists(page):
    from tfcompress.cli.commands import COMMANDS

    text = page.read_text()
    for module in re.findall(r"python -m ([\w.]+)", text):
        assert importlib.util.find_spec(module), f"python -m {module}"
    makefile = (ROOT / "Makefile").read_text()
    code = "\n".join(re.findall(r"```(?:\w*)\n.*?```|`[^`\n]+`|^    .*$", text, re.DOTALL | re.MULTILINE))
    for target in re.findall(rf"{START}make (?:\w+=\S+ )*([a-z][a-z-]*)", code, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    for command in re.findall(rf"{START}tfcompress ([a-z][a-z-]*)", code, re.MULTILINE):
        assert command in COMMANDS, f"tfcompress {command}"


def test_links_exist():
    links = re.findall(r"\]\(([^):]+)\)", TEXT)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_table_is_that_of_the_built_model():
    facts = json.loads((ROOT / "tflite_models" / "MANIFEST.json").read_text())["digits_keras_int8.tflite"]
    row = next(line for line in TEXT.splitlines() if line.startswith("| int8 |"))
    assert f"{facts['bytes']:,}" in row
    assert f"{100 * facts['accuracy']:.2f} %" in row
