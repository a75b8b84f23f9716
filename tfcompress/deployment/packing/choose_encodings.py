"""For each constant the method that takes the fewest bytes, or none; codewords of several have one table where it pays.

In: constants. Out: the encoding of each that is packed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tfcompress.deployment.packing.packable import Packable
from tfcompress.litert.decode import huffman, lookup_table, pruning_mask
from tfcompress.litert.decode.encoding import Encoding
from tfcompress.litert.decode.huffman_code import HuffmanCode, huffman_code
from tfcompress.typing import PackingMethod

OVERHEAD = 96
"""Bytes that the file takes for one more DECODE op, its tensors and its buffers: 84 in ResNet-8."""

MAX_VALUES = 4096
"""Different values for which a Huffman code is tried; integers of 16 bits that have more hardly get smaller."""

ROUNDS = 8
"""A table for several constants is made anew for those that it is best for, until they stay the same."""


def choose_encodings(constants: Sequence[Packable], method: PackingMethod) -> dict[Packable, Encoding]:
    """Return how constants are packed; those for which nothing is smaller than their own bytes are left out.

    Args:
        constants: Those that may be packed.
        method: "auto": whichever is smallest; else the one to use.
    """
    alone = {one: best for one in constants if (best := _alone(one, method)) is not None}
    if method not in ("auto", huffman.METHOD):
        return alone
    best = alone
    for dtype in sorted(huffman.TYPES):
        members = [one for one in constants if one.layout.dtype == dtype and _has_few_values([one])]
        if len(members) > 1 and _has_few_values(members):
            best = min(best, _with_one_table(members, best), key=lambda way: _bytes(constants, way))
    return best


def _alone(one: Packable, method: PackingMethod) -> Encoding | None:
    found = []
    for module in (pruning_mask, lookup_table):
        if method in ("auto", module.METHOD):
            found.append(module.encode(one.numbers, one.layout))
    if method in ("auto", huffman.METHOD) and one.layout.dtype in huffman.TYPES and _has_few_values([one]):
        found.append(huffman.encode(one.numbers, one.layout, _code([one])))
    smallest = min(filter(None, found), key=_size, default=None)
    return smallest if smallest is not None and _size(smallest) + OVERHEAD < one.size else None


def _with_one_table(members: list[Packable], alone: dict[Packable, Encoding]) -> dict[Packable, Encoding]:
    """Return the encodings where those whose codewords are fewer that way have one code."""
    chosen = members
    for _ in range(ROUNDS):
        if not chosen:
            return alone
        code = _code(chosen)
        better = [one for one in members if _codeword_bytes(one, code) + OVERHEAD < _least(one, alone)]
        if better == chosen:
            break
        chosen = better
    else:
        code = _code(chosen)
    if not chosen:
        return alone
    made = {one: huffman.encode(one.numbers, one.layout, code) for one in chosen}
    table = made[chosen[0]].table
    return {**alone, **{one: replace(encoding, table=table) for one, encoding in made.items()}}


def _codeword_bytes(one: Packable, code: HuffmanCode) -> float:
    """Return the bytes of a constant's codewords; no end of them where the code lacks a value."""
    values, counts = np.unique(one.numbers, return_counts=True)
    places = np.searchsorted(code.symbols, values).clip(max=len(code.symbols) - 1)
    if not np.array_equal(code.symbols[places], values):
        return np.inf
    return float(code.lengths[places] @ counts) / 8


def _has_few_values(constants: Sequence[Packable]) -> bool:
    return len(np.unique(np.concatenate([one.numbers for one in constants]))) <= MAX_VALUES


def _code(constants: Sequence[Packable]) -> HuffmanCode:
    values, counts = np.unique(np.concatenate([one.numbers for one in constants]), return_counts=True)
    return huffman_code(values, counts, constants[0].layout.dtype)


def _least(one: Packable, alone: dict[Packable, Encoding]) -> int:
    return _size(alone[one]) + OVERHEAD if one in alone else one.size


def _size(encoding: Encoding) -> int:
    return len(encoding.stream) + len(encoding.table)


def _bytes(constants: Sequence[Packable], way: dict[Packable, Encoding]) -> int:
    tables = {id(one.table): len(one.table) for one in way.values()}
    streams = sum(len(one.stream) + OVERHEAD for one in way.values())
    return streams + sum(tables.values()) + sum(one.size for one in constants if one not in way)
