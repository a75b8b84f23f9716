"""Masks of a segmentation side by side: the image, the label, the model's answer, the file's, and where they differ.

In: a `Comparison`, pictures. Out: elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import numpy as np

from tfcompress.comparison.kept_outputs import MaskPair
from tfcompress.comparison.result import Comparison
from tfcompress.reporting.page.elements import folded, tag
from tfcompress.reporting.page.small_pictures import class_picture, difference_picture, is_picture, picture


def masks(comparison: Comparison, pictures: np.ndarray | None, opened: bool) -> Iterator[Element]:
    """Yield an element for each output that is a segmentation."""
    usable = pictures is not None and len(pictures) == comparison.samples and is_picture(np.asarray(pictures[0]))
    for name, pairs in comparison.masks.items():
        rows = [
            _row(pair, np.asarray(pictures[pair.sample]) if usable and pictures is not None else None) for pair in pairs
        ]
        named = f"Masks of {name}" if len(comparison.output_errors) > 1 else "Masks"
        differ = any(pair.differing for pair in pairs)
        told = "where they differ most" if differ else "no pixel differs"
        yield folded(f"{named}: {told}", *rows, open_=opened)


def _row(pair: MaskPair, image: np.ndarray | None) -> Element:
    shown = [] if image is None else [(picture(image, f"sample {pair.sample}"), "image")]
    shown += [
        (class_picture(pair.label, f"label of sample {pair.sample}"), "label"),
        (class_picture(pair.keras, f"mask of the Keras model for sample {pair.sample}"), "Keras"),
        (class_picture(pair.file, f"mask of the file for sample {pair.sample}"), "file"),
        (difference_picture(pair.keras != pair.file, f"pixels that differ in sample {pair.sample}"), "differs"),
    ]
    figures = (tag("figure", made, tag("figcaption", words)) for made, words in shown)
    heading = tag("p", f"sample {pair.sample}: {pair.differing:.2%} of the pixels differ", class_="small")
    return tag("div", heading, tag("div", *figures, class_="masks"))
