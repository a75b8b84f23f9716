"""A packed file tells by its manifest whether a weight in it has changed: one bit of a stream is another number.

In: a file and its manifest. Out: a checksum, or a `FileError`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from tfcompress.errors import FileError
from tfcompress.litert.graph import EditableFile
from tfcompress.litert.manifest import entry

LETTERS = 32


def checksum(file: EditableFile) -> str:
    """Return a checksum of all constants of a file, and of the scales of all its tensors."""
    found = hashlib.sha256()
    for graph in file.graphs:
        for value in graph.values:
            content = b"" if value.content is None else value.content.tobytes()
            known = value.quantization
            scales = b"" if known is None else known.scales.tobytes() + known.zero_points.tobytes()
            found.update(f"{len(content)} {len(scales)} ".encode() + content + scales)
    return found.hexdigest()[:LETTERS]


def require_unchanged(file: EditableFile, manifest: Mapping[str, Any]) -> None:
    """Hold a packed file against the checksum in its manifest, where there is one.

    Raises:
        FileError: they differ.
    """
    told = entry(manifest, "packing", "checksum")
    if isinstance(told, str) and told != checksum(file):
        raise FileError(
            "A packed .tflite file must hold the weights that its manifest tells of.",
            received="a file whose checksum is another one",
            hint="The file is damaged or was edited: pack or copy it again.",
        )
