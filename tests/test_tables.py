"""Text fits the width that a command asks for, and is as wide as it is where none is asked for."""

import pytest

from tfcompress.tables import aligned, within, wrapped

TABLE = [
    ("layer", "op", "bytes", "why"),
    ("block_1/conv", "CONV_2D", "1,000", "its kernel is read once for each row of the picture"),
    ("head", "FULLY_CONNECTED", "7", ""),
]


def test_without_a_width_columns_are_below_each_other_and_numbers_to_the_right():
    assert aligned(TABLE) == [
        "layer         op               bytes  why",
        "block_1/conv  CONV_2D          1,000  its kernel is read once for each row of the picture",
        "head          FULLY_CONNECTED      7",
    ]
    assert aligned([("a", "bb"), ("\x1b", "c")]) == ["a     bb", r"\x1b  c"]
    assert wrapped("a long line " * 30) == "a long line " * 30


def test_the_widest_column_is_wrapped_first():
    with within(62):
        assert aligned(TABLE) == [
            "layer         op               bytes  why",
            "block_1/conv  CONV_2D          1,000  its kernel is read once",
            "                                      for each row of the",
            "                                      picture",
            "head          FULLY_CONNECTED      7",
        ]


def test_rows_become_lists_where_columns_have_no_room():
    with within(30):
        assert aligned(TABLE) == [
            "block_1/conv",
            "  op CONV_2D",
            "  bytes 1,000",
            "  why its kernel is read once",
            "    for each row of the",
            "    picture",
            "head",
            "  op FULLY_CONNECTED",
            "  bytes 7",
        ]


@pytest.mark.parametrize("columns", [20, 40, 62, 80, 120, 200])
def test_no_line_is_wider_and_no_word_is_lost(columns):
    with within(columns):
        lines = [*aligned(TABLE), *wrapped("  indented: " + "some words " * 20).split("\n")]
    assert max(map(len, lines)) <= columns
    words = " ".join(lines).split()
    for row in TABLE[1:]:
        assert all(word in words for cell in row for word in cell.split())
    assert words.count("some") == 20


def test_what_has_no_space_stays_whole_to_be_copied():
    with within(20):
        assert (
            wrapped("see /a/folder/of/long/name/model.tflite now")
            == "see\n  /a/folder/of/long/name/model.tflite\n  now"
        )
