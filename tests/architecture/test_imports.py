"""The import arrows, the lean import and the size of files."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import tfcompress
from tfcompress.layers.catalogue import SPECS

ROOT = Path(tfcompress.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
STAGES = {"planning", "training", "conversion", "litert", "runtime", "comparison", "deployment", "reporting", "search"}
ARROWS = {
    "training": {"conversion"},
    "conversion": {"litert", "runtime"},
    "litert": set(),
    "runtime": {"litert"},
    "comparison": {"litert", "runtime", "conversion"},
    "deployment": {"litert", "runtime"},
    "reporting": {"litert", "runtime", "comparison", "deployment", "conversion"},
    "planning": {"training", "conversion", "litert", "runtime", "deployment"},
    "search": {"training", "conversion", "litert", "runtime", "comparison", "deployment"},
    "base": set(),
    "cli": STAGES,
}
LAYER_CLASSES = {"Layer", "InputLayer", "Lambda", *(name for spec in SPECS for name in spec.names if name[0].isupper())}
TENSORFLOW = {"tensorflow", "keras", "tf_keras", "tensorflow_model_optimization"}


def room(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return "cli" if first == "__main__.py" else first if first in {*STAGES, "cli"} else "base"


def imports(path: Path, *, typing: bool = False):
    """All modules that a file imports, at the top or inside functions, and with `typing` those for type checkers."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) and not typing
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


def test_imports_are_found_at_the_top_and_in_functions():
    modules = {module for module, _ in imports(ROOT / "litert" / "passes" / "int16_forms.py")}
    assert {"numpy", "tfcompress.litert.graph", "tfcompress.litert.graph.Value"} <= modules
    inside = {module for module, column in imports(ROOT / "bit_allocation.py") if column}
    assert inside == {"scipy.optimize", *(f"scipy.optimize.{name}" for name in ("Bounds", "LinearConstraint", "milp"))}


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


def test_what_works_on_files_knows_no_keras():
    """A .tflite file may come from elsewhere: what reads, runs and checks it does not ask how it was made."""
    of_keras = {"keras_compat", "model_files", "layers"}
    for path in (path for path in FILES if room(path) in {"litert", "runtime", "deployment"}):
        assert not of_keras & {module.split(".")[1] for module, _ in imports(path) if module.startswith("tfcompress.")}


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


MODULES = {module_of(path): path for path in FILES}


def floors(reads: dict[str, set[str]]) -> list[str]:
    """List what imports itself by way of others, after all that does not is taken away from the bottom up."""
    left = dict(reads)
    while ground := [name for name, others in left.items() if not others & left.keys() - {name}]:
        for name in ground:
            del left[name]
    return sorted(left)


def reads_of(path: Path) -> set[str]:
    return {name for name, _ in imports(path, typing=True) if name in MODULES and MODULES[name].name != "__init__.py"}


def test_no_circle_of_imports():
    """Imports inside functions and for type checkers count: a reader has to hold such a circle whole."""
    assert floors({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]
    assert floors({module: reads_of(path) for module, path in MODULES.items()}) == []


def test_no_circle_of_folders():
    """The folders stand above one another, and so do those within a stage."""
    for depth in (1, 2):
        reads: dict[str, set[str]] = {}
        for module, path in MODULES.items():
            if path.name != "__init__.py":
                here = ".".join(module.split(".")[1 : 1 + depth])
                reads.setdefault(here, set()).update(
                    ".".join(other.split(".")[1 : 1 + depth]) for other in reads_of(path)
                )
        assert floors(reads) == []


def test_what_lies_below_names_a_stage_only_to_load_saved_models():
    """Classes in saved files are looked up by name: the one thing that an import cannot say."""
    named = {
        (str(path.relative_to(ROOT)), node.value)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in MODULES and path.parent != ROOT
        if room(MODULES[node.value]) in STAGES and room(path) != room(MODULES[node.value])
    }
    assert named == {
        ("keras_compat/registration.py", "tfcompress.training.quantization.keras3_model"),
        ("keras_compat/registration.py", "tfcompress.training.quantization.tf_keras_model"),
        ("model_files/known_classes.py", "tfcompress.training.quantization.keras3_model"),
        ("model_files/known_classes.py", "tfcompress.training.quantization.tf_keras_model"),
        ("model_files/load_keras.py", "tfcompress.training.tfmot"),
    }


def test_few_files_know_the_schema_of_the_flatbuffer():
    knowing = [path.name for path in FILES if any("schema_py_generated" in name for name, _ in imports(path))]
    assert sorted(knowing) == ["bounds.py", "flatbuffer.py", "serialization.py"]


def is_test_on_a_kind_of_layer(node: ast.AST) -> bool:
    """Tell whether code asks of which class a layer is, by `isinstance` or by the name of its type."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
        classes = {ast.unparse(inner).rpartition(".")[2] for inner in ast.walk(node.args[1])}
        return bool(classes & LAYER_CLASSES)
    asked = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
    asked += [node.func] if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else []
    texts = [ast.unparse(one) for one in asked]
    return any(re.match(r"type\((layer|operation|weight\.layer|cell)[\w.]*\)\.__name__", text) for text in texts)


def test_what_a_layer_is_called_is_asked_in_its_catalogue():
    """Elsewhere fewer than ten places know a class of Keras: inputs, lambdas, cells, what Keras wraps by itself."""
    found = [
        f"{path.relative_to(ROOT)}: {ast.unparse(node)}"
        for path in FILES
        if ROOT / "layers" not in path.parents
        for node in ast.walk(ast.parse(path.read_text()))
        if is_test_on_a_kind_of_layer(node)
    ]
    assert 0 < len(found) < 10, found


def test_the_map_lists_every_file():
    """The list in docs/design.md; the commands of cli/ are called as what they run."""
    page = (ROOT.parent / "docs" / "design.md").read_text()
    listed = page[page.index("    tfcompress/      ") : page.index("    tests/      ")]
    names = {*re.findall(r"\w+", listed)}
    stems = {path.stem for path in FILES if room(path) != "cli" and path.name != "__init__.py"}
    assert stems - names == set()
    there = {path.stem for path in FILES}
    assert {name.removesuffix(".py") for name in re.findall(r"\b\w+\.py", listed)} - there == set()


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
