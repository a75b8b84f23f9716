"""Writes the tables and pictures of docs/ and README.md anew from benchmarks/results: no figure there is typed by hand.

    python -m benchmarks.pages

A table holds rows of one machine and one commit, and says so where the code that it measures has changed since; rows
of before that was recorded stand by themselves. A page says where a table goes: `<!-- results: NAME -->` …
`<!-- end -->`, and where the list of rows in which another tool is ahead: `<!-- behind -->` … `<!-- end -->`. Rows that
differ in their seed alone become one row with mean and spread. `<!-- table: NAME -->` … `<!-- end -->` is a table of
what the library has: its runtimes, targets, commands or exit codes; of what it makes of a known network; or of what it
and other tools make of the tasks.
"""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks import pictures
from benchmarks.frontier_tables import known_network_table, schemes_table, tools_table
from benchmarks.record import ORIGIN, RESULTS, last_change, line, lines
from benchmarks.where_others_lead import behind
from tfcompress.cli.commands import COMMANDS
from tfcompress.cli.exit_codes import MEANINGS
from tfcompress.deployment.target import targets
from tfcompress.runtime.engine import runtimes

CHANGED = "**older than the code**, which has changed since"
OLDER = "**older than the code**: measured before rows had a commit"
DOCS = Path(__file__).parent.parent / "docs"
MARK = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
OURS = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
SHARE = re.compile(r"([\d.]+) %")
BEHIND = re.compile(r"(<!-- behind -->\n).*?(<!-- end -->)", re.DOTALL)


def over_seeds(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join rows that differ in `seed`: numbers become "mean ± half the range (runs)"."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        told = tuple(value for key, value in row.items() if key in ("run", "target", "epochs", "tool", "model"))
        groups.setdefault(told if "seed" in row else (id(row),), []).append(row)
    return [group[0] if "seed" not in group[0] else _joined(group) for group in groups.values()]


def _joined(group: list[dict[str, Any]]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for key, value in group[0].items():
        values = [row[key] for row in group]
        if key == "seed":
            joined["seeds"] = len(group)
        elif isinstance(value, float) and len({*values}) > 1:
            joined[key] = f"{mean(values):.2f} ± {(max(values) - min(values)) / 2:.2f}"
        else:
            joined[key] = mean(values) if isinstance(value, float) else value
    return joined


def over_kerases(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join the rows of a layer in both Kerases: of shares the lower, and both cells where their words differ."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["layer"], []).append(row)
    return [{key: _of_both([row[key] for row in group]) for key in group[0]} for group in groups.values()]


def _of_both(cells: list[str]) -> str:
    texts = {SHARE.sub("%", cell) for cell in cells}
    if len(texts) == 1:
        return min(cells, key=lambda cell: float(found[1]) if (found := SHARE.search(cell)) else 0.0)
    return " / ".join(cells)


def table(name: str) -> str:
    """Return the Markdown of one result: a table for each machine and commit, and how it is measured, folded away."""
    if not (RESULTS / f"{name}.json").exists():
        return f"Not measured yet: `python -m benchmarks.{name}`.\n"
    kept = json.loads((RESULTS / f"{name}.json").read_text())
    by_origin: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in kept["rows"]:
        origin = row["machine"], row.get("commit", "")
        by_origin.setdefault(origin, []).append({key: value for key, value in row.items() if key not in ORIGIN})
    parts = [_of_one_origin(name, *origin, rows) for origin, rows in by_origin.items()]
    if len(parts) > 1:
        parts.insert(
            0, "Rows of one table are of one machine and one commit; those of two tables are not to be compared."
        )
    made = ", ".join(f"{package} {version}" for package, version in kept["versions"].items())
    commands = "<br>".join(f"<code>{html.escape(command)}</code>" for command in kept["commands"])
    parts.append(f"<details><summary>How it is measured</summary><p>{commands}</p><p>{made}</p></details>")
    return "\n\n".join([*parts, ""])


def _of_one_origin(name: str, machine: str, commit: str, rows: list[dict[str, Any]]) -> str:
    rows = over_kerases(rows) if name == "catalogue" else over_seeds(rows)
    names = [*dict.fromkeys(key for row in rows for key in row if key != "seconds")]
    several = " and " in machine
    told = [f"{'Machines' if several else 'Machine'}: {machine}", f"commit {commit}" if commit else OLDER]
    if commit and commit != last_change():
        told.append(CHANGED)
    if several:
        told.append("which row is of which machine is not known, so that these rows are not to be compared")
    return "\n".join([*lines(names), *(line(row.get(key) for key in names) for row in rows), "", "; ".join(told) + "."])


def runtimes_table() -> list[str]:
    """Return the Markdown of the runtimes that the library has."""
    here = "in your process, one interpreter a core, what this process converted; other files in worker processes"
    rows = [
        (f'`"{spec.name}"`', spec.kernels, here if spec.runs_here else "in worker processes")
        for spec in runtimes().values()
    ]
    return [*lines(["runtime", "kernels", "where it runs"]), *map(line, rows)]


def targets_table() -> list[str]:
    """Return the Markdown of the targets that the library has; those that tell the same share a row."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for target in targets().values():
        rows.setdefault((target.asks, target.stops, target.slows), []).append(f'`"{target.name}"`')
    told = [(", ".join(names), *cells) for cells, names in rows.items()]
    return [*lines(["target", "what is asked", "findings that stop", "findings that slow"]), *map(line, told)]


def commands_table() -> list[str]:
    """Return the Markdown of the commands, each with its example."""
    rows = [(f"`{command.example}`", command.purpose) for command in COMMANDS.values()]
    return [*lines(["for example", "what it does"]), *map(line, rows)]


def exit_codes_table() -> list[str]:
    """Return the Markdown of the exit codes."""
    return [*lines(["exit code", "what it says"]), *(line((int(code), told)) for code, told in MEANINGS.items())]


TABLES = {
    "runtimes": runtimes_table,
    "targets": targets_table,
    "commands": commands_table,
    "exit_codes": exit_codes_table,
    "known_network": known_network_table,
    "schemes": schemes_table,
    "tools": tools_table,
}


def written_anew(page: str) -> str:
    """Return a page with its tables and lists as the results are now."""
    page = OURS.sub(lambda found: "\n".join([found[1].rstrip(), *TABLES[found[2]](), found[3]]), page)
    page = MARK.sub(lambda found: f"{found[1]}{table(found[2])}{found[3]}", page)
    return BEHIND.sub(lambda found: f"{found[1]}{behind(RESULTS)}\n{found[2]}", page)


def main() -> None:
    pictures.draw(RESULTS, DOCS)
    for page in (DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))):
        text = page.read_text()
        new = written_anew(text)
        if new != text:
            page.write_text(new)
            print(f"{page.name} written anew")


if __name__ == "__main__":
    main()
