"""Small pictures of samples and of masks, inside the page.

In: one array of pixels or of class numbers. Out: an `<img>` that needs no file.
Source of the format: PNG, ISO/IEC 15948.
"""

from __future__ import annotations

import base64
import struct
import zlib
from xml.etree.ElementTree import Element

import numpy as np

from tfcompress.reporting.page.elements import tag

COLOURS = np.array(
    [[38, 44, 54], [86, 180, 233], [230, 159, 0], [0, 158, 115], [240, 228, 66], [204, 121, 167], [0, 114, 178],
     [213, 94, 0], [170, 170, 170], [120, 94, 240]], np.uint8
)  # fmt: skip
"""Of classes 0, 1, 2, …: dark, then those that colour-blind people tell apart (Okabe and Ito, 2008)."""
DIFFERENT = (255, 92, 92)


def is_picture(sample: np.ndarray) -> bool:
    """Tell whether a sample looks like an image: height × width, in grey or in three colours."""
    return sample.ndim in (2, 3) and min(sample.shape[:2]) > 1 and (sample.ndim == 2 or sample.shape[2] in (1, 3))


def picture(sample: np.ndarray, title: str) -> Element:
    """Return an image element; the least pixel value becomes black, the largest white."""
    pixels = np.asarray(sample, np.float64)
    low, high = float(np.nanmin(pixels)), float(np.nanmax(pixels))
    scaled = np.nan_to_num((pixels - low) / ((high - low) or 1.0))
    return _image(np.rint(255 * scaled).astype(np.uint8), title)


def class_picture(classes: np.ndarray, title: str) -> Element:
    """Return a mask of class numbers as an image: a colour a class, class 0 dark."""
    return _image(COLOURS[classes % len(COLOURS)], title)


def difference_picture(differing: np.ndarray, title: str) -> Element:
    """Return where two masks differ as an image, red on dark."""
    return _image(np.where(differing[..., np.newaxis], DIFFERENT, COLOURS[0]).astype(np.uint8), title)


def _image(pixels: np.ndarray, title: str) -> Element:
    content = base64.b64encode(_png(pixels)).decode()
    return tag("img", alt=title, title=title, src=f"data:image/png;base64,{content}")


def _png(pixels: np.ndarray) -> bytes:
    height, width = pixels.shape[:2]
    colours = 3 if pixels.ndim == 3 and pixels.shape[2] == 3 else 1
    rows = pixels.reshape(height, width * colours)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)  # each line begins with its filter: none
    head = struct.pack(">IIBBBBB", width, height, 8, 2 if colours == 3 else 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
