"""The samples that a file puts into another class than its model: which class for which, and their pictures.

In: a `Comparison`, pictures. Out: an element.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from xml.etree.ElementTree import Element

import numpy as np

from tfcompress.comparison.classification_counts import Flip
from tfcompress.comparison.result import Comparison
from tfcompress.reporting.page.elements import folded, table, tag
from tfcompress.reporting.page.small_pictures import is_picture, picture

MAX_PICTURES = 24
MAX_CLASSES = 12
"""More than these make a list of pairs instead of a square."""
MAX_PAIRS = 20


def flips(comparison: Comparison, pictures: np.ndarray | None, opened: bool) -> Element | None:
    """Return the flips of one file; None where there are none."""
    found = comparison.flips
    if not found:
        return None
    share = len(found) / max(1, comparison.samples)
    summary = f"{len(found):,} sample{'' if len(found) == 1 else 's'} put into another class ({share:.2%})"
    classes = sorted({kind for flip in found for kind in (flip.keras, flip.file)})
    counts = Counter((flip.keras, flip.file) for flip in found)
    shown = _square(classes, counts) if len(classes) <= MAX_CLASSES else _pairs(counts)
    return folded(summary, _outcome(found), shown, _pictures(comparison, pictures), open_=opened)


def _outcome(found: Sequence[Flip]) -> Element | None:
    labelled = [flip for flip in found if flip.label is not None]
    if not labelled:
        return None
    lost, won = (sum(flip[side] == flip.label for flip in labelled) for side in (1, 2))
    return tag("p", f"{lost} newly wrong, {won} newly right, {len(labelled) - lost - won} wrong before and after.")


def _square(classes: Sequence[int], counts: Counter[tuple[int, int]]) -> Element:
    """Return the confusion as a square: rows as the model says, columns as the file does."""
    most = max(counts.values())
    head = tag("tr", tag("th", "Keras ↓ file →"), *(tag("th", str(kind)) for kind in classes))
    rows = [
        tag(
            "tr",
            tag("th", str(first)),
            *(_count(counts.get((first, second), 0), most, first == second) for second in classes),
        )
        for first in classes
    ]
    return tag("table", head, *rows, class_="confusion")


def _count(count: int, most: int, same: bool) -> Element:
    if not count:
        return tag("td", class_="same" if same else None)
    return tag("td", str(count), style=f"--share:{count / most:.2f}", class_="hit")


def _pairs(counts: Counter[tuple[int, int]]) -> Element:
    cells = [(str(first), str(second), f"{count:,}") for (first, second), count in counts.most_common(MAX_PAIRS)]
    return table(("Keras", "file", "samples"), cells, "plain")


def _pictures(comparison: Comparison, pictures: np.ndarray | None) -> Element | None:
    if pictures is None or len(pictures) != comparison.samples or not is_picture(np.asarray(pictures[0])):
        return None
    figures = []
    for flip in comparison.flips[:MAX_PICTURES]:
        truth = "" if flip.label is None else f", is {flip.label}"
        text = f"{flip.sample}: {flip.keras} → {flip.file}{truth}"
        figures.append(
            tag("figure", picture(np.asarray(pictures[flip.sample]), f"sample {flip.sample}"), tag("figcaption", text))
        )
    return tag("div", *figures, class_="pictures")
