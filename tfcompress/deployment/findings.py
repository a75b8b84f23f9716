"""What stands between a file and a device.

In: findings. Out: a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tfcompress.printable_names import printable
from tfcompress.result_base import Part, Result, Table
from tfcompress.typing import Target


@dataclass(frozen=True)
class Finding:
    """One op that a target does not run, or not as it could."""

    op: str
    """Name, version and types of the op; "file" where it is of the whole file."""
    layer: str
    """The Keras layer, where the manifest knows it; else the name of the op's output."""
    reason: str
    hint: str
    blocks: bool = True
    """Whether the file does not run on the target; else it runs, slower."""

    @property
    def todo(self) -> str:
        """Say what this is called now."""
        raise AttributeError("A finding's `todo` is called `hint` now.")


@dataclass(frozen=True, repr=False)
class Findings(Result):
    """What a check found; print it for a table, iterate it for each `Finding`."""

    target: Target
    ops: int
    rows: tuple[Finding, ...]
    facts: dict[str, str | int | float] = field(default_factory=dict)
    """What was measured or estimated beside, with its unit in the name."""

    @property
    def passed(self) -> bool:
        """Whether the file runs on the target."""
        return not any(row.blocks for row in self.rows)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def headline(self) -> str:
        """Whether the file runs on the target."""
        verdict = "runs" if self.passed else "does NOT run"
        return f"{verdict} on {self.target}: {self.ops} ops, {len(self.rows) or 'no'} findings"

    def parts(self) -> Iterator[Part]:
        """What was measured, and a row for each finding."""
        if self.facts:
            yield Table(("fact", "value"), [*self._facts()])
        if self.rows:
            rows = [("stops" if r.blocks else "slows", r.op, r.layer, r.reason, r.hint) for r in self.rows]
            yield Table(("", "op", "layer", "reason", "way out"), rows)

    def __str__(self) -> str:
        """Return the same with a paragraph for each finding, as reasons and ways out are sentences."""
        lines = [self.headline, *(f"  {name}: {value}" for name, value in self._facts())]
        for row in self.rows:
            lines.append(f"{'stops' if row.blocks else 'slows'}  {printable(row.op)}  layer {row.layer!r}")
            lines += [f"       {printable(row.reason)}", f"       → {printable(row.hint)}"]
        return "\n".join(lines)

    def _facts(self) -> Iterator[tuple[str, str]]:
        for name, value in self.facts.items():
            yield name, f"{value:,}" if isinstance(value, int) else str(value)


@dataclass(frozen=True, repr=False)
class FindingsByTarget(Result, Mapping[str, Findings]):
    """One file on several targets: `Findings` by the name of each."""

    findings: Mapping[str, Findings]

    def __getitem__(self, target: str) -> Findings:
        return self.findings[target]

    def __iter__(self) -> Iterator[str]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    @property
    def passed(self) -> bool:
        """Whether the file runs on every target."""
        return all(findings.passed for findings in self.values())

    @property
    def headline(self) -> str:
        """Where it runs and where not."""
        told = {"runs": [], "does NOT run": []}
        for target, findings in self.items():
            told["runs" if findings.passed else "does NOT run"].append(target)
        return "; ".join(f"{verdict} on {', '.join(names)}" for verdict, names in told.items() if names)

    def parts(self) -> Iterator[Part]:
        """The findings for each target."""
        yield from self.values()
