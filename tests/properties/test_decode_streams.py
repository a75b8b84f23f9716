"""Packed weights bit by bit: against strings of digits, a reader that follows the format, and closed forms."""

import heapq

import numpy as np
import pytest

from tfcompress.litert.decode import huffman, lookup_table, pruning_mask
from tfcompress.litert.decode.encoding import (
    HEADER,
    Layout,
    header,
    layout_of,
    values_behind_header,
    with_header,
)
from tfcompress.litert.decode.huffman_code import NARROW, WIDE, huffman_code
from tfcompress.litert.graph import Quantization, Value


def bits_of(stream):
    return "".join(f"{byte:08b}" for byte in stream.tolist())


# Header and layout


def test_a_header_has_16_bytes_and_its_settings_from_the_fifth_on():
    assert header(2, 7, 9).tolist() == [2, 1, 0, 0, 1, 7, 9, *[0] * 9]
    assert header(0).tolist() == [0, 1, 0, 0, 1, *[0] * 11]
    made = with_header(header(3), np.array([1, -2], np.int16))
    assert made.tolist() == [3, 1, 0, 0, 1, *[0] * 11, 1, 0, 0xFE, 0xFF]
    assert made.dtype == np.uint8
    assert values_behind_header(made, "int16").tolist() == [1, -2]
    assert values_behind_header(made[:-1], "int16").tolist() == [1], "whole values"
    assert values_behind_header(made[:HEADER], "int32").tolist() == []
    assert with_header(header(3), np.arange(4, dtype=np.int8)[::2]).tolist()[HEADER:] == [0, 2]


@pytest.mark.parametrize(
    ("shape", "scales", "axis", "found"),
    [
        ((4, 6), 1, 0, Layout("int8", 24, 1, False, (5,))),
        ((4, 6), 4, 0, Layout("int8", 24, 4, False, (5, 6, 7, 8))),
        ((12, 2), 2, 1, Layout("int8", 24, 2, True, (5, 6))),
        ((4, 6), 6, 1, Layout("int8", 24, 6, True, (5, 6, 7, 8, 9, 10))),
        ((2, 3, 4), 4, 2, Layout("int8", 24, 4, True, (5, 6, 7, 8))),
        ((), 1, 0, Layout("int8", 1, 1, False, (5,))),
        ((4, 0), 1, 0, Layout("int8", 0, 1, False, (5,))),
    ],
)
def test_a_layout_is_that_of_the_scales(shape, scales, axis, found):
    known = Quantization(np.ones(scales, np.float32), np.arange(5, 5 + scales), axis)
    assert layout_of(Value("w", shape, "int8", quantization=known)) == found


def test_one_zero_point_is_that_of_all_channels_and_without_scales_there_is_one():
    known = Quantization(np.ones(3, np.float32), np.array([7]), 0)
    assert layout_of(Value("w", (3, 2), "int8", quantization=known)) == Layout("int8", 6, 3, False, (7, 7, 7))
    known = Quantization(np.ones(3, np.float32), np.array([7, 8]), 0)
    assert layout_of(Value("w", (3, 2), "int8", quantization=known)).zero_points == (7, 7, 7)
    for none in (None, Quantization(axis=1), Quantization(np.ones(1, np.float32), axis=1)):
        assert layout_of(Value("w", (3, 2), "float32", quantization=none)) == Layout("float32", 6, 1, False, (0,))


@pytest.mark.parametrize(
    ("shape", "scales", "axis", "words"),
    [((4, -1), 1, 0, "^an open size$"), ((4, 6, 2), 6, 1, "^scales along axis 1$"),
     ((4, 6), 1, 1, "^scales along axis 1$"),
     ((4, 6), 3, 0, r"^3 scales for a shape of \(4, 6\)$"), ((), 2, 0, r"^2 scales for a shape of \(\)$"),
     ((4, 6), 4, 1, "^4 scales for")],
)  # fmt: skip
def test_layouts_that_decode_does_not_know(shape, scales, axis, words):
    known = Quantization(np.ones(scales, np.float32), np.zeros(scales, np.int64), axis)
    with pytest.raises(ValueError, match=words):
        layout_of(Value("w", shape, "int8", quantization=known))


def test_each_value_is_of_the_channel_of_its_axis():
    assert Layout("int8", 6, 3).channel.tolist() == [0, 0, 1, 1, 2, 2]
    assert Layout("int8", 6, 3, True).channel.tolist() == [0, 1, 2, 0, 1, 2]
    assert Layout("int8", 6).channel.tolist() == [0] * 6
    assert Layout("int8", 0, 3).channel.tolist() == []


# Masks


