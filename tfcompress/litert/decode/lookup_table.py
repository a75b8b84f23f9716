"""A constant of few values becomes the number of each value in a table, in 1 to 7 bits.

    5 5 -9 5   →   stream 1101 0000, table -9 5

A table for each channel or one for all: TFLM steps from one to the next by a stride, which is 0 where all channels have
the same. Source: tensorflow/lite/micro/kernels/decode_state_lut.cc of TFLM, which reads the bits from the highest on.
"""

from __future__ import annotations

import numpy as np

from tfcompress.litert.decode.encoding import Encoding, Layout, header, values_behind_header, with_header

METHOD, CODE = "lookup_table", 0
TYPES = {"bool", "float32", "int8", "int16", "int32", "int64"}
MAX_BITS = 7


def encode(values: np.ndarray, layout: Layout) -> Encoding | None:
    """Return values as numbers and the smaller of one table and a table a channel; None where they are too many."""
    if layout.dtype not in TYPES:
        return None
    ways = [_encode(values, layout, apart) for apart in {False, layout.channels > 1}]
    return min((way for way in ways if way is not None), key=lambda way: len(way.stream) + len(way.table), default=None)


def _encode(values: np.ndarray, layout: Layout, apart: bool) -> Encoding | None:
    rows = values.reshape(1, -1)
    if apart:
        rows = values.reshape(-1, layout.channels).T if layout.is_last else values.reshape(layout.channels, -1)
    parts = [np.unique(row) for row in rows]
    longest = max(map(len, parts))
    bits = max(1, (longest - 1).bit_length())
    if not longest or bits > MAX_BITS:
        return None
    table = np.zeros((len(parts), longest), layout.dtype)
    numbers = np.zeros(rows.shape, np.uint8)
    for one, part in enumerate(parts):
        table[one, : len(part)] = part
        numbers[one] = np.searchsorted(part, rows[one])
    places = (numbers.T if layout.is_last else numbers).reshape(-1, 1)
    stream = np.packbits((places >> np.arange(bits - 1, -1, -1, dtype=np.uint8)) & 1)
    return Encoding(METHOD, stream, with_header(header(CODE, bits, longest if apart else 0), table))


def decode(stream: np.ndarray, table: np.ndarray, layout: Layout) -> np.ndarray:
    """Return the values.

    Raises:
        ValueError: the stream is too short, or a number is of no value in the table.
    """
    bits, stride = int(table[5]) & 7, int(table[6])
    if layout.dtype not in TYPES or not bits:
        raise ValueError(f"{bits} bits for each value of {layout.dtype}")
    if 8 * len(stream) < layout.count * bits:
        raise ValueError(f"{len(stream):,} bytes for {layout.count:,} numbers of {bits} bits")
    digits = np.unpackbits(stream, count=layout.count * bits).reshape(layout.count, bits)
    numbers = digits @ (1 << np.arange(bits - 1, -1, -1)) + stride * layout.channel
    held = values_behind_header(table, layout.dtype)
    if layout.count and numbers.max() >= len(held):
        raise ValueError(f"value {numbers.max():,} of a table of {len(held):,}")
    return held[numbers]
