"""What another machine made of golden samples, held against the golden values.

In: golden.npz, and result.json of run_golden.py. Out: a `GoldenComparison`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress.comparison.labels import predicted
from tfcompress.comparison.run_golden import differences
from tfcompress.errors import DataError, FileError
from tfcompress.printable_names import printable
from tfcompress.result_base import Part, Result, Table
from tfcompress.typing import StrPath

WAY_OUT = "Run run_golden.py beside this golden.npz again."


@dataclass(frozen=True)
class GoldenRow:
    """One kind of kernels on the other machine."""

    kernels: str
    """"reference", or "optimised": XNNPACK, on most processors."""
    differing: int
    """Output values that are not the golden ones: integers that are not equal, floats beyond the tolerance."""
    values: int
    largest: float | None
    """The largest difference, in the unit of the output's integers or floats."""
    accuracy: dict[str, float]
    """The share of samples that are classified as labelled, by output; empty without labels."""
    first_op: str
    """The first op whose result differs on the samples of which each op is known; empty where none does."""
    first_op_differing: int
    first_op_values: int
    error: str
    """How the kernels ended where they did not run; empty where they did."""


@dataclass(frozen=True, repr=False)
class GoldenComparison(Result):
    """What another machine computes of golden samples, by its kernels."""

    runtime: str
    machine: str
    samples: int
    samples_by_op: int
    golden_accuracy: dict[str, float]
    """That of the golden outputs, by output; empty without labels."""
    rows: tuple[GoldenRow, ...]

    @property
    def passed(self) -> bool:
        """Whether the reference kernels ran and gave the golden values, all of them."""
        return any(row.kernels == "reference" and not row.error and row.differing == 0 for row in self.rows)

    def __getitem__(self, kernels: str) -> GoldenRow:
        return {row.kernels: row for row in self.rows}[kernels]

    @property
    def headline(self) -> str:
        """Whether the reference kernels agree, and where."""
        row = self["reference"]
        verdict = "PASSED" if self.passed else "FAILED"
        words = row.error or f"{row.differing:,} of {row.values:,} output values differ"
        return f"{verdict}: on the reference kernels of {self.runtime} on {self.machine}, {words}"

    def parts(self) -> Iterator[Part]:
        """A row for each kind of kernels."""
        columns = ["kernels", "differing values", "largest difference", "first op that differs", "of its values"]
        names = [
            f"accuracy of {name}" if len(self.golden_accuracy) > 1 else "accuracy" for name in self.golden_accuracy
        ]
        golden = ["golden", "", "", "", "", *(f"{one:.2%}" for one in self.golden_accuracy.values())]
        rows = [tuple(golden)] if self.golden_accuracy else []
        rows += [self._row(row) for row in self.rows]
        yield Table((*columns, *names), rows)
        yield (
            f"{self.samples:,} samples against the reference kernels where golden.npz was made; each op on the first "
            f"{self.samples_by_op}. Ops behind the first one differ because of it, too."
        )

    def _row(self, row: GoldenRow) -> tuple[str, ...]:
        if row.error:
            return (row.kernels, f"did not run: {row.error}", *[""] * (3 + len(self.golden_accuracy)))
        share = f"{row.first_op_differing:,} of {row.first_op_values:,}" if row.first_op else "–"
        largest = "–" if row.largest is None else f"{row.largest:.6g}"
        accuracy = (f"{row.accuracy[name]:.2%}" for name in self.golden_accuracy)
        none = f"none on the first {self.samples_by_op} samples" if row.differing else "none"
        return (row.kernels, f"{row.differing:,} of {row.values:,}", largest, row.first_op or none, share, *accuracy)