def test_a_mask_has_a_bit_a_value_from_the_highest_on():
    values = np.array([0, 0, 7, 0, -3, 0, 0, 0, 9], np.int8)
    made = pruning_mask.encode(values, Layout("int8", 9))
    assert (made.method, bits_of(made.stream)) == ("pruning_mask", "0010100010000000")
    assert made.table.tolist() == [*header(2).tolist(), 7, 253, 9]
    assert np.array_equal(pruning_mask.decode(made.stream, made.table, Layout("int8", 9)), values)
    points = Layout("int8", 9, 3, False, (0, 0, 1))
    assert pruning_mask.encode(values, points) is None
    assert pruning_mask.encode(values, Layout("int4", 9)) is None
    assert pruning_mask.decode(made.stream, made.table, points).tolist() == [0, 0, 7, 0, -3, 0, 1, 1, 9]
    assert pruning_mask.decode(made.stream, made.table, Layout("int8", 9, 1, False, (-5,))).tolist()[:3] == [-5, -5, 7]


@pytest.mark.parametrize("dtype", ["bool", "float32", "int8", "int16", "int32", "int64"])
@pytest.mark.parametrize("method", [pruning_mask, lookup_table])
def test_values_of_every_type_come_back(rng, method, dtype):
    values = rng.choice([0, 1] if dtype == "bool" else [0, 0, 3, -7, 100], 77).astype(dtype)
    layout = Layout(dtype, 77)
    made = method.encode(values, layout)
    found = method.decode(made.stream, made.table, layout)
    assert found.dtype == dtype
    assert np.array_equal(found, values)


def test_damaged_masks_are_refused():
    layout = Layout("int8", 9)
    made = pruning_mask.encode(np.array([0, 0, 7, 0, -3, 0, 0, 0, 9], np.int8), layout)
    for stream, table, other, words in (
        (made.stream[:1], made.table, layout, "^a mask of 1 bytes for 9 values$"),
        (made.stream, made.table[:-1], layout, "^a mask that chooses 3 of 2 values$"),
        (made.stream, made.table, Layout("int4", 9), "^values of int4$"),
        (made.stream[:0], made.table, Layout("int8", 1), "^a mask of 0 bytes for 1 values$"),
        (np.zeros(2, np.uint8), made.table, Layout("int16", 9, 1, False, (3,)), "^zero points in values of int16$"),
    ):
        with pytest.raises(ValueError, match=words):
            pruning_mask.decode(stream, table, other)
    assert pruning_mask.decode(made.stream[:1], made.table, Layout("int8", 8)).tolist() == [0, 0, 7, 0, -3, 0, 0, 0]


# Tables


