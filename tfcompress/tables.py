"""Text in columns that fits a terminal.

In: rows of texts, lines. Out: lines. How wide a terminal is, a command says for the time in which it prints; without
that, as in a file, a pipe and a notebook, tables are as wide as they are.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import zip_longest

from tfcompress.printable_names import printable

NARROWEST = 16
"""Letters that the widest column keeps at least where it is wrapped; below that each row becomes a list."""

_columns: ContextVar[int | None] = ContextVar("columns", default=None)


@contextmanager
def within(columns: int | None) -> Iterator[None]:
    """Make tables at most so many letters wide while the block runs; None for any width."""
    token = _columns.set(columns)
    try:
        yield
    finally:
        _columns.reset(token)


def aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, with columns below each other and numbers to the right.

    Where that is too wide for the terminal, the widest column is wrapped; where that is not enough, each row is a list
    of its cells with their headings.

    Args:
        cells: Rows of texts, the headings first, all of one length; names in them may be of a file.
    """
    rows = [[printable(cell) for cell in row] for row in cells]
    columns = [*zip(*rows, strict=True)]
    widths = [max(map(len, column)) for column in columns]
    most = _columns.get()
    excess = 0 if most is None else sum(widths) + 2 * (len(widths) - 1) - most
    if excess > 0:
        widest = widths.index(max(widths))
        if widths[widest] - excess < NARROWEST:
            return _lists(rows[0], rows[1:])
        widths[widest] -= excess
    sides = [str.rjust if is_number(column[1:]) else str.ljust for column in columns]
    return [line for row in rows for line in _row(row, widths, sides)]


def is_number(cells: Iterable[str]) -> bool:
    """Whether a column holds numbers, with their units and changes, and nothing else but gaps."""
    told = [cell for cell in cells if cell.strip() not in ("", "–")]
    return bool(told) and all(re.match(r"[+-]?\d", cell.strip()) for cell in told)


def wrapped(text: str) -> str:
    """Return text whose lines fit the terminal, each continued with its own indentation and two spaces more."""
    most = _columns.get()
    return text if most is None else "\n".join(part for line in text.split("\n") for part in _wrapped(line, most))


def _row(row: Sequence[str], widths: Sequence[int], sides: Sequence[Callable[[str, int], str]]) -> Iterator[str]:
    """Yield the lines of one row, several where a cell is wrapped."""
    pairs = zip(row, widths, strict=True)
    parts = [textwrap.wrap(cell, width) if len(cell) > width else [cell] for cell, width in pairs]
    for texts in zip_longest(*parts, fillvalue=""):
        placed = (side(text, width) for text, width, side in zip(texts, widths, sides, strict=True))
        yield "  ".join(placed).rstrip()


def _lists(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = []
    for first, *rest in rows:
        lines += [first, *(f"  {name} {cell}".rstrip() for name, cell in zip(headings[1:], rest, strict=True) if cell)]
    return wrapped("\n".join(lines)).split("\n")


def _wrapped(line: str, most: int) -> list[str]:
    if len(line) <= most:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    # What has no space in it, such as a path, is left whole, to be copied.
    return textwrap.wrap(
        line.strip(),
        most,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
