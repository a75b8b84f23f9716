"""The facts of one .tflite file as a value that prints itself.

In: rows of facts, and the manifest of the file. Out: text for people. Finds nothing out itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tfcompress.litert.manifest import entry, text
from tfcompress.litert.runtimes import OldestRuntime, oldest_runtime
from tfcompress.litert.subgraph_runs import Runs, runs_from
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.result_base import Part, Result, Table, plain

WIDEST = 60
"""Letters of a layer's name that are printed."""

WHY = (
    "Microcontrollers and accelerators without floating point refuse such a file; others run these ops slower and "
    "with casts around them."
)


@dataclass(frozen=True)
class OpRow:
    """One op of the file and what it costs."""

    name: str
    version: int
    layer: str
    """The Keras layer, where the manifest knows it; else the name of the output tensor."""
    dtype: str
    shape: tuple[int | None, ...]
    constant_bytes: int
    """Constant data that it reads; what several ops read counts at the first of them."""
    zeros: float | None
    """Share of zeros in the weights; None for ops without constant ones."""
    macs: int
    """Multiplications with accumulation, for one sample: in a loop those of all its trips, where they are known."""
    in_float: bool = False
    """Whether it reads or writes floats, other than casts at the model's own inputs and outputs."""
    weights: str = ""
    """The type of what it multiplies with, as that is stored: "int4" where weights have four bits."""
    signature: str | None = ""
    """The first signature that runs it, "" for the main graph of a file without; None for what no sample needs."""


@dataclass(frozen=True, repr=False)
class Inspection(Result):
    """The facts of one file; print it for a table."""

    tflite: TFLiteModel
    rows: tuple[OpRow, ...]
    float_ops: tuple[str, ...]
    kind: str
    """What the file is: "integer", "float32", "dynamic: …", "mixed: …", …."""
    runs: Runs
    """How often each graph of the file runs for one sample."""

    @property
    def oldest_runtime(self) -> OldestRuntime:
        """From which runtime on all run the file, as measured."""
        return oldest_runtime(self.tflite)

    @property
    def macs(self) -> int:
        """Multiplications with accumulation for one sample, of the signature that a `Runner` runs."""
        return self.runs.macs

    @property
    def bytes_by_layer(self) -> dict[str, int]:
        """Constant data by layer, the largest first."""
        sums: Counter[str] = Counter()
        for row in self.rows:
            sums[row.layer] += row.constant_bytes
        return {layer: count for layer, count in sums.most_common() if count}

    @property
    def bytes_by_type(self) -> dict[str, int]:
        """Constant data by type, the largest first; what several tensors share counts once."""
        sums: Counter[str] = Counter()
        for tensor in {one.buffer: one for graph in self.tflite.subgraphs for one in graph if one.bytes}.values():
            sums[tensor.dtype] += tensor.bytes
        return {dtype: count for dtype, count in sums.most_common() if count}

    @property
    def headline(self) -> str:
        """The sizes."""
        return f"{self.tflite.size:,} bytes in flash, {self.tflite.deflated_size:,} deflated, {self.macs:,} MACs"

    def parts(self) -> Iterator[Part]:
        """What the file is, a row an op, what is in float, how it was made."""
        tflite = self.tflite
        held = ", ".join(f"{count:,} bytes of {dtype}" for dtype, count in self.bytes_by_type.items())
        yield f"{self.kind}; constant data: {held or 'none'}"
        for side, specs in (("input ", tflite.inputs), ("output", tflite.outputs)):
            for spec in specs:
                scale = "" if spec.scale is None else f", scale {spec.scale:.6g}, zero point {spec.zero_point}"
                yield text(f"  {side} {spec}", 500).rstrip() + scale
        yield from self._graphs()
        yield self._table()
        yield from self._floats()
        if tflite.packing is None:
            yield f"oldest runtime: {text(self.oldest_runtime, 500)}"
        else:
            yield tflite.packing
        yield from _origin(tflite)

    def to_dict(self) -> dict[str, Any]:
        """The facts, ready for `json.dump`: those of the file, and the fields and properties above."""
        return {
            **self.tflite.to_dict(),
            "kind": self.kind,
            "macs": self.macs,
            "oldest_runtime": str(self.oldest_runtime),
            "packing": None if self.tflite.packing is None else self.tflite.packing.to_dict(),
            "float_ops": [*self.float_ops],
            "bytes_by_layer": self.bytes_by_layer,
            "bytes_by_type": self.bytes_by_type,
            "rows": plain(self.rows),
        }

    def _graphs(self) -> list[str]:
        """Tell what of the file is counted for one sample, where that is not simply all."""
        lines, names = [], self.tflite.signatures
        if len(names) > 1:
            found = runs_from(self.tflite, names.values())
            counted = ", ".join(f"{text(name, WIDEST)!r} {found[graph].macs:,} MACs" for name, graph in names.items())
            lines.append(f"signatures: {counted}; {names_run(self.tflite)} is what is run, and what is counted above")
        for op in self.runs.uncounted:
            lines.append(f"loop {op.name} (op {op.index}): the file does not tell how often it runs; counted once")
        return lines

    def _table(self) -> Table:
        rows: list[tuple[str, ...]] = []
        shown = None
        for row in self.rows:
            shape = "×".join("?" if size is None else str(size) for size in row.shape)
            zeros = "" if row.zeros is None else f"{row.zeros:.1%}"
            if len(self.tflite.signatures) > 1 and row.signature not in (None, shown):
                shown = row.signature
                rows.append((f"{text(shown, WIDEST)}:", *[""] * 8))
            cells = (text(row.name), f"v{row.version}", text(row.layer, WIDEST), row.dtype, row.weights, shape)
            rows.append((*cells, f"{row.constant_bytes:,}", zeros, f"{row.macs:,}" if row.macs else ""))
        return Table(("op", "version", "layer", "type", "weights", "shape", "bytes", "zeros", "MACs"), rows)

    def _floats(self) -> list[str]:
        if not self.float_ops:
            return ["every op is integer"]
        counted = ", ".join(f"{text(name)} ×{count}" for name, count in Counter(self.float_ops).items())
        share = sum(row.macs for row in self.rows if row.in_float) / max(1, sum(row.macs for row in self.rows))
        return [f"in float: {counted}; {share:.0%} of the MACs. {WHY}"]


