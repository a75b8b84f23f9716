"""Everything about one file, below its name: so that nobody asks which file a finding is about.

In: a `ReportedFile`. Out: an element.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from tfcompress.reporting.page.device_section import targets
from tfcompress.reporting.page.elements import tag
from tfcompress.reporting.page.flip_section import flips
from tfcompress.reporting.page.histogram_section import distributions
from tfcompress.reporting.page.layer_section import layer_table
from tfcompress.reporting.page.mask_section import masks
from tfcompress.reporting.page.origin_section import how_made
from tfcompress.reporting.page.value_scatter import value_scatters
from tfcompress.reporting.page.verdict_section import badge, named
from tfcompress.reporting.reported_file import ReportedFile


def file_section(number: int, file: ReportedFile, count: int, pictures: np.ndarray | None, histograms: bool) -> Element:
    """Return the section of one file.

    Args:
        number: By which charts call it.
        file: What is known of it.
        count: How many files there are. What is known of a single one, or of one that did not pass, is unfolded.
        pictures: The images that were compared.
        histograms: Whether to show how weights and activations are distributed.
    """
    heading = tag("h2", named(number, file, count), badge(file.verdict))
    opened = count == 1 or not file.passed
    return tag(
        "section",
        heading,
        flips(file.comparison, pictures, opened),
        *masks(file.comparison, pictures, opened),
        *value_scatters(file.comparison, opened),
        layer_table(file, opened),
        distributions(file) if histograms else None,
        *targets(file),
        how_made(file),
        class_="file",
    )
