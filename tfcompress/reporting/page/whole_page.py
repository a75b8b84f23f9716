"""A report as one HTML page that needs no network, readable on a phone and in the dark.

In: `ReportedFile`s. Out: HTML. The sections stand in the order of the page, each in a file of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfcompress.reporting.origin import ReportOrigin
from tfcompress.reporting.page.accuracy_by_bytes import accuracy_by_bytes
from tfcompress.reporting.page.device_section import devices
from tfcompress.reporting.page.elements import html, tag
from tfcompress.reporting.page.file_section import file_section
from tfcompress.reporting.page.origin_section import origin_section
from tfcompress.reporting.page.verdict_section import verdict_header, verdict_table
from tfcompress.reporting.reported_file import ReportedFile

STYLE = Path(__file__).with_name("page.css")


def whole_page(
    title: str,
    files: Sequence[ReportedFile],
    origin: ReportOrigin,
    *,
    pictures: np.ndarray | None = None,
    histograms: bool = False,
) -> str:
    """Return the page.

    Args:
        title: The heading.
        files: A row each.
        origin: When, where and with what the report was made.
        pictures: The images that were compared, in their order.
        histograms: Whether to show how weights and activations are distributed.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style"),
    )
    head[-1].text = STYLE.read_text(encoding="utf-8")
    body = tag(
        "body",
        verdict_header(title, files, origin),
        verdict_table(files),
        accuracy_by_bytes(files),
        devices(files),
        *(file_section(number, file, len(files), pictures, histograms) for number, file in enumerate(files, 1)),
        origin_section(files, origin),
    )
    return f"<!doctype html>\n{html(tag('html', head, body, lang='en'))}\n"
