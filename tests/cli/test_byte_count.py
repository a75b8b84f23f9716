"""Numbers of bytes on the command line."""

import argparse

import pytest

from tfcompress.cli.byte_count import byte_count


@pytest.mark.parametrize(
    ("text", "count"), [("65536", 65536), ("64k", 64_000), ("64kB", 64_000), ("1.5M", 1_500_000), ("0.5K", 500)]
)
def test_k_is_a_thousand(text, count):
    assert byte_count(text) == count


@pytest.mark.parametrize("text", ["", "k", "-1", "64 kilo", "1e3", "64KiB"])
def test_what_is_no_number_of_bytes_is_told(text):
    with pytest.raises(argparse.ArgumentTypeError, match="64k"):
        byte_count(text)
