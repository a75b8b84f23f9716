"""The front as a page: accuracy against flash, a point a file; each point opens the recipe of its file.

In: candidates. Out: HTML that needs no network and no script: points are links, and a recipe unfolds where it is the
target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from tfcompress.result_base import STYLE
from tfcompress.search.device_budget import DeviceBudget
from tfcompress.search.judge import Candidate
from tfcompress.search.recipe import Recipe

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 760, 400, 64, 44, 16, 20
PAGE_STYLE = """
svg { width: 100%; height: auto; max-width: 60rem; display: block; }
svg text { font: 13px system-ui, sans-serif; fill: currentColor; }
.axis { stroke: #8888; } .grid { stroke: #8883; } .limit { stroke: #c2571a; stroke-dasharray: 5 4; }
.front { fill: none; stroke: #2563a8; stroke-width: 1.5; }
.tried { fill: #8889; } .on { fill: #2563a8; } .best { fill: #c2571a; }
a:focus circle, a:hover circle { stroke: currentColor; stroke-width: 3; }
.recipe { border-left: 3px solid #8884; padding: .2rem 1rem; margin: .6rem 0; }
.recipe:target { border-color: #c2571a; background: #c2571a18; }
pre { overflow-x: auto; font: 13px/1.5 ui-monospace, monospace; display: none; }
.recipe:target pre { display: block; }
@media (prefers-color-scheme: dark) { .front { stroke: #7db4f0; } .on { fill: #7db4f0; } .best { fill: #f0955c; } }
"""


def front_page(
    headline: str,
    why: str,
    front: Sequence[Candidate],
    tried: Sequence[Candidate],
    best: Candidate,
    budget: DeviceBudget,
    lines: Mapping[Recipe, str],
) -> str:
    """Return the page."""
    shown = [*front, *(each for each in tried if each not in front)]
    recipes = "".join(
        _recipe(index, each, each == best, lines.get(each.recipe, "")) for index, each in enumerate(shown)
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(headline)}</title><style>{STYLE}{PAGE_STYLE}</style></head><body>"
        f"<h1>{escape(headline)}</h1><p>{escape(why)}</p>{_picture(shown, len(front), best, budget)}"
        f"<p>A point is a file; it opens its recipe below. The line joins the files that nothing beats.</p>{recipes}"
        "</body></html>\n"
    )


def _picture(shown: Sequence[Candidate], on_front: int, best: Candidate, budget: DeviceBudget) -> str:
    sizes = [each.footprint.flash for each in shown] + ([budget.flash] if budget.flash else [])
    heights = [each.accuracy for each in shown] + [best.float_accuracy]
    most = 1.08 * max(sizes)
    low, high = min(heights), max(heights)
    gap = 0.08 * (high - low) or 0.01
    low, high = low - gap, high + gap

    def across(flash: float) -> float:
        return LEFT + flash / most * (WIDTH - LEFT - RIGHT)

    def up(accuracy: float) -> float:
        return HEIGHT - BOTTOM - (accuracy - low) / (high - low) * (HEIGHT - BOTTOM - TOP)

    lines = [
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>',
        f'<line class="axis" x1="{LEFT}" x2="{LEFT}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>',
    ]
    for part in range(5):
        flash, accuracy = most * part / 4, low + (high - low) * part / 4
        x, y = f"{across(flash):.0f}", f"{up(accuracy):.1f}"
        lines += [
            f'<text x="{x}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{flash / 1000:.3g} kB</text>',
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>',
            f'<text x="{LEFT - 6}" y="{up(accuracy) + 4:.0f}" text-anchor="end">{accuracy:.1%}</text>',
        ]
    lines.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 6}" text-anchor="middle">flash</text>')
    if budget.flash:
        x = across(budget.flash)
        lines += [
            f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>',
            f'<text x="{x - 4:.0f}" y="{TOP + 12}" text-anchor="end">budget</text>',
        ]
    y = up(best.float_accuracy)
    lines += [
        f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
        f'<text x="{LEFT + 6}" y="{y - 5:.0f}">float</text>',
    ]
    path = " ".join(f"{across(each.footprint.flash):.1f},{up(each.accuracy):.1f}" for each in shown[:on_front])
    lines.append(f'<polyline class="front" points="{path}"/>')
    for index, each in reversed([*enumerate(shown)]):
        kind = "best" if each == best else "on" if index < on_front else "tried"
        title = f"{each.accuracy:.2%}, {each.footprint.flash:,} bytes: {each.recipe}"
        lines.append(
            f'<a href="#recipe-{index}" aria-label="{escape(title)}"><circle class="{kind}" '
            f'cx="{across(each.footprint.flash):.1f}" cy="{up(each.accuracy):.1f}" r="{7 if kind == "best" else 5}">'
            f"<title>{escape(title)}</title></circle></a>"
        )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Accuracy against flash">{"".join(lines)}</svg>'


def _recipe(index: int, candidate: Candidate, chosen: bool, lines: str) -> str:
    takes = candidate.footprint
    arena = "" if takes.arena is None else f", arena {takes.arena:,} bytes"
    told = f"{candidate.accuracy:.2%}, {takes.flash:,} bytes{arena}, {takes.macs:,} MACs"
    return (
        f'<section class="recipe" id="recipe-{index}"><a href="#recipe-{index}">{escape(told)}</a>'
        f"{' <strong>best</strong>' if chosen else ''}<br>{escape(str(candidate.recipe))}"
        f"<pre>{escape(lines)}</pre></section>"
    )