def test_numbers_in_a_table_take_as_few_bits_as_they_can():
    values = np.array([5, 5, -9, 5], np.int8)
    made = lookup_table.encode(values, Layout("int8", 4))
    assert (made.method, bits_of(made.stream)) == ("lookup_table", "11010000")
    assert made.table.tolist() == [*header(0, 1, 0).tolist(), 247, 5]
    for kinds in range(1, 130):
        values = np.arange(kinds).astype(np.int16)
        made = lookup_table.encode(values, Layout("int16", kinds))
        if kinds > 128:
            assert made is None
            continue
        bits = max(1, int(np.ceil(np.log2(kinds))))
        assert made.table[5] == bits
        assert made.table[6] == 0
        assert len(made.stream) == -(-kinds * bits // 8)
        assert bits_of(made.stream).startswith("".join(f"{number:0{bits}b}" for number in range(kinds)))
        assert np.array_equal(lookup_table.decode(made.stream, made.table, Layout("int16", kinds)), values)
    assert lookup_table.encode(values[:0], Layout("int16", 0)) is None
    assert lookup_table.encode(values, Layout("int4", len(values))) is None


@pytest.mark.parametrize("is_last", [False, True])
def test_channels_have_tables_of_their_own_where_that_is_smaller(is_last):
    layout = Layout("int8", 400, 4, is_last, (0,) * 4)
    values = np.zeros(400, np.int8)
    for channel in range(4):
        mine = layout.channel == channel
        values[mine] = np.resize([10 * channel, 10 * channel + 1, 10 * channel + 2][: 3 - channel // 2], mine.sum())
    made = lookup_table.encode(values, layout)
    assert made.table.tolist() == [*header(0, 2, 3).tolist(), 0, 1, 2, 10, 11, 12, 20, 21, 0, 30, 31, 0]
    assert len(made.stream) == 100
    assert np.array_equal(lookup_table.decode(made.stream, made.table, layout), values)
    one = lookup_table.encode(np.resize([1, 2], 400).astype(np.int8), layout)
    assert one.table.tolist() == [*header(0, 1, 0).tolist(), 1, 2], "one table where all are alike"


def test_damaged_tables_are_refused():
    layout = Layout("int8", 5)
    made = lookup_table.encode(np.array([3, 4, 5, 3, 4], np.int8), layout)
    none = made.table.copy()
    none[5] = 8
    for stream, table, other, words in (
        (made.stream[:1], made.table, layout, "^1 bytes for 5 numbers of 2 bits$"),
        (made.stream, made.table[:-1], layout, "^value 2 of a table of 2$"),
        (made.stream, none, layout, "^0 bits for each value of int8$"),
        (made.stream, made.table, Layout("int4", 5), "^2 bits for each value of int4$"),
    ):
        with pytest.raises(ValueError, match=words):
            lookup_table.decode(stream, table, other)
    assert lookup_table.decode(made.stream[:1], made.table, Layout("int8", 4)).tolist() == [3, 4, 5, 3]
    assert lookup_table.decode(made.stream[:0], made.table[:HEADER], Layout("int8", 0)).tolist() == []


# Codewords


def least_bits(counts):
    """What an optimal code takes: the sum of all inner nodes."""
    heap, total = [*counts], 0
    heapq.heapify(heap)
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        total += joined
        heapq.heappush(heap, joined)
    return total


def read(encoding, count, wide):
    """Follow the format as TFLM does: bits ahead, an entry, and on from there."""
    bits = bits_of(encoding.stream)
    entries = encoding.table[HEADER:].view(np.uint32 if wide else np.uint16).tolist()
    shift, offset, symbol = (27, 0x7FFFFFF, 0xFFFF) if wide else (11, 0x7FF, 0xFF)
    place, found, furthest = 0, [], 0
    for _ in range(count):
        base, width = 0, (int(encoding.table[5]) >> 4) + 1
        while True:
            furthest = max(furthest, place + width)
            at = base + int(bits[place : place + width], 2)
            entry = entries[at]
            if entry >> shift + 4:
                place += entry >> shift & 15
                found.append(entry & symbol)
                break
            base, place, width = at + (entry & offset), place + width, (entry >> shift & 15) + 1
    return np.array(found).astype(np.int16 if wide else np.int8), place, furthest


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize(
    "counts",
    [[1], [9], [3, 3], [1, 2, 4], [5, 5, 5, 5], [1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89], [2**n for n in range(14)],
     [*range(1, 60)], [100, *[1] * 40]],
    ids=str,
)  # fmt: skip
def test_codewords_are_optimal_canonical_and_read_back(rng, dtype, counts):
    symbols = np.sort(rng.choice(np.arange(-120, 120), len(counts), replace=False))
    code = huffman_code(symbols, np.array(counts), dtype)
    assert int(code.lengths @ counts) == least_bits(counts)
    words = sorted((int(length), int(symbol), int(word)) for length, symbol, word in
                   zip(code.lengths, symbols, code.codewords, strict=True))  # fmt: skip
    if len(counts) > 1:
        assert (2.0**-code.lengths).sum() == 1
        number, before = 0, 0
        for length, _, word in words:
            number <<= length - before
            assert word == number, "those of one length are consecutive, in the order of the values"
            number, before = number + 1, length
    values = rng.permutation(np.repeat(symbols, np.minimum(counts, 60))).astype(dtype)
    layout = Layout(dtype, len(values))
    made = huffman.encode(values, layout, code)
    text = {int(symbol): f"{word:0{length}b}" if length else "" for length, symbol, word in words}
    wanted = "".join(text[int(value)] for value in values)
    assert bits_of(made.stream).startswith(wanted)
    found, end, furthest = read(made, len(values), dtype == "int16")
    assert np.array_equal(found, values)
    assert end == len(wanted)
    assert len(made.stream) == 4 * max(1, -(-furthest // 32)), "whole words, and what the last one looks ahead"
    assert set(bits_of(made.stream)[len(wanted) :]) <= {"0"}
    assert made.method == "huffman"
    assert made.table[:HEADER].tolist() == [1, 1, 0, 0, 1, code.root_bits - 1 << 4 | (dtype == "int16"), *[0] * 10]
    assert np.array_equal(huffman.decode(made.stream, made.table, layout), values)
    assert huffman.decode(made.stream, made.table, layout).dtype == dtype
    assert huffman.encode(values, Layout("int32", len(values)), code) is None


def entries_of(lengths, bits):
    """The least number of entries, by trying: of the canonical code of some lengths, in tables of so many bits."""
    words, number, before = [], 0, 0
    for length in sorted(lengths):
        number <<= length - before
        words.append(f"{number:0{length}b}")
        number, before = number + 1, length

    def least(prefix):
        depth = max(len(word) for word in words if word.startswith(prefix)) - len(prefix)
        found = []
        for ahead in range(1, min(depth, bits) + 1):
            nodes = {
                word[: len(prefix) + ahead]
                for word in words
                if word.startswith(prefix) and len(word) > len(prefix) + ahead
            }
            found.append(2**ahead + sum(map(least, nodes)))
        return min(found)

    return least("")


@pytest.mark.parametrize(
    "counts", [[1, 2, 4], [1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89], [*range(1, 30)], [90, *[1] * 20]], ids=str
)
def test_tables_are_the_smallest(counts):
    code = huffman_code(np.arange(len(counts)), np.array(counts), "int8")
    assert len(code.entries) == entries_of(code.lengths.tolist(), 8)
    assert code.entries.dtype == NARROW.dtype == np.uint16
    assert huffman_code(np.arange(len(counts)), np.array(counts), "int16").entries.dtype == WIDE.dtype == np.uint32
    assert 1 <= code.root_bits <= 8


def test_damaged_codewords_are_refused(rng):
    values = rng.choice([1, 2, 3, 3, 3, 4, 5], 300).astype(np.int8)
    layout = Layout("int8", 300)
    made = huffman.encode(values, layout, huffman_code(*np.unique(values, return_counts=True), "int8"))
    for stream, table, other, words in (
        (made.stream[:-4], made.table, layout, r"^a codeword at bit [\d,]+ of [\d,]+ that leads out of them or of its"),
        (made.stream[:3], made.table, layout, "^no codewords$"),
        (made.stream, made.table[: HEADER + 2], layout, "that leads out of them or of its table$"),
        (made.stream, made.table, Layout("int16", 300), "^codewords for values of int16$"),
        (made.stream, made.table, Layout("int4", 300), "^codewords for values of int4$"),
    ):
        with pytest.raises(ValueError, match=words):
            huffman.decode(stream, table, other)
    assert np.array_equal(huffman.decode(made.stream, made.table, Layout("int8", 7)), values[:7])
    assert huffman.decode(made.stream[:0], made.table, Layout("int8", 0)).tolist() == []


def test_parts_of_a_stream_that_are_looked_at_apart_give_the_same(rng, monkeypatch):
    values = np.rint(rng.laplace(0, 9, 900)).clip(-128, 127).astype(np.int8)
    layout = Layout("int8", 900)
    made = huffman.encode(values, layout, huffman_code(*np.unique(values, return_counts=True), "int8"))
    for at_once in (1, 7, 8, 64):
        monkeypatch.setattr(huffman, "AT_ONCE", at_once)
        assert np.array_equal(huffman.decode(made.stream, made.table, layout), values)


def test_values_that_take_no_bits():
    code = huffman_code(np.array([-7]), np.array([9]), "int8")
    assert (code.lengths.tolist(), code.codewords.tolist(), code.root_bits, len(code.entries)) == ([0], [0], 1, 2)
    made = huffman.encode(np.full(9, -7, np.int8), Layout("int8", 9), code)
    assert made.stream.tolist() == [0, 0, 0, 0]
    assert huffman.decode(made.stream, made.table, Layout("int8", 9)).tolist() == [-7] * 9
    with pytest.raises(ValueError, match=r"^16,777,217 values that take no bits$"):
        huffman.decode(made.stream, made.table, Layout("int8", 2**24 + 1))


@pytest.mark.parametrize("is_last", [True, False])
def test_two_channels_have_what_each_channel_has(rng, is_last):
    """A table of its own, where that is smaller, and the zero that its zero point says."""
    layout = Layout("int8", 2000, 2, is_last, (0, 0))
    low, high = rng.integers(-64, 0, 1000), rng.integers(0, 64, 1000)
    values = np.array(np.stack([low, high], 1 if is_last else 0).reshape(-1), np.int8)
    found = lookup_table.encode(values, layout)
    assert len(found.stream) == 2000 * 6 // 8, "64 values a channel; 128 of both would take 7 bits"
    np.testing.assert_array_equal(lookup_table.decode(found.stream, found.table, layout), values)
    points = Layout("int8", 4, 2, is_last, (3, -5))
    table = with_header(header(pruning_mask.CODE), np.array([9], np.int8))
    made = pruning_mask.decode(np.packbits([1, 0, 0, 0]), table, points)
    assert made.tolist() == ([9, -5, 3, -5] if is_last else [9, 3, -5, -5])


def test_a_stream_of_numbers_that_is_an_eighth_too_short_is_an_error():
    table = with_header(header(lookup_table.CODE, 1, 0), np.array([4, 5], np.int8))
    with pytest.raises(ValueError, match="8 bytes for 72 numbers of 1 bits"):
        lookup_table.decode(np.zeros(8, np.uint8), table, Layout("int8", 72))
