"""Entries that other tools store in a .tflite file.

In: a `TFLiteModel`. Out: the bytes of an entry.
"""

from __future__ import annotations

from tfcompress.litert.tflite_model import TFLiteModel


def entry(tflite: TFLiteModel, name: str) -> bytes | None:
    """Return the content of a metadata entry, or None where there is none of that name."""
    return next((data.tobytes() for found, data in tflite.file.metadata if found == name), None)
