"""What `make mutate` found: how many mistakes the tests notice in each module, and those that they do not.

In: the folders `mutants` that runs of mutmut leave. Out: a table on stdout, and `docs/mutation.md` anew. Reasons come
from `REASONS` below, for changes that do nothing by their form, and by hand from `tests/survivors.txt`.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
RUNS = (ROOT, ROOT / "build" / "mutation")
"""Where mutmut ran: without TensorFlow, and with it."""
PAGE, BY_HAND = ROOT / "docs" / "mutation.md", ROOT / "tests" / "survivors.txt"
LIVES, UNTESTED, ENDLESS = (0,), (5, 33), (-24, 24, 36, 152, 255)
"""Exit codes that mutmut notes of a mistake: the tests passed; no test runs the function; they took too long."""

REASONS = {
    "wording": "only words of a message change; its kind, and what was received, stay",
    "default": "`None` or nothing is passed where NumPy's or Python's default is the same",
    "strict": "both sides of the `zip` are of one length; `strict=` says so to the reader",
    "size": "NumPy takes every negative number as the size that is left over",
    "cut": "one letter more is shown of what was received",
}


@dataclass(frozen=True)
class Change:
    """A mistake that no test noticed: a line before and after."""

    module: str
    before: str
    after: str

    @property
    def form(self) -> str:
        """Which of `REASONS` its form is; "" where a person has to say why."""
        if _outside_of_texts(self.before) == _outside_of_texts(self.after):
            return "wording"
        if re.search(r"zip\(", self.before) and re.search(r"strict=(None|True|False)\)|, \)", self.after):
            return "strict"
        sizes = r"\(-2\)|, -2\)|reshape\((None|\+1)\)|reshape\(-2, |reshape\(.*, -2, |\] = -2$|= \[-2 if "
        if re.search(sizes, self.after) and "-1" in self.before and not re.search(sizes, self.before):
            return "size"
        if self.after.replace("[:201]", "[:200]") == self.before:
            return "cut"
        defaults = r"astype\(None\)|(zeros|array)\(.*, (None)?\)|initial=None|strict=None"
        return "default" if re.search(defaults, self.after) and not re.search(defaults, self.before) else ""


def _outside_of_texts(line: str) -> str:
    """Return a line without what stands between its quotation marks."""
    return re.sub(r'"[^"]*"|\'[^\']*\'', '""', line)


@dataclass(frozen=True)
class Module:
    """The mistakes that were put into one module."""

    name: str
    mistakes: int
    """That were tried."""
    untested: int
    changes: tuple[Change, ...]
    left_out: int = 0
    """That a run which was stopped has not tried."""
    endless: int = 0
    """That are noticed by a test which did not end in time: more than a few are a sign of busy cores."""

    @property
    def share(self) -> float:
        """How many of them are noticed."""
        return 1 - (self.untested + len(self.changes)) / max(1, self.mistakes)


def found(runs: Sequence[Path] = RUNS) -> list[Module]:
    """Read what each run has left, module by module."""
    modules = []
    for run in runs:
        with _inside(run):
            modules += [_module(path) for path in sorted(Path("mutants").glob("tfcompress/**/*.meta"))]
    return sorted((module for module in modules if module.mistakes), key=lambda module: module.name)


@contextmanager
def _inside(run: Path) -> Iterator[None]:
    from mutmut.configuration import reset_config

    before = Path.cwd()
    os.chdir(run)
    reset_config()
    try:
        yield
    finally:
        os.chdir(before)


def _module(path: Path) -> Module:
    noted = json.loads(path.read_text())["exit_code_by_key"]
    codes = {key: code for key, code in noted.items() if code is not None}
    name = str(path.relative_to("mutants")).removesuffix(".meta")
    lives = [key for key, code in codes.items() if code in LIVES]
    untested = sum(code in UNTESTED for code in codes.values())
    changes = tuple(_change(name, key) for key in lives)
    endless = sum(code in ENDLESS for code in codes.values())
    return Module(name, len(codes), untested, changes, len(noted) - len(codes), endless)


def _change(module: str, mutant: str) -> Change:
    from mutmut.mutation.diff_apply import get_diff_for_mutant  # looks into the folder of the run

    lines = [line for line in get_diff_for_mutant(mutant).splitlines() if not line.startswith(("+++", "---"))]
    sides = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return Change(module, *sides)


def by_hand(path: Path = BY_HAND) -> Iterator[tuple[str, str, str]]:
    """Yield module, line and reason of each entry; a line of the module begins so, and stands there still."""
    module = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("tfcompress/"):
            module = line
        elif " ⇒ " in line:
            code, _, reason = line.strip().partition(" ⇒ ")
            yield module, code, reason


def page(modules: list[Module]) -> str:
    """Return the page: a row a module, then what lives and why."""
    lines = [
        "# Mistakes that the tests notice",
        "",
        "`make mutate` puts small mistakes into the modules below, one at a time: another operator, a number one",
        "higher, an argument left out, a branch that is always taken. On each it runs the tests in",
        "`tests/properties/` of the file that bears the name of the module, or of those that import it. It writes",
        "this page.",
        "",
        "| module | mistakes | noticed | without a reason |",
        "|---|---:|---:|---:|",
    ]
    given = list(by_hand())
    open_changes = {module: [change for change in module.changes if not reason_of(change, given)] for module in modules}
    for module in modules:
        left = len(open_changes[module]) + module.untested
        lines.append(f"| {module.name} | {_tried(module)} | {module.share:.1%} | {left or ''} |")
    mistakes = sum(module.mistakes for module in modules)
    noticed = sum(module.mistakes * module.share for module in modules) / max(1, mistakes)
    lines += [f"| **all** | **{mistakes:,}** | **{noticed:.1%}** | |", ""]
    endless = sum(module.endless for module in modules)
    lines += [f"{endless:,} of them were noticed by a test that did not end in time.", ""]
    lines += ["## Those that change nothing", ""]
    forms = Counter(change.form for module in modules for change in module.changes if change.form)
    lines += [f"- {forms[form]:,} × {reason}." for form, reason in REASONS.items() if forms[form]]
    lines += ["", "The others, by the line that was changed:", ""]
    for module in modules:
        told = Counter(
            reason_of(change, given) for change in module.changes if not change.form and reason_of(change, given)
        )
        lines += [f"- {module.name}: `{code}` ({count}): {reason}" for (code, reason), count in told.items()]
    lines += ["", "## Those for which a test is missing", ""]
    for module, changes in open_changes.items():
        lines += [f"- {module.name}: `{one.before}` → `{one.after}`" for one in changes if "`" not in one.before]
    return "\n".join(lines) + "\n"


def _tried(module: Module) -> str:
    """Tell how many mistakes were tried, and of how many where a run was stopped."""
    return f"{module.mistakes:,}" + (f" of {module.mistakes + module.left_out:,}" if module.left_out else "")


def reason_of(change: Change, given: list[tuple[str, str, str]]) -> tuple[str, str] | None:
    """Return the line and the reason of a change; None where nobody gave one."""
    if change.form:
        return "", REASONS[change.form]
    for module, code, reason in given:
        if module == change.module and code in change.before:
            return code, reason
    return None


if __name__ == "__main__":
    results = found()
    PAGE.write_text(page(results), encoding="utf-8")
    for module in results:
        print(f"{module.share:6.1%} of {module.mistakes:4,}  {module.name}")
