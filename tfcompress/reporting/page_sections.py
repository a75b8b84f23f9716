"""The parts of a page below its first table: layers, flips, targets.

In: a `Comparison`, errors by layer, findings, pictures. Out: HTML, every name escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

import numpy as np

from tfcompress.comparison.layer_errors import LayerErrors
from tfcompress.comparison.result import Comparison
from tfcompress.deployment.findings import Findings
from tfcompress.litert.inspect import inspect
from tfcompress.printable_names import printable
from tfcompress.reporting.sample_pictures import is_picture, picture

MAX_PICTURES = 24


def layers(name: str, comparison: Comparison, errors: LayerErrors | None) -> str:
    """Return size, zeros and error of each layer of a file."""
    noise = {} if errors is None else {row.layer: row for row in errors.rows}
    sizes: Counter[str] = Counter()
    zeros: dict[str, float] = {}
    for row in inspect(comparison.tflite).rows:
        sizes[row.layer] += row.constant_bytes
        if row.zeros is not None:
            zeros[row.layer] = row.zeros
    cells = [("layer", "bytes", "zeros", "SQNR", "range used", "saturated")]
    for layer, size in sizes.items():
        found = noise.get(layer)
        told = ("–",) * 3 if found is None else (f"{found.sqnr:.1f} dB", f"{found.used:.0%}", f"{found.saturated:.2%}")
        cells.append((layer, f"{size:,}", f"{zeros[layer]:.1%}" if layer in zeros else "–", *told))
    return _folded(f"Layers of {name}", _table(cells))


def flips(name: str, comparison: Comparison, pictures: np.ndarray | None) -> str:
    """Return which classes were taken for which, and pictures of the samples where they are given."""
    if not comparison.flips:
        return ""
    counted = Counter((flip.keras, flip.file) for flip in comparison.flips)
    cells = [("Keras", "file", "samples"), *((str(a), str(b), f"{n:,}") for (a, b), n in counted.most_common(20))]
    body = _table(cells)
    if pictures is not None and len(pictures) == comparison.samples and is_picture(np.asarray(pictures[0])):
        body += '<div class="pictures">'
        for flip in comparison.flips[:MAX_PICTURES]:
            truth = "" if flip.label is None else f", is {flip.label}"
            text = f"{flip.sample}: {flip.keras} → {flip.file}{truth}"
            body += (
                f"<figure>{picture(np.asarray(pictures[flip.sample]))}<figcaption>{escape(text)}</figcaption></figure>"
            )
        body += "</div>"
    share = len(comparison.flips) / max(1, comparison.samples)
    return _folded(f"{len(comparison.flips):,} samples that {name} puts into another class ({share:.2%})", body)


def targets(findings: Sequence[Findings]) -> str:
    """Return what was checked against which target."""
    parts = []
    for found in findings:
        verdict = "runs" if found.passed else "does NOT run"
        facts = _table([("fact", "value"), *((key, f"{value}") for key, value in found.facts.items())])
        rows = [("", "op", "layer", "reason", "way out")]
        rows += [("stops" if r.blocks else "slows", r.op, r.layer, r.reason, r.hint) for r in found.rows]
        body = facts + (_table(rows) if found.rows else "")
        parts.append(_folded(f"{verdict} on {found.target}: {len(found.rows) or 'no'} findings", body))
    return "".join(parts)


def _folded(summary: str, body: str) -> str:
    return f'<details><summary>{escape(printable(summary))}</summary><div class="wide">{body}</div></details>'


def _table(cells: Sequence[Sequence[str]]) -> str:
    safe = [[escape(printable(cell)) for cell in row] for row in cells]
    head = "".join(f"<th>{cell}</th>" for cell in safe[0])
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in safe[1:])
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
