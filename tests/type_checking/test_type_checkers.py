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
            yield (ROOT / error["file"]).resolve(), error["line"], error["message"]


def basedpyright(paths):
    """Yield file, line and message of each error."""
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--outputjson", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    for error in json.loads(done.stdout)["generalDiagnostics"]:
        if error["severity"] == "error":
            yield Path(error["file"]).resolve(), error["range"]["start"]["line"] + 1, error["message"]


@pytest.fixture(scope="module", params=[mypy, basedpyright], ids=lambda checker: checker.__name__)
def errors(request, tmp_path_factory):
    """By file, the messages by line of one checker; the generated script is under its bare name."""
    pytest.importorskip(request.param.__name__)
    generated = tmp_path_factory.mktemp("generated") / "generated.py"
    generated.write_text("\n".join(mistakes_with_every_name()))
    found = {path: {} for path in [*SCRIPTS, generated]}
    for path, line, message in request.param(found):
        found[path][line] = message
    return found


def marked(path):
    """The lines that say of themselves that they are wrong."""
    return {number: line for number, line in enumerate(path.read_text().splitlines(), 1) if "# mistake" in line}


def test_six_mistakes_are_found(errors):
    path = HERE / "mistakes.py"
    assert len(marked(path)) == 6
    assert errors[path].keys() == marked(path).keys(), errors[path]


def test_nothing_is_found_in_what_is_correct(errors):
    correct = [path for path in SCRIPTS if path.name != "mistakes.py"]
    assert {path.name: errors[path] for path in correct if errors[path]} == {}


def test_mistakes_with_every_public_name_are_found(errors):
    (path,) = (path for path in errors if path.name == "generated.py")
    missed = [line for number, line in marked(path).items() if number not in errors[path]]
    assert missed == []
    assert errors[path].keys() == marked(path).keys(), errors[path]
