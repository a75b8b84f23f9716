"""On which boards a file fits: what it needs in flash and memory against a table of common ones.

In: a `TFLiteModel`, and `boards.json` with what each board has. Out: a `Chips`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from tfcompress.deployment.check import check
from tfcompress.deployment.targets import esp_nn, tflm
from tfcompress.errors import RunError
from tfcompress.litert.decode.decode_op import decode_ops
from tfcompress.litert.decode.packing import CODE_BYTES
from tfcompress.litert.flatbuffer import lies_behind, within_flatbuffer
from tfcompress.litert.manifest import KEY
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.litert.write_metadata import without_entry
from tfcompress.result_base import Part, Result, Table
from tfcompress.typing import StrPath

CODE = 100_000
"""Bytes of TFLM, kernels and C library: a firmware for the digits model (convolution, pooling, dense layer, softmax) on
a Cortex-M4 with CMSIS-NN and kernels of one type has 111,400 bytes, of which 11,856 are the file."""
RESERVE = 16 * 1024
"""Bytes of memory beside the arena: the stack, the interpreter, the C library's own data."""
FREE = 0.25
"""The share of flash and of memory that has to be left for the program itself, or it is tight."""

Fit = Literal["fits", "tight", "too large"]


@dataclass(frozen=True)
class Board:
    """A board as its data sheets describe it."""

    name: str
    chip: str
    core: str
    flash: int
    """Bytes."""
    ram: int
    """Bytes of the largest block of memory in which an arena can lie."""
    npu: str | None
    kernels: str
    """What TFLM has for the core: "CMSIS-NN", "ESP-NN" or "reference"."""
    note: str
    source: str
    """The document that the figures are from."""


@dataclass(frozen=True)
class ChipRow:
    """One board: how the file fits, and what stays for the program."""

    board: Board
    fit: Fit
    flash_left: int
    """Bytes; below zero it does not go in."""
    ram_left: int
    gaps: int
    """Ops that the kernels of the core compute wrongly or refuse; `check` names them."""


@dataclass(frozen=True, repr=False)
class Chips(Result):
    """What a file needs on a microcontroller, and on which boards it fits."""

    file_bytes: int
    """What the file takes in flash, without its manifest."""
    code_bytes: int
    """An estimate of what TFLM and its kernels take in flash, with the op DECODE where weights are packed."""
    arena: int
    """The least arena in which TFLM runs the file, in bytes."""
    reserve: int
    """What is assumed for the stack, the interpreter and the C library's data, in bytes."""
    ops: tuple[str, ...]
    rows: tuple[ChipRow, ...]

    @property
    def headline(self) -> str:
        """How many boards it fits on, and what it needs."""
        count = Counter(row.fit for row in self.rows)
        return (
            f"fits on {count['fits']} of {len(self.rows)} boards, tight on {count['tight']}: about "
            f"{self.file_bytes + self.code_bytes:,} bytes of flash, {self.arena + self.reserve:,} of memory"
        )

    def parts(self) -> Iterator[Part]:
        """A row for each board, and what the figures are made of."""
        rows = [
            (
                row.board.name,
                row.board.core,
                row.fit,
                f"{row.flash_left:,} of {row.board.flash:,}",
                f"{row.ram_left:,} of {row.board.ram:,}",
                row.board.kernels + (f", {row.gaps} wrong or refused: see check" if row.gaps else ""),
                row.board.npu or "–",
            )
            for row in self.rows
        ]
        yield Table(("board", "core", "", "flash left", "memory left", "kernels", "NPU"), rows)
        yield (
            f"Flash: the file without its manifest, {self.file_bytes:,} bytes, and an estimate of {self.code_bytes:,} "
            f"for TFLM with its kernels. Memory: the arena, {self.arena:,} bytes, and {self.reserve:,} assumed for "
            f"stack, interpreter and C library; on each board its largest block alone, of which its own system may "
            f"keep a part: --json and .rows have a note on each. What is left is for your program: below {FREE:.0%} of "
            f"either it is tight. An NPU is not counted on."
        )
        yield f"Kernels: {', '.join(self.ops)}."

    def __getitem__(self, board: str) -> ChipRow:
        return {row.board.name: row for row in self.rows}[board]


def chips(tflite: TFLiteModel | StrPath) -> Chips:
    """Tell on which common boards a file fits, before anything is flashed.

    Args:
        tflite: The file, as a `TFLiteModel` or as a path.

    Returns:
        A `Chips`: a row a board with "fits", "tight" or "too large" and the bytes that are left for the program; what
        is measured of it, and what is assumed. `row.board.source` names the document that a board's figures are from.

    Raises:
        RunError: TFLM does not run the file; the error lists the ops.
        MissingPackageError: tflite-micro is not installed.
        FileError: no readable .tflite file.

    Example:
        >>> found = tfcompress.chips(tflite)
        >>> found["Arduino Nano 33 BLE Sense"].fit
        'fits'
    """
    tflite = as_tflite(tflite)
    if lies_behind(tflite.content):  # export_c brings constants into the flatbuffer as well
        tflite = TFLiteModel(within_flatbuffer(tflite.content))
    findings = check(tflite, "tflm")
    if not findings.passed:
        refused = "; ".join(f"{row.op}: {row.reason}" for row in findings if row.blocks)
        raise RunError("TFLM must run the file.", received=refused, hint="check(tflite, 'tflm') says what to do.")
    arena = int(findings.facts["arena needed, bytes"])
    size = len(without_entry(tflite.content, KEY))
    ops = tuple(sorted({op.name for op in tflite.ops}))
    code = CODE + (CODE_BYTES if decode_ops(tflite.file) else 0)
    gaps = {"CMSIS-NN": len(tflm.gaps(tflite)), "ESP-NN": len(esp_nn.gaps(tflite))}
    rows = tuple(_row(board, size + code, arena + RESERVE, gaps.get(board.kernels, 0)) for board in boards())
    return Chips(size, code, arena, RESERVE, ops, rows)


def _row(board: Board, flash: int, ram: int, gaps: int) -> ChipRow:
    left, memory = board.flash - flash, board.ram - ram
    fit: Fit = "fits"
    if min(left / board.flash, memory / board.ram) < FREE:
        fit = "too large" if min(left, memory) < 0 else "tight"
    return ChipRow(board, fit, left, memory, gaps)


@cache
def boards() -> tuple[Board, ...]:
    """Return the table of boards, the smallest memory first."""
    found = json.loads(Path(__file__).with_name("boards.json").read_text())
    return tuple(sorted((Board(**one) for one in found), key=lambda board: (board.ram, board.flash)))
