"""Names out of files become text that is safe to print: in a terminal, in one line, in the order of its letters.

In: whatever a file holds as a name. Out: the same, with what steers a terminal, breaks a line or turns the order of
letters (ESC, BEL, newlines, bidirectional controls) as escapes. Names stay as they are where something is looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def printable(value: object, most: int | None = None) -> str:
    """Return a value as one line without control characters.

    Args:
        value: A name, or anything else that a message quotes.
        most: Letters at most; what is longer ends in "…". Default: all.
    """
    text = str(value) if most is None else str(value)[: most + 1]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
    return text if most is None or len(text) <= most else text[: most - 1] + "…"


def one_line(text: str) -> str:
    """Return a message in one line: its own line breaks become spaces, other control characters escapes."""
    return printable(" ".join(text.splitlines()))


def aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, one a row, with columns below each other and numbers to the right.

    Args:
        cells: Rows of texts, the headings first, all of one length; names in them may be of a file.
    """
    columns = [[printable(cell) for cell in column] for column in zip(*cells, strict=True)]
    for column in columns:
        width, set_to = max(map(len, column)), str.rjust if is_number(column[1:]) else str.ljust
        column[:] = [set_to(cell, width) for cell in column]
    return ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]


def is_number(cells: Iterable[str]) -> bool:
    """Whether a column holds numbers, with their units and changes, and nothing else but gaps."""
    told = [cell for cell in cells if cell.strip() not in ("", "–")]
    return bool(told) and all(re.match(r"[+-]?\d", cell.strip()) for cell in told)
