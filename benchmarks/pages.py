"""Writes the tables and pictures of docs/ and README.md anew from benchmarks/results: no figure there is typed by hand.

    python -m benchmarks.pages

A page says where a table goes: `<!-- results: NAME -->` … `<!-- end -->`, and where the list of rows in which another
tool is ahead: `<!-- behind -->` … `<!-- end -->`. Rows that differ in
their seed alone become one row with mean and spread. `<!-- table: NAME -->` … `<!-- end -->` is a table of what the
library has: its runtimes, targets, commands or exit codes; or of what it makes of a known network.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks import pictures
from benchmarks.record import RESULTS, line, lines
from benchmarks.where_others_lead import behind
from tfcompress.cli.commands import COMMANDS
from tfcompress.cli.exit_codes import MEANINGS
from tfcompress.deployment.target import targets
from tfcompress.runtime.engine import runtimes

DOCS = Path(__file__).parent.parent / "docs"
MARK = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
OURS = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
SHARE = re.compile(r"([\d.]+) %")
BEHIND = re.compile(r"(<!-- behind -->\n).*?(<!-- end -->)", re.DOTALL)


def over_seeds(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join rows that differ in `seed`: numbers become "mean ± half the range (runs)"."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        told = tuple(value for key, value in row.items() if key in ("run", "target", "tool", "model"))
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
    """Return the Markdown of one result: rows, command, machine and versions."""
    if not (RESULTS / f"{name}.json").exists():
        return f"Not measured yet: `python -m benchmarks.{name}`.\n"
    kept = json.loads((RESULTS / f"{name}.json").read_text())
    rows = over_kerases(kept["rows"]) if name == "catalogue" else over_seeds(kept["rows"])
    names = [*dict.fromkeys(key for row in rows for key in row if key != "seconds")]
    body = [*lines(names), *(line(row.get(key) for key in names) for row in rows)]
    made = ", ".join(f"{package} {version}" for package, version in kept["versions"].items())
    return "\n".join(
        [*body, "", " · ".join(f"`{command}`" for command in kept["commands"]) + f" · {kept['machine']} · {made}", ""]
    )


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


KNOWN_NETWORK = ("float", "int8 after training", "50% of MACs, int8", "50% zeros, int8")


def known_network_table() -> list[str]:
    """Return the Markdown of what some ways make of ResNet-8, by `benchmarks.frontier`."""
    kept = json.loads((RESULTS / "frontier.json").read_text())["rows"]
    ours = [row for row in kept if (row["model"], row["tool"]) == ("resnet8_cifar10_jpeg", "tfcompress")]
    rows = []
    for way in KNOWN_NETWORK:
        found = next(row for row in ours if row["way"] == way)
        sizes = (f"{found[key]:,}" for key in ("flash_bytes", "deflated_bytes", "MACs"))
        rows.append((f"ResNet-8, {way}", *sizes, f"{found['test_accuracy']:.2f} %"))
    return [*lines(["file", "bytes in flash", "deflated", "MACs", "accuracy"]), *map(line, rows)]


TABLES = {
    "runtimes": runtimes_table,
    "targets": targets_table,
    "commands": commands_table,
    "exit_codes": exit_codes_table,
    "known_network": known_network_table,
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
