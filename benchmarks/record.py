"""Rows of one benchmark: printed as they come, kept in results/NAME.json with commands and versions.

A row with the same keys as one in the file takes its place, so that a long benchmark can be run in parts. Each row has
the machine that made it, and the last commit that changed what is measured: rows of others are not compared with it.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
MEASURED = ("tfcompress", "requirements.lock")
"""What a row measures: when it changes, the row is older than the code."""
ORIGIN = ("machine", "commit")
"""The columns of a row that say where it comes from."""
PACKAGES = ("tensorflow", "keras", "tf_keras", "tensorflow-model-optimization", "ai-edge-litert", "numpy")


class Record:
    """The rows of one benchmark.

    Args:
        name: The name of the file of results.
        keys: The columns that tell rows apart.
        folder: Where the file is.
        module: The module that makes the rows. Default: the one of that name.
    """

    def __init__(self, name: str, *keys: str, folder: Path = RESULTS, module: str = "") -> None:
        self.module, self.keys, self.path = module or name, keys, folder / f"{name}.json"
        self._header: list[str] = []

    def _kept(self) -> dict[str, Any]:
        """Read the file anew, as another run may be adding to it as well."""
        return json.loads(self.path.read_text()) if self.path.exists() else {"commands": [], "rows": []}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows that there are."""
        return self._kept()["rows"]

    def add(self, **row: Any) -> None:
        """Print a row and keep it."""
        if self._header != [*row]:
            self._header = [*row]
            print(*lines(self._header), sep="\n")
        print(line(row.values()), flush=True)
        kept = self._kept()
        rows, commands = kept["rows"], kept["commands"]
        told = [tuple(old.get(key) for key in self.keys) for old in rows]
        key, row = tuple(row[key] for key in self.keys), {**row, "machine": machine(), "commit": commit()}
        if key in told:
            rows[told.index(key)] = row
        else:
            rows.append(row)
        self.path.parent.mkdir(exist_ok=True)
        if (now := command(self.module)) not in commands:
            commands.append(now)
        kept = {"commands": commands, "versions": versions(), "rows": rows}
        self.path.write_text(json.dumps(kept, indent=1) + "\n")


def command(module: str) -> str:
    """Return how this run was started, with DATA and MODEL for paths."""
    words = ["DATA" if os.path.isdir(word) else "MODEL" if os.path.isfile(word) else word for word in sys.argv[1:]]
    return " ".join(["python -m", f"benchmarks.{module}", *map(shlex.quote, words)])


def machine() -> str:
    """Return the processor and the number of cores."""
    names = [row.split(":")[1].strip() for row in _read("/proc/cpuinfo").splitlines() if row.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


@cache
def commit() -> str:
    """Return the last commit that changed what is measured; with a "+" where that has changes without a commit."""
    if _git("status", "--porcelain", "--", *MEASURED):
        return last_change() + "+"
    return last_change()


@cache
def last_change() -> str:
    """Return the last commit that changed what is measured; "" where git knows none."""
    return _git("log", "-1", "--format=%h", "--abbrev=10", "--", *MEASURED)


def comparable(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two rows are known to be of one machine and one commit."""
    return all(one.get(key) and one.get(key) == other.get(key) for key in ORIGIN) and not one["commit"].endswith("+")


def _git(*words: str) -> str:
    found = subprocess.run(["git", *words], cwd=RESULTS.parent.parent, capture_output=True, text=True)
    return found.stdout.strip()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def lines(names: list[str]) -> list[str]:
    """Return the head of a Markdown table."""
    return [line(name.replace("_", " ") for name in names), "|" + "---|" * len(names)]


def line(values: Any) -> str:
    """Return one row of a Markdown table."""
    return "| " + " | ".join(_text(value) for value in values) + " |"


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _read(path: str) -> str:
    return Path(path).read_text() if os.path.exists(path) else ""
