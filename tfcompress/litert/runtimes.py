"""The oldest runtime that runs a file, from a table of what each runtime was measured to run.

In: a `TFLiteModel`. Out: an `OldestRuntime`. The table, `runtimes.json`, is written by `python -m benchmarks.runtimes`:
for each op, version and types the first of several runtimes from which on all run it, and for each op the versions that
a runtime registers. The `min_runtime_version` that TensorFlow's converter writes knows versions of ops, but no types.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import groupby
from pathlib import Path

from tfcompress.errors import SettingError
from tfcompress.litert.op_names import signature
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.tflite_model import OpFacts, TFLiteModel

YOUNG = 2 * 365
"""Days after which a runtime counts as one that people have: apps in stores hold older ones for about that long."""

CENTERED = "LiteRT 2.1.3"
"""XNNPACK of LiteRT 2.0.3 to 2.1.2 leaves the zero point of a right operand out of products, without an error."""


@dataclass(frozen=True, order=True)
class Release:
    """A runtime of the table; they are ordered by the day on which they were built."""

    released: date
    name: str
    """Such as "LiteRT 1.4.0"."""

    def is_young(self, today: date) -> bool:
        """Whether it came out less than two years ago."""
        return (today - self.released).days < YOUNG

    def __str__(self) -> str:
        return f"{self.name} ({self.released:%Y-%m})"


@dataclass(frozen=True)
class OldestRuntime:
    """From which runtime on all run a file; print it for a sentence."""

    release: Release | None
    """None: no runtime of the table runs it."""
    because: tuple[OpFacts, ...]
    """The ops that the runtimes before it refuse."""
    unmeasured: tuple[OpFacts, ...]
    """Ops whose version or types are not in the table: the release is then that of their version, types left out."""

    def __str__(self) -> str:
        kinds = ", ".join(dict.fromkeys(signature(op) for op in self.because))
        if self.release is None:
            return f"none that is known: {kinds}"
        told = f"{self.release}, for {kinds}" if self.because else f"{self.release}, perhaps older ones"
        if not self.unmeasured:
            return told
        return f"not before {self.release}; not measured: " + ", ".join(
            dict.fromkeys(signature(op) for op in self.unmeasured)
        )


def oldest_runtime(tflite: TFLiteModel) -> OldestRuntime:
    """Return the oldest runtime that has a kernel for every op of a file, in its version and types."""
    found = [(op, *first_release(op)) for op in tflite.ops]
    unmeasured = tuple(op for op, _, measured in found if not measured)
    if missing := tuple(op for op, release, _ in found if release is None):
        return OldestRuntime(None, missing, unmeasured)
    oldest = max((release for _, release, _ in found), default=releases()[0])
    because = tuple(op for op, release, _ in found if release == oldest != releases()[0])
    return OldestRuntime(oldest, because, unmeasured)


def first_release(op: OpFacts) -> tuple[Release | None, bool]:
    """Return the first release from which on all run an op, and whether that was measured.

    Where the version or the types were not, it is the first that registers the version. None: none does.
    """
    known, measured, versions = _table()
    if op.custom:
        return known[0], False
    place = measured.get(signature(op))
    if place is None and op_spec(op.name).any_number:
        place = _by_types().get(_types(signature(op)))
    if place is not None and _is_off_center(op):
        place = max(place, [release.name for release in known].index(CENTERED))
    if place is not None:
        return (known[place] if place < len(known) else None), True
    registered = zip(known, versions.get(op.name, ()), strict=False)
    return next((release for release, newest in registered if newest >= op.version), None), False


def _is_off_center(op: OpFacts) -> bool:
    """Tell a product of two int8 activations whose right operand has a zero point; see `CENTERED`."""
    right = op.inputs[1] if op.name == "BATCH_MATMUL" and len(op.inputs) > 1 else None
    return right is not None and right.dtype == "int8" and not right.bytes and any(right.zero_points)


def requantizes_to_int16(release: Release) -> bool:
    """Tell whether a runtime has a QUANTIZE from int8 to int16."""
    known, measured, _ = _table()
    return known.index(release) >= measured["QUANTIZE v2 (int8 → int16)"]


def releases() -> tuple[Release, ...]:
    """Return the runtimes of the table, the oldest first."""
    return _table()[0]


def release_of(wanted: str) -> Release:
    """Return the newest measured runtime that is not newer than a version of LiteRT, such as "1.4".

    Raises:
        SettingError: no version, or one that is older than all that were measured.
    """
    known = {release: _version(release.name) for release in releases() if release.name.startswith("LiteRT ")}
    is_version = isinstance(wanted, str) and re.fullmatch(r"\d+(\.\d+){0,2}", wanted)
    asked = _version(wanted) if is_version else None
    found = [release for release, version in known.items() if asked and version <= asked]
    if not found:
        raise SettingError(
            f"runtime must be a version of LiteRT from {_first(known)} on.",
            received=repr(wanted),
            hint="Pass the version that your app holds, such as runtime='1.4'.",
        )
    return max(found)


def _first(known: dict[Release, tuple[int, ...]]) -> str:
    return min(known).name.removeprefix("LiteRT ")


def _version(name: str) -> tuple[int, ...]:
    numbers = [int(number) for number in name.rpartition(" ")[2].split(".")]
    return tuple([*numbers, 0, 0][:3])


def _types(kind: str) -> str:
    """Return a signature with operands of one type in a row as one: "PACK v1 (float32, float32 → float32)" with one."""
    head, _, sides = kind.rstrip(")").partition(" (")
    each = ([name for name, _ in groupby(side.split(", "))] for side in sides.split(" → "))
    return f"{head} ({' → '.join(', '.join(names) for names in each)})"


@cache
def _by_types() -> dict[str, int]:
    """Return the place of the oldest runtime by signature without the number of operands: of several, the youngest."""
    found: dict[str, int] = {}
    for kind, place in _table()[1].items():
        if op_spec(kind.partition(" ")[0]).any_number:
            found[_types(kind)] = max(place, found.get(_types(kind), 0))
    return found


@cache
def _table() -> tuple[tuple[Release, ...], dict[str, int], dict[str, list[int]]]:
    """Return the runtimes, the place of the oldest by signature, and the newest version of each op by runtime."""
    table = json.loads(Path(__file__).with_name("runtimes.json").read_text(encoding="utf-8"))
    known = tuple(Release(date.fromisoformat(row["released"]), row["name"]) for row in table["runtimes"])
    names = [release.name for release in known]
    measured = {
        kind: names.index(name) if name in names else len(names)
        for name, kinds in table["oldest"].items()
        for kind in kinds
    }
    versions = {builtin: [*map(int, newest.split())] for builtin, newest in table["versions"].items()}
    return known, measured, versions
