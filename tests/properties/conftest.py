"""`make mutate` looks for a mistake with the tests of its module: the file of its name, else those that import it.

Where none of these reaches the function, it takes all tests that do, as mutmut would in any case.
"""

import ast
import os
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


def pytest_sessionfinish():
    """Leave out the tests of other modules, once mutmut knows which test reaches which function."""
    if os.environ.get("MUTANT_UNDER_TEST") != "stats":
        return
    from mutmut.state import state

    reached = state().tests_by_mangled_function_name
    for name, tests in reached.items():
        files = {path.name for path in tests_of(name.rpartition(".")[0], FOLDER)}
        own = {test for test in tests if Path(test.partition("::")[0]).name in files}
        reached[name] = own or tests


@cache
def tests_of(module: str, folder: Path) -> frozenset[Path]:
    """Return the files of a folder that test a module; empty where none says so."""
    named = folder / f"test_{module.rpartition('.')[2]}.py"
    if named.exists():
        return frozenset({named})
    return frozenset(path for path in folder.glob("test_*.py") if module in imported_by(path))


@cache
def imported_by(path: Path) -> frozenset[str]:
    """Return the names of modules in the imports of a file, and of what is taken out of them."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)
