"""The values of a regression: what the file says against what the model says, on the diagonal where they agree.

In: a `Comparison`. Out: elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import numpy as np

from tfcompress.comparison.result import Comparison
from tfcompress.reporting.page.charts import Axis, Chart, around
from tfcompress.reporting.page.elements import folded, tag


def value_scatters(comparison: Comparison, opened: bool) -> Iterator[Element]:
    """Yield an element for each output whose values are no scores of classes."""
    for name, values in comparison.values.items():
        if not len(values.keras):
            continue
        ends = around(np.concatenate([values.keras, values.file]))
        agreed = Chart(Axis("Keras model", *ends), Axis("file", *ends), f"{name}: the file against the model", 320)
        agreed.line(
            agreed.left_of(ends[0]), agreed.top_of(ends[0]), agreed.left_of(ends[1]), agreed.top_of(ends[1]), "diagonal"
        )
        agreed.cloud(values.keras, values.file)
        errors = values.file - values.keras
        off = Chart(
            Axis("Keras model", *ends), Axis("file minus model", *around([*errors, 0])), f"{name}: differences", 320
        )
        off.line(off.left_of(ends[0]), off.top_of(0), off.left_of(ends[1]), off.top_of(0), "diagonal")
        off.cloud(values.keras, errors)
        summary = f"Values of {name}: file against model"
        size = np.abs(errors)
        note = f"{len(errors):,} values; they differ by {size.mean():.3g} on average, {size.max():.3g} at most."
        charts = tag("div", agreed.element, off.element, class_="charts")
        yield folded(summary, charts, tag("p", note, class_="small"), open_=opened)
