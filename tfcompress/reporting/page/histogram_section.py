"""How the weights and the activations of each layer are distributed over what the file can hold.

In: a `ReportedFile`. Out: an element.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import numpy as np

from tfcompress.litert.inspect import inspect
from tfcompress.litert.ops.op_catalogue import weights
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.reporting.page.charts import histogram
from tfcompress.reporting.page.elements import folded, tag
from tfcompress.reporting.reported_file import ReportedFile

BINS = 32


def distributions(file: ReportedFile) -> Element | None:
    """Return the histograms by layer; None of a file without weights."""
    by_layer: dict[str, list[Element]] = {row.layer: [] for row in inspect(file.comparison.tflite).rows}
    for layer, values in _weights(file.comparison.tflite):
        low, high = _ends(values)
        counts, _ = np.histogram(values, BINS, (low, high))
        chart = histogram(counts.tolist(), f"weights of {layer}", (f"{low:.3g}", f"{high:.3g}"))
        by_layer.setdefault(layer, []).append(tag("figure", chart, tag("figcaption", "weights")))
    for row in () if file.errors is None else file.errors.rows:
        if row.histogram:
            chart = histogram(row.histogram, f"activations of {row.layer}", ("least", "largest"))
            by_layer.setdefault(row.layer, []).append(tag("figure", chart, tag("figcaption", "activations")))
    parts = [
        tag("div", tag("strong", layer), *figures, class_="distribution")
        for layer, figures in by_layer.items()
        if figures
    ]
    if not parts:
        return None
    note = "Over all integers that the file has for them; of float weights, over the values that occur."
    return folded("Weights and activations", tag("div", *parts, class_="grid"), tag("p", note, class_="small"))


def _weights(tflite: TFLiteModel) -> Iterator[tuple[str, np.ndarray]]:
    for op, row in zip(tflite.ops, inspect(tflite).rows, strict=True):
        for tensor in weights(op):
            values = tflite.constant(tensor, op.subgraph)
            if values is not None and values.size and values.dtype.kind in "iuf":
                yield row.layer, values.reshape(-1).astype(np.float64)


def _ends(values: np.ndarray) -> tuple[float, float]:
    most = float(np.abs(values).max())
    whole = bool((values == np.rint(values)).all()) and most <= 128
    bound = 127.0 if whole and most > 8 else 8.0 if whole else most or 1.0
    return -bound, bound
