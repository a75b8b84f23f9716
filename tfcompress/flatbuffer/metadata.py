"""Entries that other tools store in a .tflite file.

In: a `TFLiteModel`. Out: the bytes of an entry. Knows nothing of what they mean.
"""

from __future__ import annotations

from tfcompress.flatbuffer.model import TFLiteModel


def entry(tflite: TFLiteModel, name: str) -> bytes | None:
    """Return the content of a metadata entry, or None where there is none of that name."""
    for found in tflite._parsed.metadata or []:
        if (found.name or b"").decode("utf-8", "replace") == name:
            data = tflite._parsed.buffers[found.buffer].data
            return bytes(data) if data is not None else b""
    return None
