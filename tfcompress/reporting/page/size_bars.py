"""How large the files are, as bars: bytes in flash, and deflated for the download.

In: `ReportedFile`s. Out: an element.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from tfcompress.reporting.page.elements import bar, tag
from tfcompress.reporting.page.verdict_section import named
from tfcompress.reporting.reported_file import ReportedFile


def size_bars(files: Sequence[ReportedFile]) -> Element:
    """Return two bars a file."""
    most = max(file.comparison.tflite.size for file in files)
    rows = []
    for number, file in enumerate(files, 1):
        tflite = file.comparison.tflite
        rows.append(
            tag(
                "li",
                tag("span", named(number, file, len(files)), class_="name"),
                bar(tflite.size / most),
                tag("span", f"{tflite.size:,}", class_="value"),
                bar(tflite.deflated_size / most, "quiet"),
                tag("span", f"{tflite.deflated_size:,}", class_="value quiet"),
            )
        )
    keys = (("", "bytes in flash"), ("quiet", "deflated, for the download"))
    legend = (tag("span", tag("span", class_=f"mark bar {kind}"), words, class_="key") for kind, words in keys)
    return tag("div", tag("ul", *rows, class_="sizes"), tag("p", *legend, class_="legend"))
