"""The import arrows, the lean import and the size of files."""

import ast
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import tfcompress

ROOT = Path(tfcompress.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
STAGES = {"planning", "training", "conversion", "litert", "runtime", "comparison", "deployment", "reporting"}
ARROWS = {
    "training": set(),
    "conversion": {"litert", "runtime"},
    "litert": set(),
    "runtime": {"litert"},
    "comparison": {"litert", "runtime"},
    "deployment": {"litert", "runtime"},
    "reporting": {"litert", "runtime", "comparison", "deployment"},
    "planning": {"training", "conversion", "litert", "runtime", "deployment"},
    "base": set(),
    "cli": STAGES,
}
TENSORFLOW = {"tensorflow", "keras", "tf_keras", "tensorflow_model_optimization"}


def room(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first if first in {*STAGES, "cli"} else "base"


def imports(path: Path):
    """All modules that a file imports, at the top or inside functions, but not those for type checkers."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.col_offset) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module, node.col_offset
            yield from ((f"{node.module}.{alias.name}", node.col_offset) for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows(path):
    here = room(path)
    for module, _ in imports(path):
        parts = module.split(".")
        if parts[0] != "tfcompress" or len(parts) == 1:
            continue
        assert parts[1] != "cli" or here == "cli", f"{path} imports the command line"
        if parts[1] in STAGES:
            assert parts[1] == here or parts[1] in ARROWS[here], f"{here} must not import {module}"


@pytest.mark.parametrize("path", sorted((ROOT / "isolation").glob("*.py")), ids=lambda path: path.name)
def test_isolation_lies_below_all_stages(path):
    """What a child does is named by its parent; the layer itself knows messages, errors and temporary files."""
    known = {"errors", "files", "console", "cpu_cores", "temporary_files", "isolation"}
    ours = {module.split(".")[1] for module, _ in imports(path) if module.startswith("tfcompress.")}
    assert ours <= known


@pytest.mark.parametrize("path", sorted((ROOT / "layers").glob("*.py")), ids=lambda path: path.name)
def test_what_is_known_of_layers_lies_below_all_stages(path):
    """Specs and forms know errors and messages; the families know no catalogue, which lists them."""
    ours = [module.split(".")[1:] for module, _ in imports(path) if module.startswith("tfcompress.")]
    assert {first for first, *_ in ours} <= {"errors", "console", "layers"}
    assert path.name == "catalogue.py" or ["layers", "catalogue"] not in ours


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_who_may_import_tensorflow(path):
    allowed = (
        room(path) in {"training", "conversion"}
        or path.parent.name in {"layers", "model_files", "keras_compat"}
        or path.name == "image_folder.py"
    )
    for module, column in imports(path):
        if module.split(".")[0] in TENSORFLOW:
            assert allowed, f"{path} imports {module}"
            if room(path) == "base":
                assert column > 0, f"{path} must import {module} inside the function that needs it"
        if module.split(".")[0] == "tensorflow_model_optimization":
            assert path.name == "tfmot.py", "one file touches TF-MOT"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_at_most_300_lines(path):
    assert len(path.read_text().splitlines()) <= 300


def module_of(path: Path) -> str:
    parts = ["tfcompress", *path.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_circle_of_imports():
    """Imports inside functions count: a circle that is only put off is one that a reader has to hold whole."""
    paths = {module_of(path): path for path in FILES}
    reads = {
        module: sorted({name for name, _ in imports(path) if name in paths and paths[name].name != "__init__.py"})
        for module, path in paths.items()
    }
    done: set[str] = set()

    def walk(module, way):
        assert module not in way, " → ".join([*way[way.index(module) :], module])
        if module not in done:
            for other in reads[module]:
                walk(other, [*way, module])
            done.add(module)

    for module in reads:
        walk(module, [])


def test_no_two_modules_of_one_name():
    """The commands of cli/ are called as what they run; pruning/ is finished."""
    names = Counter(path.stem for path in FILES if room(path) != "cli" and path.parent.name != "pruning")
    assert [name for name, times in names.items() if times > 1 and name != "__init__"] == []


def test_no_two_classes_of_one_name():
    """But the two model classes that saved files name."""
    names = Counter(
        node.name
        for path in FILES
        if path.parent.name != "pruning"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, times in names.items() if times > 1] == ["QuantizationAwareModel"]


def test_import_is_lean_and_changes_no_environment():
    code = """
import os, sys
before = dict(os.environ)
import tfcompress
assert dict(os.environ) == before, "environment changed"
heavy = {"tensorflow", "keras", "tf_keras", "tensorflow_model_optimization", "ai_edge_litert"} & set(sys.modules)
assert not heavy, heavy
"""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=ROOT.parent)


def test_every_public_name_resolves():
    for name in tfcompress.__all__:
        assert getattr(tfcompress, name).__doc__, f"{name} has no docstring"
