"""A constant with zeros becomes a bit a value, and the values that are not zero.

    0 0 7 0 -3 0 0 0   →   stream 00101000, table 7 -3

Source: tensorflow/lite/micro/kernels/decode_state_prune.cc of TFLM, which reads the bits from the highest on.
"""

from __future__ import annotations

import numpy as np

from tfcompress.litert.decode.encoding import Encoding, Layout, header, values_behind_header, with_header

METHOD, CODE = "pruning_mask", 2
TYPES = {"bool", "float32", "int8", "int16", "int32", "int64"}


def encode(values: np.ndarray, layout: Layout) -> Encoding | None:
    """Return values as mask and rest; None where their zero is another number, which not every TFLM takes."""
    if layout.dtype not in TYPES or any(layout.zero_points):
        return None
    kept = values != 0
    return Encoding(METHOD, np.packbits(kept), with_header(header(CODE), values[kept]))


def decode(stream: np.ndarray, table: np.ndarray, layout: Layout) -> np.ndarray:
    """Return the values.

    Raises:
        ValueError: the mask is too short, or chooses more values than there are.
    """
    if layout.dtype not in TYPES:
        raise ValueError(f"values of {layout.dtype}")
    if 8 * len(stream) < layout.count:
        raise ValueError(f"a mask of {len(stream):,} bytes for {layout.count:,} values")
    kept = np.unpackbits(stream, count=layout.count).astype(bool)
    held, wanted = values_behind_header(table, layout.dtype), int(kept.sum())
    if wanted > len(held):
        raise ValueError(f"a mask that chooses {wanted:,} of {len(held):,} values")
    if layout.dtype != "int8" and any(layout.zero_points):
        raise ValueError(f"zero points in values of {layout.dtype}")
    zeros = np.array(layout.zero_points).astype(layout.dtype)
    made = zeros[layout.channel] if layout.channels > 1 else np.full(layout.count, zeros[0])
    made[kept] = held[:wanted]
    return made
