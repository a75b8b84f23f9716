"""What mypy and basedpyright, both strict, say of scripts that use the library: every mistake, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.type_checking.every_name import mistakes_with_every_name

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
SCRIPTS = [HERE / "correct.py", HERE / "mistakes.py", *sorted((ROOT / "examples").glob("*.py"))]


def mypy(paths):
    """Yield file, line and message of each error; what was found of unchanged modules stays in .mypy_cache."""
    command = [sys.executable, "-m", "mypy", "--strict", "--output", "json", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    for error in map(json.loads, done.stdout.splitlines()):
        if error["severity"] == "error":
            yield error["file"], error["line"], error["message"]


def basedpyright(paths):
    """Yield file, line and message of each error."""
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--outputjson", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    for error in json.loads(done.stdout)["generalDiagnostics"]:
        if error["severity"] == "error":
            yield error["file"], error["range"]["start"]["line"] + 1, error["message"]


@pytest.fixture(scope="module", params=[mypy, basedpyright], ids=lambda checker: checker.__name__)
def errors(request, tmp_path_factory):
    """By the name of a script, the messages of a checker by line, and the lines that say of themselves to be wrong."""
    pytest.importorskip(request.param.__name__)
    generated = tmp_path_factory.mktemp("generated") / "generated.py"
    generated.write_text("\n".join(mistakes_with_every_name()))
    scripts = [*SCRIPTS, generated]
    found = {path.name: ({}, marked(path)) for path in scripts}
    for path, line, message in request.param(scripts):
        found[Path(path).name][0][line] = message  # mypy may tell where the same text was when it was last checked
    return found


def marked(path):
    """The lines that say of themselves that they are wrong."""
    return {number: line for number, line in enumerate(path.read_text().splitlines(), 1) if "# mistake" in line}


def test_six_mistakes_are_found(errors):
    found, wrong = errors["mistakes.py"]
    assert len(wrong) == 6
    assert found.keys() == wrong.keys(), found


def test_nothing_is_found_in_what_is_correct(errors):
    correct = {path.name for path in SCRIPTS} - {"mistakes.py"}
    assert {name: errors[name][0] for name in correct if errors[name][0]} == {}


def test_mistakes_with_every_public_name_are_found(errors):
    found, wrong = errors["generated.py"]
    assert len(wrong) > 300
    assert [line for number, line in wrong.items() if number not in found] == []
    assert found.keys() == wrong.keys(), found
