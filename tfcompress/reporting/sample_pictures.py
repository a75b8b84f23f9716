"""Small pictures of samples, inside the page.

In: one array of pixels. Out: an `<img>` that needs no file. Source of the format: PNG, ISO/IEC 15948.
"""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np


def is_picture(sample: np.ndarray) -> bool:
    """Tell whether a sample looks like an image: height × width, in grey or in three colours."""
    return sample.ndim in (2, 3) and min(sample.shape[:2]) > 1 and (sample.ndim == 2 or sample.shape[2] in (1, 3))


def picture(sample: np.ndarray) -> str:
    """Return an image element; the least pixel value becomes black, the largest white."""
    pixels = np.asarray(sample, np.float64)
    low, high = float(np.nanmin(pixels)), float(np.nanmax(pixels))
    scaled = np.nan_to_num((pixels - low) / ((high - low) or 1.0))
    content = base64.b64encode(_png(np.rint(255 * scaled).astype(np.uint8))).decode()
    return f'<img alt="" src="data:image/png;base64,{content}">'


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
