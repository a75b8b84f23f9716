"""A report as one HTML page: table, two plots, how the files were made; opens without a network.

In: what a `Report` holds. Out: HTML.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tfcompress.errors import MissingPackageError
from tfcompress.printable_names import printable
from tfcompress.reporting.report_row import HEADINGS, ReportRow, cells_of

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; color: #1c2733; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .4rem .8rem; border-bottom: 1px solid #d5dce3; text-align: right; }
th:first-child, td:first-child { text-align: left; }
.failed { color: #b3261e; font-weight: 600; }
.unclear { color: #8a5a00; font-weight: 600; }
.passed { color: #1b6e3c; font-weight: 600; }
svg { max-width: 100%; height: auto; }
details { margin: .6rem 0; }
summary { cursor: pointer; }
.pictures { display: flex; flex-wrap: wrap; gap: .8rem; white-space: normal; }
figure { margin: 0; width: 7rem; font-size: .75rem; }
figure img { width: 7rem; image-rendering: pixelated; }
pre { background: #f4f6f8; padding: 1rem; overflow-x: auto; font-size: .8rem; }
"""


def page(title: str, rows: Sequence[ReportRow], manifests: Mapping[str, Mapping[str, Any]], sections: str) -> str:
    """Return the whole page; every name in it is escaped.

    Args:
        title: Its heading.
        rows: The lines of its table.
        manifests: How the file of each row was made, by the name of the row.
        sections: HTML below the table.
    """
    head = "".join(f"<th>{escape(heading)}</th>" for heading in HEADINGS)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells[:-1])
        + f'<td class="{_colour(cells[-1])}">{escape(cells[-1])}</td></tr>'
        for row in rows
        for cells in cells_of(row)
    )
    made = "".join(
        f"<details><summary>How {escape(printable(row.name))} was made</summary>"
        f"<pre>{escape(json.dumps(manifests[row.name], indent=2))}</pre></details>"
        for row in rows
        if manifests[row.name]
    )
    told = escape(printable(title))
    samples = ", ".join(sorted({f"{row.samples:,} samples on {row.runtime}" for row in rows}))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{told}</title><style>{STYLE}</style></head><body><h1>{told}</h1><p>{escape(samples)}</p>"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f"{_plots(rows)}{sections}{made}</body></html>\n"
    )


def _colour(verdict: str) -> str:
    """Return the class of the cell with a verdict."""
    return {"passed": "passed", "FAILED": "failed", "too": "unclear"}.get(verdict.split()[0], "")


def require_matplotlib() -> None:
    """Raise `MissingPackageError` unless the plots can be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            "The HTML report needs matplotlib for its plots.", hint="pip install 'tfcompress[plots]'"
        ) from error


def _plots(rows: Sequence[ReportRow]) -> str:
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    metrics = list(dict.fromkeys(score.name for row in rows for score in row.scores))
    lines = 1 + len(metrics) // 2
    # Names are texts: "a$_$" is no formula. Texts take the setting when they are made, so all is drawn within it.
    with rc_context({"svg.hashsalt": "tfcompress", "svg.fonttype": "none", "text.parse_math": False}):
        figure = Figure(figsize=(10, lines * (1.2 + 0.6 * len(rows))), layout="constrained")
        sizes, *others = figure.subplots(lines, 2).flat
        _draw_sizes(sizes, rows)
        for axes, metric in zip(others, metrics, strict=False):
            _draw_differences(axes, rows, metric)
        if not metrics:
            _draw_errors(others[0], rows)
        for axes in others[max(1, len(metrics)) :]:
            axes.set_axis_off()
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _draw_sizes(axes: Any, rows: Sequence[ReportRow]) -> None:
    names = _labels(rows)
    axes.barh(names, [row.flash_bytes / 1024 for row in rows], color="#5b8def", label="in flash")
    deflated = [row.deflated_bytes / 1024 for row in rows]
    axes.barh(names, deflated, color="#1f4fa3", height=0.35, label="deflated")
    axes.set_xlabel("KiB")
    axes.set_title("Size of the file")
    axes.legend()
    axes.invert_yaxis()


def _draw_differences(axes: Any, rows: Sequence[ReportRow], metric: str) -> None:
    """Draw the difference of each file and its interval."""
    told = printable(metric)
    for name, row in zip(_labels(rows), rows, strict=True):
        for score in row.scores:
            if score.name == metric:
                factor = 100 if score.in_points else 1
                low, high = (factor * bound for bound in score.interval or (score.difference,) * 2)
                axes.plot([low, high], [name, name], color="#1f4fa3", linewidth=2)
                axes.plot([factor * score.difference], [name], "o", color="#1f4fa3")
                axes.set_xlabel(f"{'points' if score.in_points else told}, with 95 % interval")
    axes.axvline(0, color="#8a97a5", linewidth=1)
    axes.set_title(f"{told[:1].upper()}{told[1:]} against the Keras model")
    axes.invert_yaxis()


def _draw_errors(axes: Any, rows: Sequence[ReportRow]) -> None:
    axes.barh(_labels(rows), [row.mean_error for row in rows], color="#5b8def")
    axes.set_title("Mean error of the outputs")
    axes.invert_yaxis()


def _labels(rows: Sequence[ReportRow]) -> list[str]:
    """Return the names of rows for the plots."""
    return [printable(row.name) for row in rows]
