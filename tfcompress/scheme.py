"""Schemes: in which numbers a .tflite file computes, keeps its weights, and takes and gives values.

In: the name that a user writes, such as "int8x4". Out: a `Scheme`; a new one is a row of `SCHEMES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfcompress.typing import InOut, Quantization


@dataclass(frozen=True)
class Scheme:
    """One way to quantize a whole model; the name is that of its activations, then the bits of its weights."""

    name: Quantization
    activations: Literal["int8", "int16", "float32"]
    weights: Literal["int4", "int8", "float16", "float32"]
    io: tuple[InOut, ...] = ("float32",)
    """The types that inputs and outputs of the model may have, the default first."""

    @property
    def is_integer(self) -> bool:
        """Whether every op computes in integers."""
        return self.activations != "float32"


SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Scheme("int8", "int8", "int8", ("int8", "uint8", "float32")),
        Scheme("int8x4", "int8", "int4", ("int8", "uint8", "float32")),
        Scheme("int16x8", "int16", "int8", ("int16", "float32")),
        Scheme("dynamic", "float32", "int8"),
        Scheme("float16", "float32", "float16"),
        Scheme("float32", "float32", "float32"),
    )
}
