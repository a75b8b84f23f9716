"""`make mutate` looks for a mistake with the tests that import its module; where none does, with all that reach it."""

import ast
import os
from functools import cache
from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item):
    """Forget the functions of other modules, while mutmut notes which test reaches which function."""
    if os.environ.get("MUTANT_UNDER_TEST") != "stats":
        return
    from mutmut.state import state

    own, elsewhere = (
        imported_by(item.path),
        {name for path in item.path.parent.glob("test_*.py") for name in imported_by(path)},
    )
    reached = state()._stats
    for name in [*reached]:
        module = name.rpartition(".")[0]
        if module in elsewhere and module not in own:
            reached.discard(name)


@cache
def imported_by(path: Path) -> frozenset[str]:
    """Return the names of modules in the imports of a file, and of what is taken out of them."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)
