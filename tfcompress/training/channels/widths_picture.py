"""A drawing of layer widths before and after, as SVG.

In: (name, before, after) for each layer. Out: the text of an .svg file.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

ROW, LEFT, BAR, RIGHT = 16, 260, 420, 110


def picture(rows: Sequence[tuple[str, int, int]]) -> str:
    """Draw a bar for each layer: what is left, and in a light colour what is gone."""
    widest = max((before for _, before, _ in rows), default=1)
    width, height = LEFT + BAR + RIGHT, ROW * (len(rows) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="{ROW}" fill="#333333">channels of each layer: left (dark), gone (light)</text>',
    ]
    for index, (name, before, after) in enumerate(rows):
        top = ROW * (index + 1.5)
        label = name if len(name) <= 40 else "…" + name[-39:]
        text = f"{before} → {after}" if before != after else str(before)
        parts += [
            f'<text x="{LEFT - 6}" y="{top + 10}" text-anchor="end" fill="#333333">{escape(label)}</text>',
            f'<rect x="{LEFT}" y="{top + 2}" width="{BAR * before / widest:.1f}" height="{ROW - 5}" fill="#cfd8e3"/>',
            f'<rect x="{LEFT}" y="{top + 2}" width="{BAR * after / widest:.1f}" height="{ROW - 5}" fill="#2b6cb0"/>',
            f'<text x="{LEFT + BAR * before / widest + 6:.1f}" y="{top + 10}" fill="#333333">{text}</text>',
        ]
    return "\n".join([*parts, "</svg>"])
