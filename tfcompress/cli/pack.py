"""`tfcompress pack`: weights packed for the flash of a microcontroller."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfcompress.cli.byte_count import byte_count
from tfcompress.cli.command import Command, Printable
from tfcompress.cli.tflite_argument import add_tflite

if TYPE_CHECKING:
    from tfcompress.litert.decode.packing import Packing


@dataclass(frozen=True)
class WrittenPacking:
    """A packed file that was written, and what each of its constants takes."""

    path: Path
    packing: Packing

    def to_dict(self) -> dict[str, Any]:
        """Return the path, and the facts of the packing."""
        return {"path": str(self.path), **self.packing.to_dict()}

    def __str__(self) -> str:
        return f"{self.path}: {self.packing}"


def add(parser: argparse.ArgumentParser) -> None:
    """Name the arguments."""
    add_tflite(parser)
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the packed .tflite file to write")
    parser.add_argument(
        "--arena", type=byte_count, metavar="BYTES", help="the arena that TFLM may need, such as 60k. Default: no limit"
    )
    parser.add_argument(
        "--method",
        metavar="METHOD",
        default="auto",
        help="auto (default: each constant as it is smallest), pruning_mask, huffman or lookup_table",
    )


def run(arguments: argparse.Namespace) -> Printable:
    """Pack and save."""
    from tfcompress import files
    from tfcompress.deployment.packing.pack import pack

    files.require_writable(arguments.output)
    packed = pack(arguments.tflite, arena=arguments.arena, method=arguments.method)
    return WrittenPacking(packed.save(arguments.output), packed.packing)


COMMAND = Command(
    name="pack",
    purpose="pack the weights of an integer file for TFLM's op DECODE, so that zeros save flash",
    example="tfcompress pack model.tflite -o packed.tflite",
    add=add,
    run=run,
    details="Packed and plain file are run on TFLM and must agree bit by bit. TFLM alone runs a packed file.",
)
