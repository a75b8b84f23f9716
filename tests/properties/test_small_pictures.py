"""Pictures of a page read back: pixels, colours, and the chunks of the file."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tfcompress.reporting.page.small_pictures import COLOURS, class_picture, difference_picture, is_picture, picture


def pixels(element):
    """The pixels of an image element, read by Pillow."""
    head, _, content = element.get("src").partition(",")
    assert (element.tag, head, element.get("alt"), element.get("title")) == ("img", "data:image/png;base64", "a", "a")
    with Image.open(io.BytesIO(base64.b64decode(content, validate=True))) as image:
        image.load()
        assert image.format == "PNG"
        return np.array(image)


@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (2, 2), (5, 7, 3), (5, 7, 1)])
def test_a_picture_reads_back_from_black_to_white(shape):
    sample = np.random.default_rng(0).normal(3, 20, shape)
    scaled = np.rint(255 * (sample - sample.min()) / (sample.max() - sample.min())).astype(np.uint8)
    found = pixels(picture(sample, "a"))
    assert found.dtype == np.uint8
    assert np.array_equal(found, scaled[..., 0] if shape[2:] == (1,) else scaled)
    assert (found.min(), found.max()) == (0, 255)


def test_what_is_no_number_is_black_and_one_grey_is_black():
    assert pixels(picture(np.array([[1.0, np.nan], [3.0, 2.0]]), "a")).tolist() == [[0, 0], [255, 128]]
    assert pixels(picture(np.full((2, 3), 7.0), "a")).tolist() == [[0] * 3] * 2
    assert pixels(picture(np.array([[250, 0], [5, 10]], np.uint8), "a")).tolist() == [[255, 0], [5, 10]]


def test_classes_are_colours_and_those_beyond_begin_again():
    classes = np.arange(24).reshape(4, 6)
    assert np.array_equal(pixels(class_picture(classes, "a")), COLOURS[classes % 10])
    assert len(np.unique(COLOURS, axis=0)) == 10


def test_where_masks_differ_is_red_on_dark():
    found = pixels(difference_picture(np.array([[True, False, False], [False, True, False]]), "a"))
    red, dark = [255, 92, 92], [38, 44, 54]
    assert found.tolist() == [[red, dark, dark], [dark, red, dark]]


def test_the_lines_of_a_picture_have_no_filter_and_every_chunk_its_sum():
    """As the standard lays it out, chunk by chunk; readers are more lenient."""
    content = base64.b64decode(picture(np.array([[0, 255], [51, 102], [1, 2]]), "a").get("src").partition(",")[2])
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = [], 8
    while place < len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        data = content[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", content, place + 8 + size)[0] == zlib.crc32(kind + data)
        chunks.append((kind, data))
        place += size + 12
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    assert chunks[0][1] == bytes([0, 0, 0, 2, 0, 0, 0, 3, 8, 0, 0, 0, 0])
    assert zlib.decompress(chunks[1][1]) == bytes([0, 0, 255, 0, 51, 102, 0, 1, 2])
    assert chunks[2][1] == b""


@pytest.mark.parametrize(
    ("shape", "is_one"),
    [((2, 2), True), ((9, 2), True), ((2, 9, 1), True), ((2, 9, 3), True), ((1, 9), False), ((9, 1), False),
     ((9, 1, 3), False), ((2, 9, 2), False), ((2, 9, 4), False), ((9,), False), ((2, 2, 2, 3), False),
     ((5, 2, 2), False)],
)  # fmt: skip
def test_what_looks_like_an_image(shape, is_one):
    assert is_picture(np.zeros(shape)) is is_one
