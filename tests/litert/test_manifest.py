import json
import zlib

import pytest

from tfcompress.errors import FileError
from tfcompress.litert.manifest import MAX_BYTES, decode, encode, entry, text


def test_what_was_encoded_comes_back_in_the_same_bytes():
    manifest = {"b": [1, 2.5, None], "a": {"x": "é"}}
    assert decode(encode(manifest)) == manifest
    assert encode(dict(reversed(manifest.items()))) == encode(manifest)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no zlib",
        encode({"a": 1})[:-6],
        zlib.compress(b"[" * 100_000),
        zlib.compress(b'"\xff\xfe"'),
        zlib.compress(b"[1, 2]"),
        zlib.compress(b" " * (MAX_BYTES + 10) + b"{}"),
        zlib.compress(b"9" * 10_000),
    ],
)
def test_what_is_no_manifest_is_told(content):
    with pytest.raises(FileError, match="manifest"):
        decode(content)


def test_a_bomb_does_not_unfold():
    import tracemalloc

    bomb = zlib.compress(b"0" * 200_000_000, 9)
    tracemalloc.start()
    with pytest.raises(FileError):
        decode(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * MAX_BYTES


def test_texts_are_short_and_steer_no_terminal():
    words = text({"\x1b[2J": ["\u202e\n\x07" * 100, 1.0, {"a": {"b": {"c": {"d": 1}}}}], "n": [*range(1000)]})
    assert words.isprintable()
    assert len(words) <= 200
    deep = json.loads("[" * 900 + "]" * 900)
    assert "…" in text(deep)


def test_entries_are_found_where_there_are_any():
    assert entry({"a": {"b": 3}}, "a", "b") == 3
    for manifest in ({}, {"a": 3}, {"a": None}, {"a": ["b"]}):
        assert entry(manifest, "a", "b") is None
