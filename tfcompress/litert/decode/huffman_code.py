"""A Huffman code for values, and the tables by which TFLM reads it: some bits at a time, from one table to the next.

    counts of values   →   codewords, and entries: "this value, n of the bits" or "n bits more, that far ahead"

Source: tensorflow/lite/micro/kernels/decode_state_huffman.h of TFLM for the entries; D. A. Huffman, "A Method for the
Construction of Minimum-Redundancy Codes", 1952.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cache

import numpy as np

MAX_TABLE_BITS = 8
"""Bits that are looked up at a time; the format has 4 bits for how many of them count."""


@dataclass(frozen=True)
class EntryForm:
    """How an entry of a table is made up."""

    dtype: np.dtype
    count_shift: int
    offset_mask: int
    symbol_mask: int


NARROW = EntryForm(np.dtype(np.uint16), 11, 0x7FF, 0xFF)
WIDE = EntryForm(np.dtype(np.uint32), 27, 0x7FFFFFF, 0xFFFF)


@dataclass(frozen=True)
class HuffmanCode:
    """A codeword for each value, and the tables."""

    symbols: np.ndarray
    """The values, from the least on; what follows is in their order."""
    lengths: np.ndarray
    codewords: np.ndarray
    fetched: np.ndarray
    """How many bits TFLM reads for a codeword before it puts back those that are not of it."""
    root_bits: int
    entries: np.ndarray


def huffman_code(symbols: np.ndarray, counts: np.ndarray, dtype: str) -> HuffmanCode:
    """Return the code for some values.

    Args:
        symbols: The values, from the least on, each once.
        counts: How often each is there.
        dtype: "int8", or "int16", whose entries take twice as much.
    """
    lengths = _lengths(counts)
    order = np.lexsort((symbols, lengths))
    codewords = np.zeros(len(symbols), np.int64)
    word, before = 0, 0
    for place in order:  # the canonical code: those of one length are consecutive numbers
        word <<= int(lengths[place]) - before
        before = int(lengths[place])
        codewords[place] = word
        word += 1
    tables = _Tables(lengths, codewords)
    form = NARROW if dtype == "int8" else WIDE
    entries, fetched = tables.entries(symbols, form)
    return HuffmanCode(symbols, lengths, codewords, fetched, tables.bits(0, 0), entries)


def _lengths(counts: np.ndarray) -> np.ndarray:
    """Return the length of each codeword; a value that is alone takes no bit."""
    heap: list[tuple[int, int, list[int]]] = [(int(count), place, [place]) for place, count in enumerate(counts)]
    heapq.heapify(heap)
    lengths = np.zeros(len(counts), np.int64)
    while len(heap) > 1:
        (one, _, left), (two, number, right) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[left + right] += 1
        heapq.heappush(heap, (one + two, number, left + right))
    return lengths


class _Tables:
    """The tables of a code; each looks as many bits ahead as makes all of them together smallest."""

    def __init__(self, lengths: np.ndarray, codewords: np.ndarray) -> None:
        self._lengths, self._codewords = lengths, codewords
        self._members: dict[tuple[int, int], list[int]] = {}
        for place, (length, word) in enumerate(zip(lengths.tolist(), codewords.tolist(), strict=True)):
            for depth in range(max(1, length)):  # the inner nodes above a codeword
                self._members.setdefault((depth, word >> (length - depth)), []).append(place)
        self._best = cache(self._find_best)

    def bits(self, depth: int, prefix: int) -> int:
        """Return how many bits the table behind some first bits looks up."""
        return self._best(depth, prefix)[1]

    def _find_best(self, depth: int, prefix: int) -> tuple[int, int]:
        """Return the number of entries from here on, and the bits of the first table."""
        longest = max(int(self._lengths[place]) for place in self._members[depth, prefix]) - depth
        ways = []
        for bits in range(1, max(1, min(longest, MAX_TABLE_BITS)) + 1):
            ways.append(((1 << bits) + sum(self._best(*node)[0] for node in self._below(depth, prefix, bits)), bits))
        return min(ways)

    def _below(self, depth: int, prefix: int, bits: int) -> list[tuple[int, int]]:
        """Return the inner nodes that many bits below one."""
        nodes = ((depth + bits, prefix << bits | ahead) for ahead in range(1 << bits))
        return [node for node in nodes if node in self._members]

    def entries(self, symbols: np.ndarray, form: EntryForm) -> tuple[np.ndarray, np.ndarray]:
        """Return all tables one after the other, and the bits that are read for each codeword."""
        made: list[int] = []
        fetched = np.zeros(len(symbols), np.int64)
        begins: dict[tuple[int, int], int] = {}
        links: list[tuple[int, tuple[int, int]]] = []
        nodes = [(0, 0, 0)]
        for depth, prefix, read in nodes:  # grows
            bits, begin = self.bits(depth, prefix), len(made)
            begins[depth, prefix] = begin
            made += [0] * (1 << bits)
            for node in self._below(depth, prefix, bits):
                links.append((begin + (node[1] & (1 << bits) - 1), node))
                nodes.append((*node, read + bits))
            for place in self._members[depth, prefix]:
                rest = int(self._lengths[place]) - depth
                if rest <= bits:
                    first = begin + ((int(self._codewords[place]) & (1 << rest) - 1) << bits - rest)
                    value = 16 << form.count_shift | rest << form.count_shift | int(symbols[place]) & form.symbol_mask
                    made[first : first + (1 << bits - rest)] = [value] * (1 << bits - rest)
                    fetched[place] = read + bits
        for place, node in links:
            made[place] = self.bits(*node) - 1 << form.count_shift | begins[node] - place
        return np.array(made, form.dtype), fetched
