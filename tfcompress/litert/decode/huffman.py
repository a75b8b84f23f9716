"""A constant becomes codewords: short ones for values that are frequent.

    0 0 7 0   with   0 → 0, 7 → 10, -3 → 11   →   stream 00 10 0

Source: tensorflow/lite/micro/kernels/decode_state_huffman.h and .cc of TFLM: words of 32 bits whose highest bit comes
first, in the order of bytes of big-endian machines; what the last codeword may look ahead has to be there.
"""

from __future__ import annotations

import numpy as np

from tfcompress.litert.decode.encoding import HEADER, Encoding, Layout, header, with_header
from tfcompress.litert.decode.huffman_code import NARROW, WIDE, EntryForm, HuffmanCode

METHOD, CODE = "huffman", 1
TYPES = {"int8", "int16"}
WORD = 32
MAX_LOOKUPS = 32
"""Of one codeword; those of encoders take fewer."""
MAX_ALIKE = 1 << 24
"""Values that may come out of no bits at all: more than fit a microcontroller."""
AT_ONCE = 1 << 18
"""Bits of a stream that are looked at together."""


def encode(values: np.ndarray, layout: Layout, code: HuffmanCode) -> Encoding | None:
    """Return values as codewords; None for types that TFLM does not decode this way.

    Args:
        values: The values.
        layout: What TFLM knows of them.
        code: Has a codeword for each of them, and a table that other constants may have too.
    """
    if layout.dtype not in TYPES:
        return None
    places = np.searchsorted(code.symbols, values)
    lengths = code.lengths[places]
    starts = np.cumsum(lengths) - lengths
    ahead = int((starts + code.fetched[places]).max(initial=1))
    bits = np.zeros(-(-ahead // WORD) * WORD, np.uint8)
    for bit in range(int(code.lengths.max(initial=0))):
        reach = lengths > bit
        bits[starts[reach] + bit] = code.codewords[places[reach]] >> (lengths[reach] - 1 - bit) & 1
    head = header(CODE, (code.root_bits - 1) << 4 | (code.entries.dtype == np.uint32))
    return Encoding(METHOD, np.packbits(bits), with_header(head, code.entries))


def decode(stream: np.ndarray, table: np.ndarray, layout: Layout) -> np.ndarray:
    """Return the values.

    Raises:
        ValueError: codewords reach behind the end of the stream, or lead out of the table.
    """
    form = WIDE if table[5] & 1 else NARROW
    if layout.dtype not in TYPES or (form is NARROW and layout.dtype != "int8"):
        raise ValueError(f"codewords for values of {layout.dtype}")
    size, root_bits = form.dtype.itemsize, (int(table[5]) >> 4) + 1
    body = np.frombuffer(table.tobytes(), np.uint8)[HEADER:]
    entries = body[: len(body) // size * size].view(form.dtype)
    total = len(stream) // 4 * WORD
    if layout.count and not total:
        raise ValueError("no codewords")
    ahead = np.concatenate([stream[: total // 8], np.zeros(3, np.uint8)]).astype(np.int32)
    words = ahead[:-2] << 16 | ahead[1:-1] << 8 | ahead[2:]  # from each byte on
    found, place, first, last = [], 0, 0, -1
    for _ in range(layout.count):
        if not first <= place <= last:
            first, last = place, min(place + AT_ONCE, total)
            symbols, steps = _look_up(words, entries, form, root_bits, np.arange(first, last + 1), total)
        step = steps[place - first]
        if step < 0:
            raise ValueError(f"a codeword at bit {place:,} of {total:,} that leads out of them or of its table")
        found.append(symbols[place - first])
        if not step:  # the codeword has no bits: all that follow are alike
            if layout.count > MAX_ALIKE:
                raise ValueError(f"{layout.count:,} values that take no bits")
            found += found[-1:] * (layout.count - len(found))
            break
        place += step
    return np.array(found, np.int64).astype(layout.dtype)


def _look_up(
    words: np.ndarray, entries: np.ndarray, form: EntryForm, root_bits: int, places: np.ndarray, total: int
) -> tuple[list[int], list[int]]:
    """Return the value and the length of the codeword that begins at each place; length -1: none is there."""
    values, lengths = np.zeros(len(places), np.int64), np.full(len(places), -1)
    open_, base, at = np.arange(len(places)), np.zeros(len(places), np.int64), places
    width = np.full(len(places), root_bits)
    for _ in range(MAX_LOOKUPS):
        inside = at + width <= total
        open_, base, at, width = (each[inside] for each in (open_, base, at, width))
        index = base + (words[at >> 3] >> 24 - (at & 7) - width & (1 << width) - 1)
        inside = index < len(entries)
        open_, index, at, width = (each[inside] for each in (open_, index, at, width))
        entry = entries[index].astype(np.int64)
        count = entry >> form.count_shift & 15
        ends = entry >> form.count_shift + 4 != 0
        values[open_[ends]] = entry[ends] & form.symbol_mask
        lengths[open_[ends]] = (at + np.minimum(count, width))[ends] - places[open_[ends]]
        goes = ~ends
        open_, base = open_[goes], (index + (entry & form.offset_mask))[goes]
        at, width = (at + width)[goes], (count + 1)[goes]
        if not len(open_):
            break
    return values.tolist(), lengths.tolist()
