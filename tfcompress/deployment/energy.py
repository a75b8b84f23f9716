"""What one inference costs in energy, as an estimate from published figures for each operation.

In: a `TFLiteModel`. Out: joules of arithmetic and of memory. Measures nothing.
Source: Horowitz, "Computing's Energy Problem (and what we can do about it)", ISSCC 2014, 45 nm at 0.9 V.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike

from tfcompress.litert.ops.op_catalogue import macs
from tfcompress.litert.subgraph_runs import runs
from tfcompress.litert.tflite_model import OpFacts, Tensor, TFLiteModel, as_tflite
from tfcompress.result_base import Part, Result, Table

PICOJOULES = {"int8": 0.2 + 0.1, "float16": 1.1 + 0.4, "float32": 3.7 + 0.9}
"""A multiplication and an addition: of int8 into int32, of float16, of float32."""
SRAM, DRAM = 100 / 8, 1300 / 8
"""Picojoules for each byte from an on-chip memory of 1 MB, and from DRAM at its best; both for 64 bits at a time."""
BYTES = {"float32": 4, "int32": 4, "uint32": 4, "int64": 8, "float64": 8, "float16": 2, "int16": 2}


@dataclass(frozen=True, repr=False)
class Energy(Result):
    """An estimate for one inference, in microjoules; print it with its assumptions."""

    macs: int
    bytes_moved: int
    arithmetic: float
    from_sram: float
    """Every op reads and writes its tensors once, all in on-chip memory."""
    weights_from_dram: float
    """What is added where the weights come from DRAM instead."""

    @property
    def total(self) -> float:
        """Arithmetic and memory, all on the chip."""
        return self.arithmetic + self.from_sram

    @property
    def headline(self) -> str:
        """The sum, on the chip."""
        return f"ESTIMATE, not a measurement: {self.total:.3g} µJ for one inference"

    def parts(self) -> Iterator[Part]:
        """What the sum is made of, and where the figures are from."""
        rows = [
            (f"{self.macs:,} MACs", f"{self.arithmetic:.3g} µJ"),
            (f"{self.bytes_moved:,} bytes through on-chip memory", f"{self.from_sram:.3g} µJ"),
            ("more, with weights in DRAM", f"{self.weights_from_dram:.3g} µJ"),
        ]
        yield Table(("what", "energy"), rows)
        yield "45 nm figures: Horowitz, ISSCC 2014"


def energy(tflite: TFLiteModel | str | PathLike[str]) -> Energy:
    """Estimate the energy of one inference; compare a float file with an int8 one, not with a power meter.

    Args:
        tflite: The file, as a `TFLiteModel` or as a path.

    Returns:
        An `Energy` in microjoules: MACs at the price of their type, and each tensor that an op reads or writes once
        through on-chip memory. What caches save and what everything else on a chip costs is not in it.

    Raises:
        FileError: no readable .tflite file.

    Source:
        Horowitz, "Computing's Energy Problem (and what we can do about it)", ISSCC 2014.

    Example:
        >>> int8, floats = tfcompress.energy(tflite), tfcompress.energy(tfcompress.convert(model, "float32"))
        >>> int8.total < floats.total / 3
        True
    """
    tflite = as_tflite(tflite)
    times = runs(tflite)
    run = [(op, times.counts[op.subgraph]) for op in tflite.ops if op.subgraph in times.counts]
    arithmetic = sum(macs(op) * count * PICOJOULES[_type(op)] for op, count in run)
    weights = sum(tensor.bytes * count for op, count in run for tensor in op.inputs)
    moved = sum(_bytes(tensor) * count for op, count in run for tensor in (*op.inputs, *op.outputs))
    micro = 1e-6
    return Energy(
        macs=times.macs,
        bytes_moved=moved,
        arithmetic=arithmetic * micro,
        from_sram=moved * SRAM * micro,
        weights_from_dram=weights * (DRAM - SRAM) * micro,
    )


def _type(op: OpFacts) -> str:
    """Return the type that an op multiplies in: that of its activations."""
    dtype = op.outputs[0].dtype if op.outputs else "float32"
    return dtype if dtype in PICOJOULES else "int8" if dtype in ("uint8", "int16") else "float32"


def _bytes(tensor: Tensor) -> int:
    if tensor.bytes:
        return tensor.bytes
    count = 1
    for size in tensor.shape:
        count *= size or 1
    return count * BYTES.get(tensor.dtype, 1)
