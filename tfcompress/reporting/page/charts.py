"""Charts as SVG inside the page: axes with ticks, and marks on them; the style sheet has the colours, light and dark.

In: numbers. Out: an `Element`. A chart is as wide as a phone, so that its texts are readable on one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np

from tfcompress.reporting.page.elements import tag

WIDTH, HEIGHT = 360, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 26, 42
"""Room around the marks, for the texts of the axes."""


@dataclass(frozen=True)
class Axis:
    """A linear axis.

    Args:
        name: What it measures, with its unit.
        low: Its least value.
        high: Its largest.
        text: How a value is written beside a tick.
        unit: What ticks are round multiples of, such as 1,024 for bytes in KiB.
    """

    name: str
    low: float
    high: float
    text: Callable[[float], str] = "{:.6g}".format
    unit: float = 1.0

    def share(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1."""
        return (value - self.low) / ((self.high - self.low) or 1.0)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values between the ends: steps of 1, 2 or 5 times a power of ten."""
        rough = (self.high - self.low) / self.unit / most
        power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
        step = self.unit * power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
        first = math.ceil(self.low / step)
        return [step * number for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def around(values: Iterable[float], room: float = 0.08) -> tuple[float, float]:
    """Return the ends of an axis that shows all values with some room on both sides."""
    values = list(values)
    low, high = min(values), max(values)
    spare = room * (high - low) or abs(high) * room or 1.0
    return low - spare, high + spare


class Chart:
    """Marks on two axes.

    Args:
        x: The horizontal axis.
        y: The vertical axis.
        title: What the chart shows, for those who hear the page and for everyone who points at it.
        height: Of the whole, in pixels of a phone.
    """

    def __init__(self, x: Axis, y: Axis, title: str, height: int = HEIGHT) -> None:
        self._x, self._y, self._height = x, y, height
        self.element = tag("svg", tag("title", title), viewBox=f"0 0 {WIDTH} {height}", role="img")
        bottom = height - BOTTOM
        for value in x.ticks():
            at = self.left_of(value)
            self._add("line", x1=at, x2=at, y1=TOP, y2=bottom, class_="grid")
            self._add("text", x.text(value), x=at, y=bottom + 16, class_="tick middle")
        for value in y.ticks():
            at = self.top_of(value)
            self._add("line", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at, class_="grid")
            self._add("text", y.text(value), x=LEFT - 6, y=at + 4, class_="tick end")
        self._add("text", x.name, x=WIDTH - RIGHT, y=height - 6, class_="axis end")
        self._add("text", y.name, x=4, y=14, class_="axis")

    def left_of(self, value: float) -> float:
        """Pixels from the left edge."""
        return LEFT + self._x.share(value) * (WIDTH - LEFT - RIGHT)

    def top_of(self, value: float) -> float:
        """Pixels from the upper edge."""
        return self._height - BOTTOM - self._y.share(value) * (self._height - TOP - BOTTOM)

    def line(self, left: float, top: float, right: float, bottom: float, kind: str) -> None:
        """Draw a line between two places in pixels."""
        self._add("line", x1=left, y1=top, x2=right, y2=bottom, class_=kind)

    def dot(self, left: float, top: float, radius: float, kind: str, title: str = "") -> None:
        """Draw a dot at a place in pixels; the title is shown to who points at it."""
        dot = self._add("circle", cx=left, cy=top, r=radius, class_=kind)
        if title:
            dot.append(tag("title", title))

    def text(self, words: str, left: float, top: float, kind: str) -> None:
        """Write at a place in pixels."""
        self._add("text", words, x=left, y=top, class_=kind)

    def cloud(self, xs: np.ndarray, ys: np.ndarray) -> None:
        """Draw many small dots at values of the axes, as one path."""
        places = (f"M{self.left_of(x):.1f} {self.top_of(y):.1f}h0" for x, y in zip(xs, ys, strict=True))
        self._add("path", d="".join(places), class_="cloud")

    def _add(self, name: str, *words: str, **attributes: object) -> Element:
        rounded = {key: f"{value:.1f}" if isinstance(value, float) else value for key, value in attributes.items()}
        made = tag(name, *words, **rounded)
        self.element.append(made)
        return made


def histogram(counts: Sequence[int], title: str, ends: tuple[str, str]) -> Element:
    """Return a small histogram: a bar a bin, and what the first and the last bin stand for."""
    width, height, below = 168, 64, 14
    most, step = max(*counts, 1), width / len(counts)
    made = tag("svg", tag("title", title), viewBox=f"0 0 {width} {height + below}", role="img", class_="histogram")
    for place, count in enumerate(counts):
        tall = height * count / most
        if count:
            edge = place in (0, len(counts) - 1)
            made.append(
                tag(
                    "rect", x=f"{step * place:.1f}", y=f"{height - max(tall, 1):.1f}", width=f"{step - 0.6:.1f}",
                    height=f"{max(tall, 1):.1f}", class_="edge" if edge else "bin",
                )
            )  # fmt: skip
    made.append(tag("line", x1=0, x2=width, y1=height, y2=height, class_="grid"))
    for words, x, kind in ((ends[0], 0, "tick"), (ends[1], width, "tick end")):
        made.append(tag("text", words, x=x, y=height + 12, class_=kind))
    return made
