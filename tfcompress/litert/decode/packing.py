"""What packing has made of a file: bytes of each constant before and after, and whether it pays.

In: a packed file and its manifest. Out: a `Packing`, which prints itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfcompress.litert.decode.decode_op import decode_ops, method_of, pairs
from tfcompress.litert.graph import EditableFile, Value
from tfcompress.litert.manifest import entry, text
from tfcompress.result_base import Part, Result, Table

CODE_BYTES = 21_900
"""What DECODE adds to a firmware, measured on an emulated Cortex-M4; 16,000 of it are its loops for look-up tables."""

SHOWN = 256
"""Bytes from which on a constant that is not packed has a row of its own."""

RAW = "raw"


@dataclass(frozen=True)
class PackedConstant:
    """One constant of a packed file."""

    name: str
    """The Keras layer, where the manifest knows it; else the name of the tensor."""
    method: str
    """"pruning_mask", "huffman", "lookup_table" or "raw"."""
    before: int
    """Bytes as they would be without DECODE."""
    after: int
    """Bytes of stream and table; a table that several constants have counts at the first."""


@dataclass(frozen=True, repr=False)
class Packing(Result):
    """What a packed file takes before and after; print it for a table."""

    rows: tuple[PackedConstant, ...]
    size_before: int
    """Bytes of the plain file; those of the constants and the rest where the manifest does not tell."""
    size_after: int
    arena_before: int | None
    """The least arena in which TFLM ran the plain file, as the manifest tells."""
    arena_after: int | None
    plain_file: str
    """Which file LiteRT runs instead."""
    code: int = CODE_BYTES
    """Bytes that the op adds to a firmware, once for all its models."""

    @property
    def saved(self) -> int:
        """Bytes of flash that the file takes less."""
        return self.size_before - self.size_after

    @property
    def pays(self) -> bool:
        """Whether the file saves more than the op costs in code."""
        return self.saved > self.code

    @property
    def headline(self) -> str:
        """Sizes, and whether it pays."""
        sizes = f"{self.size_before:,} → {self.size_after:,} bytes in flash"
        if self.pays:
            return f"{sizes}: {self.saved:,} saved for about {self.code:,} of code, it pays"
        return (
            f"{sizes}: {self.saved:,} saved, and the op DECODE costs about {self.code:,} of code: it does not pay, "
            "unless the firmware has the op for another model"
        )

    def parts(self) -> Iterator[Part]:
        """A row a constant, and the arena."""
        rows = [
            (text(row.name, 60), row.method.replace("_", " "), f"{row.before:,}", f"{row.after:,}") for row in self.rows
        ]
        yield Table(("constant", "method", "bytes before", "after"), rows)
        if self.arena_before is not None and self.arena_after is not None:
            more = self.arena_after - self.arena_before
            yield f"arena of TFLM: {self.arena_before:,} → {self.arena_after:,} bytes, {more:+,}"
        yield f"code: about {self.code:,} bytes on a Cortex-M4 for the op DECODE, once in a firmware"
        yield f"TFLM alone runs this file; LiteRT runs {self.plain_file}"


def packing_of(file: EditableFile, size: int, manifest: Mapping[str, Any]) -> Packing | None:
    """Return what is packed in a file; None where nothing is."""
    if not decode_ops(file):
        return None
    layers = manifest.get("layers")
    names = layers if isinstance(layers, dict) else {}
    told = entry(manifest, "packing", "before")
    known = [one for one in told if isinstance(one, int)] if isinstance(told, list) else []
    rows: list[PackedConstant] = []
    rest: list[PackedConstant] = []
    seen: set[int] = set()
    for _, op in decode_ops(file):
        for stream, table, result in pairs(op):
            new = [one for one in (stream.content, table.content) if id(one) not in seen]
            if new:
                unpacked = int(np.prod(result.shape, dtype=np.int64)) * np.dtype(result.dtype).itemsize
                before = known[len(rows)] if len(rows) < len(known) else unpacked
                rows.append(PackedConstant(_layer(result, names), method_of(table), before, sum(map(len, new))))
                seen |= set(map(id, new))
    for graph in file.graphs:
        for value in graph.values:
            if value.content is not None and id(value.content) not in seen:
                seen.add(id(value.content))
                rest.append(PackedConstant(_layer(value, names), RAW, *2 * (len(value.content),)))
    rows += [row for row in rest if row.before >= SHOWN]
    small = [row.before for row in rest if row.before < SHOWN]
    if small:
        rows.append(PackedConstant(f"{len(small)} smaller ones", RAW, sum(small), sum(small)))
    plain, *arenas = (_number(manifest, key) for key in ("size", "arena_before", "arena_after"))
    plain = size + sum(row.before - row.after for row in rows) if plain is None else plain
    return Packing(tuple(rows), plain, size, *arenas, plain_file(manifest))


def _layer(value: Value, layers: Mapping[str, Any]) -> str:
    """Return the layer that a constant is of, or else one that reads it; the name of the tensor where none is known."""
    known = [value.name, *(result.name for op in value.readers for result in op.outputs)]
    return next((str(layers[name]) for name in known if name in layers), value.name)


def _number(manifest: Mapping[str, Any], key: str) -> int | None:
    found = entry(manifest, "packing", key)
    return found if isinstance(found, int) and 0 <= found < 2**40 else None


def plain_file(manifest: Mapping[str, Any]) -> str:
    """Return how to call the file that a packed one was made of, in the middle of a sentence."""
    name, size, sha = (entry(manifest, "packing", key) for key in ("name", "size", "sha256"))
    called = f"the plain file {text(name, 80)}" if name else "the plain file that was packed"
    facts = [f"{size:,} bytes" if isinstance(size, int) else "", f"SHA-256 {text(sha, 16)}…" if sha else ""]
    told = ", ".join(filter(None, facts))
    return f"{called} ({told})" if told else called
