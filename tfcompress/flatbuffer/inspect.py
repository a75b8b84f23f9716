"""What a .tflite file is made of: ops, types, sizes, zeros, multiplications, and what is left in float.

In: a `TFLiteModel`, from tfcompress or from elsewhere. Out: an `Inspection`. Runs nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from os import PathLike

import numpy as np

from tfcompress.flatbuffer.model import Op, TFLiteModel, load
from tfcompress.flatbuffer.naming import layer_of

BORDER = {"QUANTIZE": "inputs", "DEQUANTIZE": "outputs"}
WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"}


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
    zeros: float | None
    """Share of zeros in the kernel; None for ops without one."""
    macs: int
    """Multiplications with accumulation, for one sample."""


@dataclass(frozen=True)
class Inspection:
    """The facts of one file; print it for a table."""

    tflite: TFLiteModel
    rows: tuple[OpRow, ...]
    float_ops: tuple[str, ...]

    @property
    def macs(self) -> int:
        """Multiplications with accumulation of the whole file, for one sample."""
        return sum(row.macs for row in self.rows)

    def __str__(self) -> str:
        tflite, manifest = self.tflite, self.tflite.manifest
        lines = [f"{tflite.size:,} bytes in flash, {tflite.deflated_size:,} deflated, {self.macs:,} MACs"]
        lines += [f"  input  {spec}" for spec in tflite.inputs] + [f"  output {spec}" for spec in tflite.outputs]
        table = [("op", "version", "layer", "type", "shape", "bytes", "zeros", "MACs")]
        for row in self.rows:
            shape = "×".join("?" if size is None else str(size) for size in row.shape)
            zeros = "" if row.zeros is None else f"{row.zeros:.1%}"
            cells = (row.name, f"v{row.version}", row.layer, row.dtype, shape)
            table.append((*cells, f"{row.constant_bytes:,}", zeros, f"{row.macs:,}" if row.macs else ""))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for cells in table:
            lines.append("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
        if self.float_ops:
            counted = ", ".join(f"{name} ×{count}" for name, count in Counter(self.float_ops).items())
            lines.append(f"in float: {counted}. Integer-only devices refuse the file, others run these ops slowly.")
        else:
            lines.append("every op is integer")
        if manifest:
            made = manifest.get("settings", {}).get("quantization", "?")
            calibration = manifest.get("calibration") or {}
            lines.append(
                f"made by tfcompress {manifest.get('tfcompress', '?')}: {made}, "
                f"{calibration.get('samples', 'no')} calibration samples, "
                f"model sha256 {str(manifest.get('model', {}).get('sha256', '?'))[:16]}…"
            )
        else:
            lines.append("no manifest: the file was not made by tfcompress")
        return "\n".join(lines)


def inspect(tflite: TFLiteModel | str | PathLike[str]) -> Inspection:
    """Read a .tflite file, from tfcompress or from elsewhere, op by op.

    Args:
        tflite: The file, as a `TFLiteModel` or as a path.

    Raises:
        FileError: no readable .tflite file.

    Example:
        >>> facts = tfcompress.inspect("model.tflite")
        >>> facts.rows[0].name, facts.rows[0].layer, facts.float_ops
        ('CONV_2D', 'conv', ())
    """
    tflite = tflite if isinstance(tflite, TFLiteModel) else load(tflite)
    rows = tuple(_row(tflite, op) for op in tflite.ops)
    return Inspection(tflite, rows, tuple(op.name for op in float_ops(tflite)))


def float_ops(tflite: TFLiteModel) -> list[Op]:
    """List the ops that read or write floats, without the casts at the model's own inputs and outputs."""
    ends = {index for index, _ in (*tflite.bound_inputs, *tflite.bound_outputs)}

    def at_border(op: Op) -> bool:
        side = BORDER.get(op.name)
        return side is not None and op.subgraph == 0 and all(tensor.index in ends for tensor in getattr(op, side))

    return [
        op for op in tflite.ops if any(tensor.is_float for tensor in (*op.inputs, *op.outputs)) and not at_border(op)
    ]


def _row(tflite: TFLiteModel, op: Op) -> OpRow:
    out = op.outputs[0] if op.outputs else None
    return OpRow(
        name=op.name,
        version=op.version,
        layer=layer_of(tflite, op),
        dtype=out.dtype if out else "",
        shape=out.shape if out else (),
        constant_bytes=sum(tensor.bytes for tensor in op.inputs),
        zeros=_zeros(tflite, op),
        macs=_macs(op),
    )


def _zeros(tflite: TFLiteModel, op: Op) -> float | None:
    if op.name not in WEIGHTED or len(op.inputs) < 2:
        return None
    kernel = tflite.constant(op.inputs[1], op.subgraph)
    if kernel is None:
        return None
    zero = np.asarray(op.inputs[1].zero_points or (0,)).reshape(-1)[0]
    return float((kernel == zero).mean())


def _macs(op: Op) -> int:
    """Count multiplications; open sizes count as one."""
    if op.name not in WEIGHTED or len(op.inputs) < 2 or not op.outputs:
        return 0
    kernel = [size or 1 for size in op.inputs[1].shape]
    outputs = int(np.prod([size or 1 for size in op.outputs[0].shape], dtype=np.int64))
    if op.name == "CONV_2D":
        return outputs * int(np.prod(kernel[1:], dtype=np.int64))
    if op.name == "DEPTHWISE_CONV_2D":
        return outputs * int(np.prod(kernel[1:3], dtype=np.int64))
    if op.name == "TRANSPOSE_CONV":
        read = [size or 1 for size in op.inputs[2].shape]
        return int(np.prod(read, dtype=np.int64)) * int(np.prod(kernel[:3], dtype=np.int64))
    return outputs * kernel[-1]
