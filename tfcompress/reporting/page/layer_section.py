"""Bytes and noise by layer of one file, under the names that the layers have in the Keras model.

In: a `ReportedFile`. Out: an element.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from tfcompress.comparison.layer_errors import LayerError
from tfcompress.litert.inspect import inspect
from tfcompress.litert.manifest import entry
from tfcompress.reporting.page.elements import Child, bar, folded, table, tag
from tfcompress.reporting.reported_file import ReportedFile

GOOD, POOR = 30.0, 10.0
"""Decibels above which a layer adds no noise to speak of, and below which little of it is left."""
FULL = 60.0
"""Decibels that fill the bar."""
BETWEEN = "between layers"
"""What is of no layer of the model: casts, mostly."""


def layer_table(file: ReportedFile, opened: bool) -> Element:
    """Return a row for each layer, in the order of the file."""
    sizes: dict[str, int] = {}
    zeros: dict[str, float] = {}
    weights: dict[str, str] = {}
    named = entry(file.manifest, "layers")
    known = {*map(str, named.values())} if isinstance(named, dict) else set()
    for row in inspect(file.comparison.tflite).rows:
        layer = row.layer if not known or row.layer in known else BETWEEN
        sizes[layer] = sizes.pop(layer, 0) + row.constant_bytes  # where its last op is: some begin with a cast
        if row.zeros is not None:
            zeros[layer], weights[layer] = row.zeros, row.weights
    noise = {} if file.errors is None else {row.layer: row for row in file.errors.rows}
    rest = file.comparison.tflite.size - sum(sizes.values())
    most = max(rest, *sizes.values())
    typed = "int4" in weights.values()  # else all layers have the type that the file is known by
    headings = ["layer", "weights", "bytes", "zeros"] if typed else ["layer", "bytes", "zeros"]
    headings += ["noise: SQNR", "range used", "cut off"] if noise else []
    rows = []
    for layer, size in sizes.items():
        share = f"{zeros[layer]:.1%}" if layer in zeros else "–"
        cells: list[Child | Sequence[Child]] = [tag("strong", layer), *([weights.get(layer, "–")] if typed else [])]
        cells += [(bar(size / most), f"{size:,}"), share]
        rows.append(cells + (_noise(noise.get(layer)) if noise else []))
    cells = [tag("em", "names, graph, manifest"), *(["–"] if typed else []), (bar(rest / most, "quiet"), f"{rest:,}")]
    rows.append([*cells, *["–"] * (len(headings) - len(cells))])
    note = None
    if noise:
        note = tag(
            "p",
            "SQNR: signal to quantization noise of the layer alone. 30 dB and more is good, below 10 little is left.",
            class_="small",
        )
    summary = "Layers: bytes and noise" if noise else "Layers: bytes"
    return folded(summary, table(headings, rows, "layers"), note, open_=opened)


def _noise(row: LayerError | None) -> list[Child | Sequence[Child]]:
    if row is None:
        return ["–"] * 3
    kind = "passed" if row.sqnr >= GOOD else "unclear" if row.sqnr >= POOR else "failed"
    return [(bar(row.sqnr / FULL, kind), f"{row.sqnr:.1f} dB"), f"{row.used:.0%}", f"{row.saturated:.2%}"]