def compare_golden(golden: StrPath, result: StrPath) -> GoldenComparison:
    """Hold what another machine computed against golden values.

    Args:
        golden: The path of golden.npz, from `golden`.
        result: The path of result.json, which run_golden.py wrote there.

    Returns:
        A `GoldenComparison`: accuracy, differing values and the first op that differs, for the reference kernels and
        for the optimised ones. It passes where the reference kernels gave every golden value.

    Raises:
        FileError: a file cannot be read, or is of another kind.
        DataError: the result is of other golden values.

    Example:
        >>> import subprocess, sys
        >>> _ = tfcompress.golden(tflite, "proof", x_test, y_test)
        >>> _ = subprocess.run([sys.executable, "proof/run_golden.py"], capture_output=True)  # on the other machine
        >>> tfcompress.compare_golden("proof/golden.npz", "proof/result.json")["reference"].differing
        0
    """
    arrays, digest = _golden(Path(golden))
    facts = json.loads(arrays["facts"].tobytes())
    told = _result(Path(result))
    if told["golden"] != digest:
        raise DataError("result.json must be of this golden.npz.", received=f"{result} of another one", hint=WAY_OUT)
    expected = [arrays[f"output_{place}"] for place in range(len(facts["outputs"]))]
    labels = {name: arrays[f"labels_{place}"] for place, name in enumerate(facts["labelled"])}
    try:
        rows = tuple(_row(name, one, facts, expected, labels) for name, one in told["kernels"].items())
        if not any(row.kernels == "reference" for row in rows):
            raise KeyError("reference")
        runtime, machine = printable(told["runtime"], 100), printable(told["machine"], 100)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise _damaged(result, error) from error
    return GoldenComparison(
        runtime=runtime,
        machine=machine,
        samples=facts["samples"],
        samples_by_op=facts["samples_by_op"],
        golden_accuracy=_accuracy(facts, expected, labels),
        rows=rows,
    )


def _row(
    name: str, told: dict[str, Any], facts: dict[str, Any], expected: list[np.ndarray], labels: dict[str, np.ndarray]
) -> GoldenRow:
    if "error" in told:
        return GoldenRow(name, 0, 0, None, {}, "", 0, 0, printable(told["error"], 300))
    if len(told["outputs"]) != len(expected) or len(told["ops"]) != len(facts["ops"]):
        raise ValueError("other outputs or ops than golden.npz has")
    found = [np.array(rows, array.dtype) for rows, array in zip(told["outputs"], expected, strict=True)]
    if any(one.shape != array.shape for one, array in zip(found, expected, strict=True)):
        raise ValueError("outputs of other shapes than golden.npz has")
    apart = [differences(one, array) for one, array in zip(found, expected, strict=True)]
    first = next((place for place, one in enumerate(told["ops"]) if int(one["differing"])), None)
    op = {} if first is None else facts["ops"][first]
    counts = {} if first is None else told["ops"][first]
    largest = [one["largest"] for one in apart]
    return GoldenRow(
        kernels=name,
        differing=sum(one["differing"] for one in apart),
        values=sum(one["values"] for one in apart),
        largest=None if None in largest else max(largest),
        accuracy=_accuracy(facts, found, labels),
        first_op=f"{op['op']} of layer {op['layer']}" if op else "",
        first_op_differing=int(counts.get("differing", 0)),
        first_op_values=int(counts.get("values", 0)),
        error="",
    )


def _accuracy(facts: dict[str, Any], outputs: list[np.ndarray], labels: dict[str, np.ndarray]) -> dict[str, float]:
    found = {}
    for spec, array in zip(facts["outputs"], outputs, strict=True):
        if spec["name"] in labels:
            scale, zero = spec["scale"] or 1.0, spec["zero_point"] or 0
            scores = (array.astype(np.float64) - zero) * scale
            found[spec["name"]] = float(np.mean(predicted(scores, 0.5) == labels[spec["name"]]))
    return found


def _golden(path: Path) -> tuple[dict[str, np.ndarray], str]:
    try:
        content = path.read_bytes()
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        _ = arrays["facts"], arrays["output_0"]
    except Exception as error:
        raise FileError(
            "golden.npz from tfcompress golden is needed.", received=f"{path}: {error}", hint="Make it anew."
        ) from error
    return arrays, sha256(content).hexdigest()


def _result(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
        _ = found["golden"], found["kernels"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from error
    return found


def _damaged(path: StrPath, error: Exception) -> FileError:
    return FileError("result.json from run_golden.py is needed.", received=f"{path}: {error!s:.200}", hint=WAY_OUT)
