"""Constants that are alike share one buffer of the file.

a = constant(bytes), b = constant(the same bytes)   →   a.content is b.content
"""

from __future__ import annotations

import numpy as np

from tfcompress.litert.graph import EditableFile


def share_constants(file: EditableFile) -> None:
    """Have constants of the same bytes share them, in all graphs; variables keep their own."""
    first: dict[bytes, np.ndarray] = {}
    for graph in file.graphs:
        for value in graph.values:
            if value.content is not None and not value.is_variable:
                value.content = first.setdefault(value.content.tobytes(), value.content)
