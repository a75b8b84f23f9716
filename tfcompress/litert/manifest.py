"""How a file was made, as it is written in the file: deflated JSON, which anyone may have written.

In: the bytes of the manifest. Out: a dict; or texts that are safe to print, whatever the dict holds.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from tfcompress.errors import FileError

KEY = "tfcompress_manifest"
MAX_BYTES = 4 * 2**20
"""A manifest is cut at this many bytes, so that a hostile one cannot fill the memory."""

LISTED = 12
"""Entries of a list or object that are printed."""


def encode(manifest: Mapping[str, Any]) -> bytes:
    """Return the bytes of a manifest; the same for the same content, in every process."""
    # Deflated, as it takes room in flash like everything else in the file.
    return zlib.compress(json.dumps(manifest, sort_keys=True).encode(), 9)


def decode(content: bytes) -> dict[str, Any]:
    """Read a manifest.

    Raises:
        FileError: it is no deflated JSON object, or a far too large one.
    """
    try:
        found = json.loads(zlib.decompressobj().decompress(content, MAX_BYTES))
    except (ValueError, RecursionError, zlib.error) as error:
        raise FileError(
            "The manifest in a .tflite must be deflated JSON.", received=" ".join(str(error).split())[:200]
        ) from error
    if not isinstance(found, dict):
        raise FileError("The manifest in a .tflite file must be a JSON object.", received=text(found, 100))
    return found


def entry(manifest: Mapping[str, Any], *keys: str) -> Any:
    """Return what stands under these keys, one inside the other; None where there is nothing or no object."""
    found: Any = manifest
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def text(value: Any, most: int = 200, deep: int = 3) -> str:
    """Return a value of a manifest in one short line without control characters, which could steer a terminal."""
    rest = " …" if isinstance(value, (dict, list)) and len(value) > LISTED else ""
    if isinstance(value, (dict, list)) and not deep:
        words = "…"
    elif isinstance(value, dict):
        inside = [f"{text(key, 60)} {text(inner, 60, deep - 1)}" for key, inner in [*value.items()][:LISTED]]
        words = ", ".join(inside) + rest
    elif isinstance(value, list):
        words = ", ".join(text(inner, 60, deep - 1) for inner in value[:LISTED]) + rest
    else:
        words = f"{value:.6g}" if isinstance(value, float) else str(value)[: 4 * most]
    words = "".join(letter if letter.isprintable() else " " for letter in words)
    return words if len(words) <= most else words[: most - 1] + "…"