def names_run(tflite: TFLiteModel) -> str:
    """Return which signature of a file runtimes run: the one of its first graph."""
    named = next((name for name, graph in tflite.signatures.items() if graph == 0), None)
    return "the first graph" if named is None else repr(text(named, WIDEST))


def _origin(tflite: TFLiteModel) -> list[str]:
    """Tell what the manifest says; anyone can write one, so nothing in it is relied on."""
    made = tflite.manifest
    if not made:
        return ["no manifest: the file was not made by tfcompress"]
    lines = [f"made by tfcompress {text(made.get('tfcompress', '?'), 40)}, as its manifest says"]
    for title, key in (("versions", "versions"), ("settings", "settings"), ("source", "source"), ("model", "model")):
        if made.get(key):
            lines.append(f"  {title}: {text(made[key], 300)}")
    if made.get("calibration"):
        ranges = entry(made, "calibration", "ranges")
        rest = {key: value for key, value in made["calibration"].items() if key != "ranges"} if ranges else None
        lines.append(f"  calibration: {text(rest or made['calibration'], 300)}")
        for name, bounds in [*ranges.items()][:8] if isinstance(ranges, dict) else []:
            lines.append(f"    {text(name, 60)} from {text(bounds, 60).replace(', ', ' to ')}")
    decisions, bits = made.get("decisions"), made.get("weight_bits")
    for name, decided in [*decisions.items()][:1000] if isinstance(decisions, dict) else []:
        lines.append(f"  {text(name, WIDEST)}: {text(decided, 200)}")
    if isinstance(bits, dict) and bits:
        lines.append("  bits of weights, chosen so that the file fits:")
    for name in [*bits][:1000] if isinstance(bits, dict) else []:
        found = [text(entry(bits, name, key), 20) for key in ("bits", "saves", "noise")]
        lines.append("    {}: {} bits; four save {} bytes and add noise at {} dB".format(text(name, WIDEST), *found))
    return lines
