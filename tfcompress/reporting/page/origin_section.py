"""Where it all comes from: models, versions and machine at the foot of the page; how each file was made.

In: `ReportedFile`s, an `ReportOrigin`. Out: elements.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from tfcompress.reporting.origin import ReportOrigin, models
from tfcompress.reporting.page.elements import folded, tag
from tfcompress.reporting.reported_file import ReportedFile


def how_made(file: ReportedFile) -> Element | None:
    """Return the manifest of a file; None where it has none."""
    if not file.manifest:
        return None
    text = tag("pre")
    text.text = json.dumps(file.manifest, indent=2)  # pure ASCII, control characters as escapes
    return folded("How the file was made", text)


def origin_section(files: Sequence[ReportedFile], origin: ReportOrigin) -> Element:
    """Return the foot of the page."""
    facts = [("model", words) for words in models([file.manifest for file in files])]
    facts += [("date", origin.date), ("machine", origin.machine)]
    facts.append(("versions", ", ".join(f"{name} {number}" for name, number in origin.versions.items())))
    parts = (part for name, words in facts for part in (tag("dt", name), tag("dd", words)))
    return tag("footer", tag("h2", "Where it comes from"), tag("dl", *parts))
