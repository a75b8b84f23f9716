"""What mypy and basedpyright, both strict, say of scripts that use the library: every mistake, and nothing else."""

import dataclasses
import inspect
import json
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from types import ModuleType

import pytest

import tfcompress

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
    generated.write_text("\n".join(["# pyright: strict", *PREAMBLE, *mistakes_with_every_name()]) + "\n")
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


PREAMBLE = ["from typing import Any", "import tfcompress", "def something() -> Any: ..."]
UNTYPED = {"optimizer"}
"""Parameters that take what Keras, which has no types, makes."""


def mistakes_with_every_name():
    """Yield lines that use each public function, class and result wrongly."""
    for name in tfcompress.__all__:
        thing = getattr(tfcompress, name)
        if isinstance(thing, ModuleType):
            for inner, function in vars(thing).items():
                if inspect.isfunction(function) and function.__module__ == thing.__name__ and inner[0] != "_":
                    yield from wrong_calls(f"tfcompress.{name}.{inner}", function)
        elif inspect.isfunction(thing):
            yield from wrong_calls(f"tfcompress.{name}", thing)
            if inspect.signature(thing).return_annotation != "None":
                yield f"tfcompress.{name}({required(thing)}).no_such_attribute  # mistake"
        elif not issubclass(thing, Exception):
            yield from wrong_calls(f"tfcompress.{name}", thing)
            yield f"def use_{name}(one: tfcompress.{name}) -> None:"
            yield "    one.no_such_attribute  # mistake"
            for member in attributes(thing):
                yield f"    one.{member}.no_such_attribute  # mistake"
            for member, function in inspect.getmembers(thing, inspect.isfunction):
                if not member.startswith(("_", "on_", "set_")):  # what Keras calls of a callback is no mistake of users
                    yield from (f"    {line}" for line in wrong_calls(f"one.{member}", function))


def wrong_calls(name, function):
    """Yield a call with a wrong keyword, and with a wrong value for each parameter."""
    yield f"{name}({required(function, no_such_keyword=1)})  # mistake"
    for parameter in parameters(function):
        if parameter.name not in UNTYPED:
            yield f"{name}({required(function, **{parameter.name: 'object()'})})  # mistake"
        kinds = str(parameter.annotation).replace("|", " ").split()
        if {"int", "float"} & {*kinds} and "str" not in kinds:
            yield f"{name}({required(function, **{parameter.name: repr('text')})})  # mistake"


def required(function, **others):
    """Arguments for a call: something for what must be there, and others."""
    needed = {one.name: "something()" for one in parameters(function) if one.default is one.empty}
    return ", ".join(f"{name}={value}" for name, value in (needed | others).items())


def parameters(function):
    return [one for one in inspect.signature(function).parameters.values() if one.name != "self"]


def attributes(kind):
    """Fields and properties of a result."""
    fields = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    members = [name for each in kind.__mro__ for name, one in vars(each).items() if is_property(one)]
    return dict.fromkeys([*fields, *members])


def is_property(member):
    return isinstance(member, property | cached_property)
