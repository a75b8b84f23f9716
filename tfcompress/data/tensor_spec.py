"""An input or output of a model or of a file, as everything that feeds or reads it needs to know it.

In: what a Keras model or a .tflite file says of it. Out: a `TensorSpec`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tfcompress.printable_names import printable


@dataclass(frozen=True)
class TensorSpec:
    """An input or output: its name, shape with batch axis (None where open), type, and int8 arithmetic."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None

    def __str__(self) -> str:
        sizes = ", ".join("None" if size is None else str(size) for size in self.shape)
        return f"{printable(self.name)}: ({sizes}) {self.dtype}"
