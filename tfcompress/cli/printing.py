"""How a command's result is printed: as text that fits the terminal, or as JSON.

In: a result of the library. Out: text on stdout, and nothing else there.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfcompress.cli.command import Printable
from tfcompress.tables import within, wrapped

if TYPE_CHECKING:
    from tfcompress.litert.tflite_model import TFLiteModel


def print_result(result: Printable, as_json: bool) -> None:
    """Print what a command found or made."""
    if as_json:
        print(json.dumps(result.to_dict(), indent=2))
        return
    # 0 where stdout is no terminal and COLUMNS is not set: then lines are as long as they are.
    with within(shutil.get_terminal_size((0, 0)).columns or None):
        print(wrapped(str(result)))


@dataclass(frozen=True)
class WrittenModel:
    """A .tflite file that a command made."""

    path: Path
    tflite: TFLiteModel

    def to_dict(self) -> dict[str, Any]:
        """Return sizes, inputs and outputs, and how it was made."""
        sides = {side: [vars(spec) for spec in getattr(self.tflite, side)] for side in ("inputs", "outputs")}
        sizes = {"bytes_in_flash": self.tflite.size, "bytes_deflated": self.tflite.deflated_size}
        return {"path": str(self.path), **sizes, **sides, "manifest": self.tflite.manifest}

    def __str__(self) -> str:
        lines = [f"{self.path}: {self.tflite.size:,} bytes in flash, {self.tflite.deflated_size:,} deflated"]
        for side, specs in (("input", self.tflite.inputs), ("output", self.tflite.outputs)):
            for spec in specs:
                scale = "" if spec.scale is None else f", scale {spec.scale:.6g}, zero point {spec.zero_point}"
                lines.append(f"  {side} {spec}{scale}")
        return "\n".join(lines)


@dataclass(frozen=True)
class WrittenFiles:
    """The files that a command made, one a line."""

    paths: list[Path]

    def to_dict(self) -> dict[str, Any]:
        """Return their paths."""
        return {"paths": [str(path) for path in self.paths]}

    def __str__(self) -> str:
        return "\n".join(map(str, self.paths))
